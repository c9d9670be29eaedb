"""`stratumd test`: the cases that somebody wrote beside their configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stratumd.cli.console import FAILED, OK, AsJson, emit, ending_at_once, say
from stratumd.errors import ConfigError, Problem

if TYPE_CHECKING:
    from stratumd.config.cases import Case, Cases
    from stratumd.engine import Pipeline
    from stratumd.plugin import Event, Observation
    from stratumd.proof.cases import Outcome, Shortcoming

BEGINNING = "2026-01-10T12:00:00Z"
"""When `0s` is, where a case writes its quotes itself."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("test")(run_cases)


def run_cases(
    files: Annotated[list[Path], typer.Argument(help="Files of cases, such as stratumd.test.yaml.", readable=False)],
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", help="Another configuration than the one that the files name.", readable=False),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Step the quotes of each case through its pipeline, and see which signals come out.

    A case that fails says what came nearest to the missing signal and which condition was not met. Nothing is connected
    to, and nothing is stored. The exit code is 1 where a case failed.
    """
    every = _read(files, config)
    with ending_at_once():
        outcomes = [(cases, _outcome(case, cases)) for cases in every for case in cases.cases]
    failed = sum([bool(outcome.shortcomings) for _, outcome in outcomes])
    if as_json:
        emit([_row(cases, outcome) for cases, outcome in outcomes], {}, as_json=True)
    else:
        for cases, outcome in outcomes:
            _show(cases, outcome)
        say(f"{len(outcomes)} {'case' if len(outcomes) == 1 else 'cases'}, {failed or 'none'} failed")
    return FAILED if failed else OK


def _read(files: Sequence[Path], config: Path | None) -> list[Cases]:
    """Read all files before any is run. `ConfigError` holds the mistakes of all of them."""
    from stratumd.config.cases import read_cases

    every: list[Cases] = []
    problems: list[Problem] = []
    for file in files:
        try:
            every.append(read_cases(file, config))
        except ConfigError as error:
            if not error.problems:
                raise
            problems += error.problems
    if problems:
        raise ConfigError(list(dict.fromkeys(problems)))
    return every


def _outcome(case: Case, cases: Cases) -> Outcome:
    from stratumd.proof.cases import judge
    from stratumd.runtime.build import build_pipeline
    from stratumd.testing.harness import FORMAT, PlainNormalizer

    def build() -> Pipeline:
        pipeline = build_pipeline(case.pipeline, cases.config.registry)
        pipeline.normalizers[FORMAT] = PlainNormalizer(PlainNormalizer.config())
        return pipeline

    event, taken = _taken(case)
    return judge(case, build, taken, event)


def _taken(case: Case) -> tuple[str | None, Callable[[], Iterable[Observation]]]:
    from stratumd import recording
    from stratumd.plugin import micros, parse_iso
    from stratumd.testing.harness import game, observation

    path = case.recording
    if path is not None:
        return None, lambda: recording.read(path)
    beginning = parse_iso(BEGINNING)
    sides = {"sport": case.game.sport, "home": case.game.home, "away": case.game.away}
    event: Event = game(beginning + micros(case.game.starts), **sides)
    polls = [
        observation(beginning + poll.at, {event: {book: list(shown.items()) for book, shown in poll.books.items()}})
        for poll in case.polls
    ]
    return event.id, lambda: polls


def _show(cases: Cases, outcome: Outcome) -> None:
    say(f"{'failed' if outcome.shortcomings else 'ok':<7} {outcome.case.name}")
    for each in outcome.shortcomings:
        say(cases.report.problem(each.at, each.message, each.hint, None, "failed").render())


def _row(cases: Cases, outcome: Outcome) -> dict[str, Any]:
    case = outcome.case
    return {
        "file": str(cases.path),
        "line": case.at.line,
        "case": case.name,
        "pipeline": case.pipeline.name,
        "passed": not outcome.shortcomings,
        "signals": len(outcome.signals),
        "failures": [_failure(each) for each in outcome.shortcomings],
    }


def _failure(found: Shortcoming) -> dict[str, Any]:
    return {
        "line": found.at.line,
        "column": found.at.column,
        "message": found.message,
        "hint": found.hint,
        "came": [signal.public() for signal in found.came],
        "nearest": found.nearest and found.nearest.public(),
    }
