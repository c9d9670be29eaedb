"""Which daemons run by a configuration file: where their control sockets are, and what each says of itself.

Cheap to import, and never long to ask: `stratumd status` does so before it reads the store.
"""

from __future__ import annotations

import hashlib
import os
import socket
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

SYSTEM = Path("/run/stratumd")
"""Where the service manager's daemon has its socket."""
PATIENCE = 1.0
"""Seconds that a daemon has for its answer, however it comes."""
LONGEST = 1_000_000
"""Bytes of an answer."""

_QUESTION = b'{"do":"status"}\n'


class About(msgspec.Struct, frozen=True):
    """What a running daemon says of itself."""

    pid: int
    version: str
    started: str
    """ISO 8601, UTC."""
    role: str
    database: str
    """Its URL, without a password; a SQLite file with its whole path."""
    components: dict[str, int]
    """How many components are in each state."""
    degraded: list[str]
    """Those that failed or are left out, each with its state and the reason."""


def folders(environ: Mapping[str, str] = os.environ) -> list[Path]:
    """Return where sockets may lie; a daemon takes the first one for its own."""
    given = environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    session = environ.get("XDG_RUNTIME_DIR")
    own = Path(session, "stratumd") if session else Path(tempfile.gettempdir(), f"stratumd-{os.getuid()}")
    return [Path(given), own] if given else [own]


def sockets(config: Path, environ: Mapping[str, str] = os.environ) -> list[Path]:
    """Return the sockets of all daemons that run, or ran, by this file."""
    return [path for place in places(config, environ) for path in sorted(place.parent.glob(place.name))]


def places(config: Path, environ: Mapping[str, str] = os.environ) -> list[Path]:
    """Return the patterns of the sockets' names, one for each folder that they may lie in."""
    return [folder / f"{mark(config)}-*.sock" for folder in dict.fromkeys([*folders(environ), SYSTEM])]


def why_unseen(place: Path) -> str:
    """Return why nobody can be seen in a place, or nothing where it may be looked at."""
    try:
        os.listdir(place.parent)
    except PermissionError:
        return f"user id {os.geteuid()} may not look there"
    except OSError:  # no daemon ever made it
        return ""
    return ""


def mark(config: Path) -> str:
    """Return what a socket's name begins with."""
    return hashlib.sha256(os.fsencode(config.resolve())).hexdigest()[:12]


def look(paths: list[Path]) -> Iterator[tuple[Path, About | str]]:
    """Ask behind each of `paths` who is there. Yield what a daemon says, or why none does; nothing is raised."""
    for path in paths:
        try:
            yield path, _asked(path, time.monotonic() + PATIENCE)
        except (ConnectionRefusedError, FileNotFoundError):
            yield path, "it was ended" if path.is_socket() else "there is no socket"
        except PermissionError:
            yield path, f"user id {os.geteuid()} may not ask it"
        except TimeoutError:
            yield path, f"it takes longer than {PATIENCE:g} s"
        except msgspec.DecodeError:
            yield path, "it gives no answer that this version understands"
        except OSError as error:
            yield path, error.strerror or str(error)


def _asked(path: Path, deadline: float) -> About:
    said = b""
    with socket.socket(socket.AF_UNIX) as channel:
        channel.settimeout(_left(deadline))
        channel.connect(str(path))
        channel.sendall(_QUESTION)
        while not said.endswith(b"\n") and len(said) < LONGEST:
            channel.settimeout(_left(deadline))
            part = channel.recv(65_536)
            if not part:
                break
            said += part
    return msgspec.json.decode(said, type=About)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
