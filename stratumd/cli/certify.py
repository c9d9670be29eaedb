"""`stratumd certify`: what was emitted live against a replay of what was recorded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stratumd.cli.console import DEFAULT_CONFIG, FAILED, AsJson, ConfigPath, DatabaseUrl, emit, say, written
from stratumd.cli.past import From, Only, To, pasts
from stratumd.plugin import iso

if TYPE_CHECKING:
    from stratumd.proof import Certificate


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("certify")(certify)


def certify(
    config: ConfigPath = DEFAULT_CONFIG,
    database: DatabaseUrl = None,
    since: From = None,
    until: To = None,
    pipeline: Only = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", parser=written, metavar="FILE", help="Write the certificates there, as JSON Lines."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Replay what was recorded and compare every signal with the one emitted live. Exit code 1 where one differs.

    The first divergence is named with its cause: late data, changed options, changed code. It reads; it never writes.
    """
    import msgspec

    from stratumd.proof import certify as run

    with pasts(config, database, pipeline) as found:
        certificates = [run(past, since, until) for past in found if past.taken]
    public = [each.public() for each in certificates]
    if out is not None:
        out.write_bytes(b"".join(msgspec.json.encode(each) + b"\n" for each in public))
    if as_json:
        emit(public, {}, as_json=True)
    else:
        for each in certificates:
            _show(each)
        if not certificates:
            say("nothing was recorded of these pipelines")
    if not all(each.equal for each in certificates):
        raise typer.Exit(FAILED)


def _show(certificate: Certificate) -> None:
    span = f"{_end(certificate.since, 'the beginning')} to {_end(certificate.until, 'the end')}"
    figures = (
        f"{certificate.signals:,} signals of {certificate.observations:,} observations, "
        f"{certificate.late:,} of these late, under {certificate.eras} configurations"
    )
    if certificate.equal:
        say(f"{certificate.pipeline}: equal, {span}: {figures}")
        say(f"  signals sha256 {certificate.signals_sha256}")
        for line in certificate.details:
            say(f"  without a consequence: {line}")
        return
    found = certificate.divergence
    assert found is not None, "it is not equal"
    signal = found.signal
    what = "differs in " + ", ".join(found.fields) if found.fields else "was not emitted live" if found.replayed else ""
    say(f"{certificate.pipeline}: diverged, {span}, after {figures} that are equal")
    say(
        f"  {signal.type} {signal.market} {signal.outcome} {signal.direction}, {signal.away} at {signal.home}, "
        f"{iso(signal.observed_at)}: {what or 'is not given by the replay'}"
    )
    say(f"  cause: {(certificate.cause or '').replace('_', ' ')}")
    for line in certificate.details:
        say(f"    {line}")


def _end(at: int | None, otherwise: str) -> str:
    return otherwise if at is None else iso(at)
