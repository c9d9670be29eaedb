"""`stratumd record`: days that are bound by one hash, and proofs that anybody can check."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from stratumd.cli.console import (
    DEFAULT_CONFIG,
    FAILED,
    AsJson,
    ConfigPath,
    DatabaseUrl,
    emit,
    emit_lines,
    say,
    warn,
    written,
)
from stratumd.cli.read import database_url, now
from stratumd.cli.signatures import holds, sign

if TYPE_CHECKING:
    from stratumd.plugin import Micros
    from stratumd.record import Verified
    from stratumd.store import Breach, Closed

_NONE = "no day was closed yet: a daemon does so 10 minutes after midnight, UTC"
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_ROOTS = {"day": "DAY", "first": "FIRST", "size": "SIGNALS", "root": "ROOT", "hash": "HASH", "signed": "SIGNED"}
_BREACHES = {"day": "DAY", "sequence": "NUMBER", "signal": "SIGNAL", "what": "WHAT", "why": "WHY"}

PublicKey = Annotated[
    Path | None,
    typer.Option("--key", exists=True, dir_okay=False, help="Check signatures, too: the file of the public key."),
]


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(help="Prove which signals were emitted on a day, and check such proofs.", no_args_is_help=True)
    for command in (roots, prove, verify):
        group.command()(command)
    group.command("sign")(sign_days)
    app.add_typer(group, name="record")


def roots(config: ConfigPath = DEFAULT_CONFIG, database: DatabaseUrl = None, as_json: AsJson = False) -> None:
    """Show the days that were closed. The newest hash binds all of them: publish it, or what `--json` shows."""
    from stratumd.store import open_roots

    with open_roots(database_url(config, database)) as record:
        rows = [_shown(each) for each in record.days()]
    emit(rows, _ROOTS, as_json=as_json, none=_NONE)


def _shown(each: Closed) -> dict[str, Any]:
    head = each.head
    values = {"hash": head.hash, "signed": each.signature is not None, "text": head.text, "signature": each.signature}
    return msgspec.structs.asdict(head) | values


def sign_days(
    key: Annotated[
        Path, typer.Option("--key", exists=True, dir_okay=False, help="The file of the key, as ssh-keygen makes it.")
    ],
    config: ConfigPath = DEFAULT_CONFIG,
    database: DatabaseUrl = None,
) -> None:
    """Close the days that are over, and sign all that are not signed yet. It needs OpenSSH's ssh-keygen."""
    from stratumd.store import open_roots

    with open_roots(database_url(config, database)) as record:
        while record.close(now()) is not None:
            pass
        unsigned = [each.head for each in record.days() if each.signature is None]
        for head in unsigned:
            record.sign(head.day, sign(head.text, key))
            say(f"{head.day} signed: {head.hash}")
    if not unsigned:
        warn("all days that were closed are signed")


def prove(
    what: Annotated[str, typer.Argument(metavar="SIGNAL|DAY", help="The beginning of an id, or a day: 2026-07-14.")],
    config: ConfigPath = DEFAULT_CONFIG,
    database: DatabaseUrl = None,
    out: Annotated[
        Path | None, typer.Option("--out", parser=written, metavar="FILE", help="Write it there, not to the screen.")
    ] = None,
) -> None:
    """Write the proof, as JSON, of one signal, which shows no other, or of all signals of a day."""
    from stratumd.record import RecordError
    from stratumd.record import verify as check
    from stratumd.store import open_roots

    with open_roots(database_url(config, database)) as record:
        proof = msgspec.json.encode(record.whole(what) if _DAY.fullmatch(what) else record.proof(what))
    try:
        check(proof)
    except RecordError as error:
        told = "`stratumd record verify` names what was changed or is not stored any more"
        raise RecordError(f"there is no proof: {error}; {told}") from error
    if out is None:
        emit_lines([proof])
    else:
        out.write_bytes(proof + b"\n")


def verify(
    files: Annotated[
        list[Path] | None,
        typer.Argument(exists=True, dir_okay=False, help="Proofs: needs no database; else the database is checked."),
    ] = None,
    day: Annotated[
        str | None, typer.Option("--day", metavar="DAY", help="Check only this day of the database.")
    ] = None,
    key: PublicKey = None,
    config: ConfigPath = DEFAULT_CONFIG,
    database: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Check proofs, or name what of the database was changed, left out or put in. Exit code 1 where one does not hold.

    `late` names signals that were recorded on a later day than they were observed: it is no failure.
    """
    if files and (day is not None or database is not None):
        raise typer.BadParameter("give either files, or what of the database is to be checked")
    good = _check_files(files, key, as_json) if files else _check_stored(config, database, day, key, as_json)
    if not good:
        raise typer.Exit(FAILED)


def _check_files(files: list[Path], key: Path | None, as_json: bool) -> bool:
    from stratumd.record import RecordError
    from stratumd.record import verify as check

    good = True
    for file in files:
        try:
            found = check(file.read_bytes())
            _check_signature(found, key)
        except RecordError as error:
            good = False
            warn(f"{file}: {error}")
            continue
        if as_json:
            emit([msgspec.to_builtins(each) for each in found.entries], {}, as_json=True)
        else:
            _tell(file, found, key)
    return good


def _check_signature(found: Verified, key: Path | None) -> None:
    from stratumd.record import RecordError

    if key is None:
        return
    if found.signature is None:
        raise RecordError(f"the head of {found.head.day} is not signed")
    if not holds(found.head.text, found.signature, key):
        raise RecordError(f"the head of {found.head.day} is not signed with this key")


def _tell(file: Path, found: Verified, key: Path | None) -> None:
    head = found.head
    number = f"all {head.size}" if found.whole else f"1 of {head.size}"
    say(f"{file}: {number} signals of {head.day}")
    for entry in found.entries:
        if entry.signal is None:
            say(f"  {entry.sequence}: nothing stood here any more when the day was closed")
            continue
        kind, id, seen = (_printable(entry.signal.get(name)) for name in ("type", "id", "observed_at"))
        late = f", recorded on {head.day} only" if seen[:10] < head.day else ""
        say(f"  {entry.sequence}: {kind} {id}, observed at {seen}{late}")
    if key is not None:
        say("  the signature holds")
    else:
        say(f"  the hash of its head, to be compared with the one that was published: {head.hash}")


def _printable(value: object) -> str:
    """Leave out what could draw lines of its own: a stranger may have written the file."""
    return "".join(each for each in str(value) if each.isprintable())


def _check_stored(config: Path, database: str | None, day: str | None, key: Path | None, as_json: bool) -> bool:
    from stratumd.store import NotRecorded, open_roots

    url, kept_since = _kept(config, database)
    with open_roots(url) as record:
        days = record.days(day)
        found = record.breaches(day, kept_since)
    if not days:
        raise NotRecorded(_NONE)
    found += _unsigned(days, key)
    if as_json or found:
        emit([each._asdict() for each in found], _BREACHES, as_json=as_json)
    if not as_json and not any(each.grave for each in found):
        signed = len(days) if key else 0
        say(f"all that is stored is as it was recorded; days: {len(days)}, signatures checked: {signed}")
    return not any(each.grave for each in found)


def _kept(config: Path, database: str | None) -> tuple[str, Micros | None]:
    """Return the database, and since when signals are kept; None where no configuration says that they are not."""
    if database is not None:
        return database, None
    from stratumd.config import load_config
    from stratumd.runtime.forgetting import kept

    loaded = load_config(config)
    length = kept(loaded).signals
    return loaded.database.connect_url(), None if length is None else now() - length


def _unsigned(days: list[Closed], key: Path | None) -> list[Breach]:
    from stratumd.store import Breach

    def wrong(each: Closed) -> str | None:
        if each.signature is None:
            return "it is not signed"
        return None if key is None or holds(each.head.text, each.signature, key) else "it is not signed with this key"

    whys = [(each.head.day, wrong(each)) for each in days] if key is not None else []
    return [Breach(day, None, None, "broken", why) for day, why in whys if why is not None]
