"""`stratumd validate`: how good the quotes are, of the store or of recordings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stratumd.cli.console import DEFAULT_CONFIG, AsJson, ConfigPath, DatabaseUrl, emit, ending_at_once, say
from stratumd.cli.past import From, Only, To, chosen

if TYPE_CHECKING:
    from stratumd.proof import Validation

RULES = {
    "rule": "RULE", "severity": "SEVERITY", "issues": "ISSUES", "rate": "PER 1000", "books": "BOOKS",
    "example": "FOR EXAMPLE",
}  # fmt: skip
_COUNTED = {"issues": "ISSUES", "changes": "CHANGES", "rate": "PER 1000", "most": "MOST OF ALL"}
BOOKS = {"book": "BOOK", **_COUNTED}
MARKETS = {"market": "MARKET", **_COUNTED}
DAYS = {"day": "DAY", **_COUNTED}
UNKNOWN = {"book": "UNKNOWN BOOK", "first_seen": "FIRST SEEN"}
EVENTS = {
    "start": "START", "game": "GAME", "books": "BOOKS", "markets": "MARKETS", "coverage": "COVERAGE",
    "absent": "MISSING BOOKS",
}  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("validate")(validate)


def validate(
    recordings: Annotated[list[Path] | None, typer.Argument(help="Recordings to judge in place of the store.")] = None,
    config: ConfigPath = DEFAULT_CONFIG,
    database: DatabaseUrl = None,
    since: From = None,
    until: To = None,
    pipeline: Only = None,
    coverage: Annotated[bool, typer.Option("--coverage", help="A line per event: who offers what on it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what is wrong with quotes: by rule, book, market and day, per thousand changed quotes, and unknown books.

    With recordings these are judged by the rules of the configuration's pipeline, and nothing is stored.
    """
    found = _of_recordings(recordings, config, pipeline) if recordings else None
    for each in [found] if found else _of_store(config, database, pipeline, since, until):
        _show(each, coverage=coverage, as_json=as_json)


def _of_recordings(recordings: list[Path], config: Path, pipeline: str | None) -> Validation:
    from stratumd import recording
    from stratumd.config import load_config
    from stratumd.proof import Validation, judged
    from stratumd.runtime.build import build_judge

    loaded = load_config(config)
    spec = loaded.pipelines[chosen(loaded, pipeline)[0]]
    validation = Validation(spec.name, spec.operators)
    for path in recordings:  # each by itself: they need not be of one time
        with ending_at_once():
            judged(build_judge(spec, loaded.registry), recording.read(path), validation)
    return validation


def _of_store(
    config: Path, database: str | None, pipeline: str | None, since: int | None, until: int | None
) -> list[Validation]:
    from stratumd.config import load_config
    from stratumd.proof import Validation
    from stratumd.store import open_reader

    loaded = load_config(config)
    found = []
    reader = open_reader(database or loaded.database.connect_url())
    try:
        for name in chosen(loaded, pipeline):
            validation = Validation(name, loaded.pipelines[name].operators)
            validation.read(reader, since, until)
            found.append(validation)
    finally:
        reader.close()
    return found


def _show(found: Validation, *, coverage: bool, as_json: bool) -> None:
    sections = [
        (found.by_rule(), RULES),
        (found.by_book(), BOOKS),
        (found.by_market(), MARKETS),
        (found.by_day(), DAYS),
        (found.unknown_books(), UNKNOWN),
        (found.coverage() if coverage else [], EVENTS),
    ]
    if as_json:
        emit([{"pipeline": found.pipeline, **row} for rows, _ in sections for row in rows], {}, as_json=True)
        return
    if not sections[0][0]:
        say(f"{found.pipeline}: nothing wrong was found")
    for rows, columns in sections:
        if rows:
            emit([_shortened(row) for row in rows], columns, as_json=False)
            say("")


def _shortened(row: dict[str, Any]) -> dict[str, Any]:
    rules = list(row.get("rules", {}).items())[:2]
    most = ", ".join(f"{rule} {number}" for rule, number in rules)
    return {**row, "most": most, "absent": ", ".join(row.get("missing", ())[:6])}
