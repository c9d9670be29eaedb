"""References in values: `${env:X}`, `${env:X:-default}`, `${file:/path}` and `${cred:name}`.

They are resolved in the parsed value, never in the text of the file, so no value can change its structure.
A variable that is set to nothing counts as not set. `$${` stands for `${` itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

_REFERENCE = re.compile(r"\$\$\{|\$\{(?P<inside>[^}]*)(?P<end>\}?)")
_PARTS = re.compile(r"(?P<kind>[A-Za-z]+):(?P<name>.+?)(?::-(?P<default>.*))?", re.DOTALL)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KINDS = ("env", "file", "cred")
CREDENTIALS = "CREDENTIALS_DIRECTORY"
"""The variable in which systemd names the folder of a service's credentials."""


class Unresolved(Exception):
    """A reference gives nothing."""

    def __init__(self, message: str, hint: str, *, malformed: bool = False) -> None:
        super().__init__(message)
        self.hint = hint
        self.malformed = malformed
        """True where the reference itself is wrong, whatever the surroundings."""


class Reference(NamedTuple):
    """One reference in a text."""

    written: str
    inside: str | None
    """None for `$${`."""
    closed: bool

    @property
    def origin(self) -> str:
        """Where the value comes from: `env:X`, `file:/path` or `cred:name`."""
        return (self.inside or "").partition(":-")[0]


class Part(NamedTuple):
    """A piece of a text: words, or a reference."""

    text: str
    reference: Reference | None


def parts(text: str) -> Iterator[Part]:
    """Yield the pieces of `text` in order."""
    end = 0
    for match in _REFERENCE.finditer(text):
        yield Part(text[end : match.start()], None)
        written = match.group()
        if match["inside"] is None:
            yield Part("${", None)
        else:
            yield Part(written, Reference(written, match["inside"], bool(match["end"])))
        end = match.end()
    yield Part(text[end:], None)


def references(text: str) -> list[Reference]:
    """Return the references in `text`."""
    return [part.reference for part in parts(text) if part.reference is not None]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where references find their values."""

    env: Mapping[str, str]
    folder: Path
    """What a relative `${file:…}` is relative to: the folder of the configuration."""

    def set(self, variable: str) -> bool:
        """Say whether an environment variable is set to anything."""
        return bool(self.env.get(variable))

    def value(self, reference: Reference) -> str:
        """Return what a reference stands for. `Unresolved` says why there is nothing, and what to do."""
        kind, name, default = _parsed(reference)
        if kind == "env":
            return self._variable(name, default)
        if kind == "file":
            return _content(self.folder / name, f"file {name}")
        return self._credential(name)

    def _variable(self, name: str, default: str | None) -> str:
        if self.set(name):
            return self.env[name]
        if default is None:
            raise Unresolved(f"environment variable {name} is not set", f"set it before the start: export {name}=…")
        return default

    def _credential(self, name: str) -> str:
        folder = self.env.get(CREDENTIALS)
        if not folder:
            raise Unresolved(
                f"credential {name!r}: {CREDENTIALS} is not set",
                f"systemd sets it for a service: add LoadCredential={name}:/path to the unit",
            )
        return _content(Path(folder) / name, f"credential {name!r}")


def _parsed(reference: Reference) -> tuple[str, str, str | None]:
    if not reference.closed:
        raise Unresolved(
            "this '${' is never closed", "write ${env:NAME}, or $${ for the signs themselves", malformed=True
        )
    inside = reference.inside or ""
    match = _PARTS.fullmatch(inside)
    if match is None or match["kind"] not in _KINDS:
        raise Unresolved(f"{reference.written!r} is no reference", _meant(inside), malformed=True)
    kind, name, default = match["kind"], match["name"], match["default"]
    if default is not None and kind != "env":
        raise Unresolved("only ${env:…} takes a default", f"write ${{{kind}:{name}}}", malformed=True)
    if kind == "env" and not _VARIABLE.fullmatch(name):
        raise Unresolved(f"{name!r} is no name of an environment variable", _meant(name), malformed=True)
    if kind == "cred" and "/" in name:
        raise Unresolved(f"{name!r} is no name of a credential", "a credential is named without a path", malformed=True)
    return kind, name, default


def _meant(inside: str) -> str:
    name = inside.rpartition(":")[2].lstrip("-").strip()
    if _VARIABLE.fullmatch(name):
        return f"did you mean ${{env:{name}}}?"
    return "write ${env:NAME}, ${env:NAME:-default}, ${file:/path} or ${cred:name}"


def _content(path: Path, what: str) -> str:
    try:
        text = path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is not readable as text"
        raise Unresolved(
            f"{what} cannot be read: {reason}", "create it, readable for the user that runs stratumd"
        ) from None
    if not text:
        raise Unresolved(f"{what} is empty", "put the value into it")
    return text
