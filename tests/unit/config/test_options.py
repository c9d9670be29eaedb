"""Options become their plugin's model; every mistake stands at its place, in the words of the file."""

from datetime import timedelta
from typing import Annotated, Literal

import pytest
from pydantic import Field

from stratumd.config.document import Table, read
from stratumd.config.options import Owner, read_options
from stratumd.config.references import Surroundings
from stratumd.config.report import Report, Span
from stratumd.errors import ConfigError, Problem
from stratumd.plugin import PluginConfig, Secret
from tests.support.plugins import FeedOptions
from tests.unit.config.reading import ENV, Reading, changed, place


class Wide(PluginConfig):
    """One option of every type that plugins use."""

    whole: int = 1
    number: float = Field(default=1.0, gt=0, lt=10)
    truth: bool = False
    text: str = Field(default="a", min_length=1, max_length=3)
    slug: Annotated[str, Field(pattern="^[a-z_]+$")] = "a"
    choice: Literal["slow", "fast"] = "slow"
    either: int | Literal["auto"] = 1
    length: timedelta = timedelta(minutes=1)
    least: timedelta = Field(default=timedelta(minutes=1), ge=timedelta(seconds=90))
    many: tuple[int, ...] = Field(default=(1,), min_length=1, max_length=2)
    table: dict[str, float] = Field(default_factory=dict)
    even: int = Field(default=2, multiple_of=2)
    secret: Secret | None = None


def problems(text: str) -> tuple[Problem, ...]:
    report = Report("c.yaml", text)
    table = read(text, report)
    assert isinstance(table, Table)
    read_options(Wide, table, Owner("wide", Span(1, 1)), report, Surroundings({}, None))
    with pytest.raises(ConfigError) as caught:
        report.close()
    return caught.value.problems


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("whole: x", "expected a whole number", "its default is 1"),
        ("whole: 1.5", "expected a whole number", "its default is 1"),
        ("number: x", "expected a number", "its default is 1.0"),
        ("number: 0", "must be more than 0", "its default is 1.0"),
        ("number: 10", "must be less than 10", "its default is 1.0"),
        ("truth: perhaps", "expected true or false", "its default is false"),
        ("text: 5", "expected a text", 'quote it: "5"'),
        ("text: {a: b}", "expected a text", "quote it if the colon belongs to the text"),
        ("text: [a]", "expected a text", "write one text, without brackets or dashes"),
        ("text: abcd", "must have at most 3 characters", "its default is a"),
        ("text: ''", "must have at least 1 character", "its default is a"),
        ("slug: Big Ten", "expected a text that matches ^[a-z_]+$", "did you mean 'big_ten'?"),
        ("slug: '5'", "expected a text that matches ^[a-z_]+$", "its default is a"),
        ("choice: fsat", "expected one of slow, fast", "did you mean 'fast'?"),
        ("choice: FAST", "expected one of slow, fast", "did you mean 'fast'?"),
        ("either: x", "expected a whole number or one of auto", "its default is 1"),
        ("length: 60", "expected a duration such as 30s, 10m, 2h or 14d", "did you mean 60s?"),
        ("length: 3 minutes", "expected a duration such as 30s, 10m, 2h or 14d", "did you mean 3m?"),
        ("length: 2 Hours", "expected a duration such as 30s, 10m, 2h or 14d", "did you mean 2h?"),
        ("length: 5 mos", "expected a duration such as 30s, 10m, 2h or 14d", "its units are ms, s, m, h, d and w"),
        ("length: soon", "expected a duration such as 30s, 10m, 2h or 14d", "its default is 1m"),
        ("least: 60s", "must be at least 1 minute and 30 seconds", "its default is 1m"),
        ("many: 5", "expected a list", "write it in brackets: [5]"),
        ("many: {a: 5}", "expected a list", "write it in brackets: [a, b]"),
        ("many: []", "must have at least 1 entry", "its default is [1]"),
        ("many: [1, 2, 3]", "must have at most 2 entries", "its default is [1]"),
        ("table: [a]", "expected a mapping", "write its keys below it, indented: 'key: value'"),
        ("even: 3", "must be a multiple of 2", "its default is 2"),
        ("whole:", "expected a value", "write one after the colon, or remove the line"),
    ],
)
def test_a_wrong_value_says_what_is_expected(text: str, message: str, hint: str | None) -> None:
    (problem,) = problems(text)
    option, _, value = text.partition(": ")
    assert problem.message == f"option {option.rstrip(':')!r} of wide: {message}"
    assert problem.hint == hint
    if value and not value.startswith("{"):
        assert place(problem) in text


def test_a_wrong_item_and_a_wrong_entry_have_paths() -> None:
    first, second = problems("many: [1, x]\ntable: {a: 1, b: y}\n")
    assert (first.line, first.column, first.message) == (1, 11, "option 'many.1' of wide: expected a whole number")
    assert (second.line, second.column, second.message) == (2, 18, "option 'table.b' of wide: expected a number")


def test_an_unknown_option_suggests_the_nearest(reading: Reading) -> None:
    problem = reading.problem(changed("[average, gap]", "[{average: {min_boks: 5}}, gap]"))
    assert problem.message == "unknown option 'min_boks' in detector 'average'"
    assert place(problem) == "min_boks"
    assert problem.hint == "did you mean 'min_books'?"
    assert problem.docs == "plugins/average"


def test_an_unknown_option_far_from_all_lists_them(reading: Reading) -> None:
    problem = reading.problem(changed("[average, gap]", "[average, gap: {zzz: 5}]"))
    assert problem.hint == "its options are: threshold"


def test_an_unknown_option_of_a_nested_model(reading: Reading) -> None:
    problem = reading.problem(changed("use: feed", "use: feed\n    quota: {dayly: 5}"))
    assert problem.message == "unknown option 'dayly' in 'quota' of source 'nba'"
    assert problem.hint == "did you mean 'daily'?"


def test_a_missing_option_is_named_at_its_owner(reading: Reading) -> None:
    problems = reading.problems(changed("    api_key: ${env:KEY}\n    sports: [basketball]\n", ""))
    assert [problem.message for problem in problems] == [
        "source 'nba' needs the option 'api_key'",
        "source 'nba' needs the option 'sports'",
    ]
    assert {place(problem) for problem in problems} == {"nba"}
    assert problems[0].hint == "add 'api_key: ${env:API_KEY}'"


def test_all_mistakes_of_a_component_are_told_at_once(reading: Reading) -> None:
    text = changed("use: feed", "use: feed\n    timeout: 10\n    shape: round\n    quota: {daily: 0, pause: x}")
    assert [problem.line for problem in reading.problems(text)] == [4, 5, 6, 6]


def test_right_options_become_the_model(reading: Reading) -> None:
    text = changed("use: feed", "use: feed\n    timeout: 1h30m\n    limits: {a: 3}\n    quota: {pause: 5s}")
    options = reading.config(text).sources["nba"].options
    assert isinstance(options, FeedOptions)
    assert options.timeout == timedelta(hours=1, minutes=30)
    assert options.limits == {"a": 3}
    assert (options.quota.daily, options.quota.pause) == (100, timedelta(seconds=5))


def test_a_wrong_value_from_the_surroundings_is_corrected_there(reading: Reading) -> None:
    text = changed("use: feed", "use: feed\n    host: ${env:URL}")
    assert reading.problem(text, {**ENV, "URL": "http://x"}).hint == "it comes from env:URL: correct it there"
    text = changed("use: feed", "use: feed\n    host: ${env:URL:-http://x}")
    assert "URL" not in str(reading.problem(text).hint)


def test_a_wrong_secret_from_the_surroundings_is_no_secret_written_out(reading: Reading) -> None:
    """Where it already is a reference, 'write a reference' would mislead."""
    text = changed("    detectors", "    pricing: {two_way: '${env:HOOK}'}\n    detectors")
    problem = reading.problem(text)
    assert problem.hint == "it comes from env:HOOK: correct it there"
    assert ENV["HOOK"] not in problem.render()
