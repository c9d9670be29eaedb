"""`stratumd audit`: whether signals know what they cannot know, and what people did."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from stratumd.cli.console import DEFAULT_CONFIG, FAILED, AsJson, ConfigPath, DatabaseUrl, emit, ending_at_once, say
from stratumd.cli.past import From, Only, To, chosen, pasts
from stratumd.plugin import iso

if TYPE_CHECKING:
    from stratumd.plugin import Micros, Observation
    from stratumd.proof.audit import Audit, Changed


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(help="Prove what signals cannot know, and show what people did.", no_args_is_help=True)
    group.command("point-in-time")(point_in_time)
    group.command("verify")(verify)
    group.command("log")(log)
    app.add_typer(group, name="audit")


def point_in_time(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Recordings: .jsonl or .jsonl.xz; else what is stored.")
    ] = None,
    config: ConfigPath = DEFAULT_CONFIG,
    database: DatabaseUrl = None,
    since: From = None,
    until: To = None,
    pipeline: Only = None,
    as_json: AsJson = False,
) -> None:
    """Perturb the future of every signal and compute the signal again. Exit code 1 where one changes.

    Also where a detector or normalizer opens a file, a socket or a program while it should only compute.
    """
    audits = list(
        _recorded(files, config, pipeline, since, until) if files else _stored(config, database, pipeline, since, until)
    )
    if as_json:
        emit([each.public() for each in audits], {}, as_json=True)
    else:
        for each in audits:
            _show(each)
    if not all(each.clean for each in audits):
        raise typer.Exit(FAILED)


def _stored(
    config: Path, database: str | None, pipeline: str | None, since: Micros | None, until: Micros | None
) -> Iterator[Audit]:
    from stratumd.proof.audit import audit

    with pasts(config, database, pipeline) as found:
        for past in found:
            ids = [turn.observation for turn in past.as_taken(past.start(since))]
            yield audit(partial(past.reader.observations, ids), past.configured, since, until)


def _recorded(
    files: list[Path], config: Path, pipeline: str | None, since: Micros | None, until: Micros | None
) -> Iterator[Audit]:
    from stratumd.cli.replay import merged
    from stratumd.config import load_config
    from stratumd.proof.audit import audit
    from stratumd.runtime.build import build_pipeline

    loaded = load_config(config)
    observations: list[Observation] = list(merged(files))
    for name in chosen(loaded, pipeline):
        build = partial(build_pipeline, loaded.pipelines[name], loaded.registry)
        with ending_at_once():
            found = audit(lambda: observations, build, since, until)
        yield found


def _show(found: Audit) -> None:
    rate = f"{found.signals / found.seconds:,.0f} signals/s" if found.seconds else ""
    say(
        f"{found.pipeline}: {found.signals:,} signals of {found.observations:,} observations checked against "
        f"{found.futures:,} observations that never were: {found.changed:,} changed, in {found.seconds:.1f} s ({rate})"
    )
    for example in found.examples:
        say(f"  {_changed(example)}")
    for reach, times in found.reaches.most_common():
        say(f"  {reach.where} opens what it should not, {times:,} times: {reach.what} {reach.target}")
    for failure, times in found.failures.most_common():
        say(f"  failed {times:,} times: {failure}")


def _changed(example: Changed) -> str:
    signal = example.signal or example.again
    assert signal is not None, "one of the two is there"
    what = "is not there" if example.again is None else "is there only then" if example.signal is None else "is another"
    subject = f"{signal.type} {signal.market} {signal.outcome} {signal.direction} of {signal.event}"
    return f"{subject}, {iso(signal.observed_at)}: with another future it {what}"


_ACTS = {
    "sequence": "NUMBER", "at": "AT", "actor": "WHO", "action": "WHAT", "target": "TO", "reason": "WHY",
    "request_id": "REQUEST",
}  # fmt: skip


def verify(config: ConfigPath = DEFAULT_CONFIG, database: DatabaseUrl = None, as_json: AsJson = False) -> None:
    """Check the chain of hashes over everything that people did. Exit code 1 where it does not hold."""
    from stratumd.store import audit_breaks

    broken = audit_breaks(_url(config, database))
    if as_json or broken:
        rows = [each._asdict() for each in broken]
        emit(rows, {"sequence": "NUMBER", "reason": "WHAT IS WRONG"}, as_json=as_json)
    else:
        say("the chain holds")
    if broken:
        raise typer.Exit(FAILED)


def log(
    config: ConfigPath = DEFAULT_CONFIG,
    database: DatabaseUrl = None,
    actor: Annotated[str | None, typer.Option("--actor", help="Only of this actor, such as console:root.")] = None,
    target: Annotated[str | None, typer.Option("--target", help="Only what was done to this.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="The newest so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show what people did, the newest first; --json shows the rows before and after, too."""
    from stratumd.plugin.desk import AuditRow
    from stratumd.store import open_desk

    wanted: dict[str, Any] = {key: value for key, value in (("actor", actor), ("target", target)) if value is not None}
    with open_desk(_url(config, database), {}, lambda: 0) as desk:
        rows = desk.read(lambda reading: reading.find(AuditRow, newest=True, limit=limit, **wanted))
    shown = [msgspec.structs.asdict(row) | {"at": iso(row.at)} for row in rows]
    emit(shown, _ACTS, as_json=as_json, none="nobody did anything yet, or nothing that these options admit")


def _url(config: Path, database: str | None) -> str:
    from stratumd.config import load_config

    return database or load_config(config).database.connect_url()
