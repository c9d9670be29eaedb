"""Pipelines: what feeds them, the order of detectors, the names of sinks, pricing and operators."""

import pytest

from stratumd.odds import Pricing
from stratumd.odds.margin import sigma_for
from tests.support.plugins import Average, Gap, Post
from tests.unit.config.reading import ENV, Reading, changed, place


def test_a_pipeline_is_read_in_order(reading: Reading) -> None:
    pipeline = reading.config().pipelines["nba"]
    assert pipeline.runs
    assert pipeline.sources == ("nba",)
    assert [(spec.name, spec.component) for spec in pipeline.detectors] == [("average", Average), ("gap", Gap)]
    assert [(spec.name, spec.use, spec.component) for spec in pipeline.sinks] == [("nba.post", "post", Post)]
    assert pipeline.pricing == Pricing()
    assert pipeline.operators == {}


@pytest.mark.parametrize(
    "detectors",
    [
        "[average, gap: {}]",
        "[average: {min_books: 5}, gap]",
        "\n      - average:\n      - gap:\n          threshold: 1\n",
    ],
)
def test_an_item_is_a_name_or_a_name_with_options(reading: Reading, detectors: str) -> None:
    config = reading.config(changed("[average, gap]", detectors))
    assert [spec.name for spec in config.pipelines["nba"].detectors] == ["average", "gap"]


def test_pricing_and_operators(reading: Reading) -> None:
    more = "    pricing: {two_way: shin}\n    operators: {x: [a, b], y: [c]}"
    text = changed("    sources: [nba]", f"    sources: [nba]\n{more}")
    pipeline = reading.config(text).pipelines["nba"]
    assert pipeline.pricing == Pricing(two_way="shin")
    assert pipeline.operators == {"a": "x", "b": "x", "c": "y"}


def test_margins_by_sport_reach_the_engine(reading: Reading) -> None:
    more = "    pricing: {margins: {baseball_mlb: {spread: 4.4, total: 4.6}, basketball_nba: {spread: 12, total: 17}}}"
    text = changed("    sources: [nba]", f"    sources: [nba]\n{more}")
    pricing = reading.config(text).pipelines["nba"].pricing
    assert sigma_for("baseball_mlb", "spreads", pricing.margins) == 4.4
    assert sigma_for("basketball_nba", "totals", pricing.margins) == 17
    assert sigma_for("basketball_wnba", "totals", pricing.margins) == 14.5, "the built-in figure stays"
    assert all(model.assumed and model.source == "configured" for model in pricing.margins.values())


@pytest.mark.parametrize(
    ("margins", "message", "at"),
    [
        ("{nba: {spread: 0, total: 16}}", "must be more than 0", "0"),
        ("{nba: {spread: 11, total: .inf}}", "expected a finite number", ".inf"),
        ("{nba: {spread: 11}}", "needs the option 'total'", "nba"),
        ("{nba: {spread: 11, totl: 16}}", "unknown option 'totl'", "totl"),
        ("{nba: 11}", "expected a mapping", "11"),
        ("{NBA: {spread: 11, total: 16}}", "expected a sport's key", "NBA"),
        ("[nba]", "expected a mapping", "margins"),
    ],
)
def test_mistakes_in_margins(reading: Reading, margins: str, message: str, at: str) -> None:
    text = changed("    sources: [nba]", f"    sources: [nba]\n    pricing:\n      margins: {margins}")
    problem = max(reading.problems(text), key=lambda each: each.column)
    assert message in problem.message
    assert place(problem) == at
    assert problem.hint


def test_a_filter_of_a_sink(reading: Reading) -> None:
    (sink,) = (
        reading.config(changed('"${env:HOOK}"', '"${env:HOOK}", when: {types: [GAP], min_strength: 60}'))
        .pipelines["nba"]
        .sinks
    )
    assert (sink.when.types, sink.when.min_strength, sink.when.markets) == (("GAP",), 60, ())


def test_two_sinks_of_one_kind_have_names(reading: Reading) -> None:
    text = changed("      - post:", '      - post: {webhook: "${env:HOOK}", name: second}\n      - post:')
    assert [sink.name for sink in reading.config(text).pipelines["nba"].sinks] == ["nba.second", "nba.post"]


def test_a_disabled_sink_is_kept_and_a_disabled_detector_is_not(reading: Reading) -> None:
    text = changed('"${env:HOOK}"', '"${env:HOOK}", enabled: false').replace("gap]", "gap: {enabled: false}]")
    pipeline = reading.config(text, {"KEY": "k"}).pipelines["nba"]
    assert [(sink.name, sink.enabled, sink.options) for sink in pipeline.sinks] == [("nba.post", False, None)]
    assert [spec.name for spec in pipeline.detectors] == ["average"]


@pytest.mark.parametrize(
    ("detectors", "hint"),
    [
        ("[gap]", None),
        ("[gap, average]", "move 'average' above it, and keep it enabled"),
        ("[average: {enabled: false}, gap]", "move 'average' above it, and keep it enabled"),
    ],
)
def test_what_a_detector_needs_comes_before_it(reading: Reading, detectors: str, hint: str | None) -> None:
    problem = reading.problem(changed("[average, gap]", detectors))
    assert (problem.message, place(problem)) == ("gap needs average before it", "gap")
    assert problem.hint == (hint or "add '- average' above it")
    assert problem.docs == "plugins/gap"


def test_a_misspelt_detector_is_one_mistake(reading: Reading) -> None:
    problem = reading.problem(changed("[average, gap]", "[averge, gap]"))
    assert (place(problem), problem.hint) == ("averge", "did you mean 'average'?")


def test_a_detector_before_the_misspelt_one_is_judged(reading: Reading) -> None:
    problems = reading.problems(changed("[average, gap]", "[gap, averge]"))
    assert [place(problem) for problem in problems] == ["gap", "averge"]


def test_a_disabled_detector_needs_nothing(reading: Reading) -> None:
    assert reading.config(changed("[average, gap]", "[gap: {enabled: false}]")).pipelines["nba"].detectors == ()


@pytest.mark.parametrize(
    ("old", "new", "message", "at"),
    [
        ("sources: [nba]", "sources: [nab]", "no source 'nab' is configured", "nab"),
        ("sources: [nba]", "sources: [nba, nba]", "source 'nba' is listed twice", "nba"),
        ("sources: [nba]", "sources: [[nba]]", "expected the name of a source", "[nba]"),
        ("    sources: [nba]\n", "", "pipeline 'nba' has no sources", "nba"),
        ("sources: [nba]", "sources: nba", "'sources' of pipeline 'nba': expected a list", "nba"),
        ("[average, gap]", "[average, average, gap]", "pipeline 'nba' has two detectors named 'average'", "average"),
        ("[average, gap]", "[average, [gap]]", "expected a detector", "[gap]"),
        ("[average, gap]", "[average, 5]", "expected a detector", "5"),
        ("[average, gap]", "[average, {}]", "expected a detector", "{}"),
        ("[average, gap]", "[average, gap: 5]", "detector 'gap': expected a mapping", "5"),
        ("[average, gap]", "[average, {gap: , more: }]", "an item names one detector; 'more' is one too many", "more"),
        ("[average, gap]", "[average, post]", "plugin 'post' has no detector 'post'", "post"),
        ("[average, gap]", "[average, gap.wide]", "plugin 'gap' has no detector 'gap.wide'", "gap.wide"),
        ("use: feed", "use: fed", "no plugin 'fed' is installed", "fed"),
        ("use: feed", "use: gap", "plugin 'gap' has no source 'gap'", "gap"),
        ("    use: feed\n", "", "source 'nba' does not say which plugin it uses", "nba"),
        ("use: feed", "use: 5", "'use' of source 'nba': expected the name of a plugin", "5"),
        ("    schedule: {every: 60s}\n", "", "source 'nba' has no schedule", "nba"),
        ("  nba:\n    use", "  2nd:\n    use", "'2nd' cannot be the name of a source", "2nd"),
        ("    sinks:", "    sink:", "unknown key 'sink' in pipeline 'nba'", "sink"),
        ("pipelines:\n  nba:", "pipelines:\n  n.b:", "'n.b' cannot be the name of a pipeline", "n.b"),
        ('HOOK}"}', 'HOOK}", name: a.b}', "'a.b' cannot be the name of a sink", "a.b"),
        ('HOOK}"}', 'HOOK}", when: {types: [GPA]}}', "no detector of pipeline 'nba' gives", "GPA"),
        ("    sinks:", "    operators: {a: [x], b: [x]}\n    sinks:", "book 'x' already belongs to 'a'", "x"),
        ("    sinks:", "    operators: {a: [[x]]}\n    sinks:", "expected a book's key", "[x]"),
        ("    sinks:", "    pricing: {two_way: worst}\n    sinks:", "expected one of multiplicative", "worst"),
    ],
)  # fmt: skip
def test_mistakes(reading: Reading, old: str, new: str, message: str, at: str) -> None:
    problem = reading.problems(changed(old, new))[0]
    assert message in problem.message
    assert place(problem) == at
    assert problem.hint or problem.docs


def test_types_of_signals_are_not_judged_where_a_detector_does_not_tell_its_own(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Gap, "signals", {})
    text = changed('"${env:HOOK}"', '"${env:HOOK}", when: {types: [ANYTHING]}')
    assert reading.config(text).pipelines["nba"].sinks[0].when.types == ("ANYTHING",)


TAPE = "  tape:\n    use: tape\n    files: [a.jsonl]\n"


def test_a_continuous_source_has_no_schedule(reading: Reading) -> None:
    text = changed("pipelines:", f"{TAPE}pipelines:").replace("sources: [nba]", "sources: [nba, tape]")
    assert reading.config(text).sources["tape"].schedule is None
    problem = reading.problem(text.replace("files: [a.jsonl]", "files: [a.jsonl]\n    schedule: {every: 1s}"))
    assert problem.message == "source 'tape' takes no schedule: it runs until its input ends"
    assert place(problem) == "schedule"


def test_a_source_that_no_pipeline_reads_is_worth_a_warning(reading: Reading) -> None:
    (warning,) = reading.config(changed("pipelines:", f"{TAPE}pipelines:")).warnings
    assert (warning.severity, warning.message) == ("warning", "no pipeline reads source 'tape'")
    assert reading.config(changed("pipelines:", f"{TAPE}    enabled: false\npipelines:")).warnings == ()


def test_an_unreadable_format_is_named(reading: Reading, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.support.plugins import Feed

    monkeypatch.setattr(Feed, "format", "unheard-of")
    problem = reading.problem(changed("nba", "nba"), ENV)
    assert "nothing that is installed reads what this source fetches" in problem.message
    assert problem.hint == "install the plugin 'unheard-of'"
