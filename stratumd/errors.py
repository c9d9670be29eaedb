"""The errors of stratumd, arranged by the reaction each needs.

```
StratumError
├── ConfigError        a person must edit a file; exit code 78
├── StartupError       a dependency is missing or down; exit code 75
├── PluginError        a plugin's code is at fault; it is named, contained and tried again
├── SourceError        the outside world
│   ├── TransientError     again, with backoff
│   ├── RateLimited        wait
│   ├── Unauthorized       stop this source and tell the operator
│   └── BadPayload         keep the bytes and go on
└── DeliveryError      a sink could not deliver
```

The docstring of a class is its default message.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

__all__ = [
    "BadPayload",
    "ConfigError",
    "DeliveryError",
    "PluginError",
    "Problem",
    "RateLimited",
    "SourceError",
    "StartupError",
    "StratumError",
    "TransientError",
    "Unauthorized",
]


class StratumError(Exception):
    """Something went wrong."""

    exit_code: ClassVar[int] = 1
    """What the command line exits with when this error ends it."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or inspect.getdoc(type(self)))


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a file, with the place a person has to edit. Lines and columns count from 1."""

    message: str
    file: str
    line: int
    column: int
    source: str = ""
    """The text of that line, without its end."""
    width: int = 1
    """How many characters from `column` on the mistake covers."""
    hint: str | None = None
    docs: str | None = None
    severity: str = "error"

    def render(self) -> str:
        """Return the problem as `file:line:column: error: …` with the line, a caret and what to do next."""
        text = f"{self.file}:{self.line}:{self.column}: {self.severity}: {self.message}"
        if self.source:
            gutter = f"{self.line:>5} | "
            caret = " " * (len(gutter) - 2) + "| " + " " * (self.column - 1) + "^" * max(1, self.width)
            text += f"\n{gutter}{self.source}\n{caret}"
        notes = [note for note in (self.hint, self.docs and f"docs: {self.docs}") if note]
        return text + (f"\n      = {'   '.join(notes)}" if notes else "")


class ConfigError(StratumError):
    """The configuration has mistakes."""

    exit_code = 78

    problems: tuple[Problem, ...] = ()  # also where a subclass does not call this class's constructor; so below

    def __init__(self, problems: Sequence[Problem] | str) -> None:
        self.problems = () if isinstance(problems, str) else tuple(problems)
        rendered = problems if isinstance(problems, str) else "\n".join(p.render() for p in self.problems)
        super().__init__(rendered)


class StartupError(StratumError):
    """Something that stratumd needs is missing or down."""

    exit_code = 75


class PluginError(StratumError):
    """A plugin's code failed."""

    plugin = version = component = where = ""

    def __init__(
        self,
        message: str | None = None,
        *,
        plugin: str,
        version: str = "",
        component: str = "",
        where: str = "",
    ) -> None:
        super().__init__(message)
        self.plugin = plugin
        self.version = version
        self.component = component
        self.where = where
        """`file:line` of the plugin's own code that failed, where it is known."""


class SourceError(StratumError):
    """A source could not be polled."""

    code = ""
    status: int | None = None

    def __init__(self, message: str | None = None, *, code: str = "", status: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        """The provider's own error code, or a short name for what happened (`timeout`, `connect`)."""
        self.status = status


class TransientError(SourceError):
    """The source failed in a way that passes; it is polled again."""


class RateLimited(SourceError):
    """The source asked to be polled less often."""

    retry_after: float | None = None

    def __init__(
        self,
        message: str | None = None,
        *,
        code: str = "",
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, code=code, status=status)
        self.retry_after = retry_after
        """Seconds to wait, where the provider said so."""


class Unauthorized(SourceError):
    """The source refuses this key; it stays stopped until the operator changes it."""


class BadPayload(SourceError):
    """The source answered with something that cannot be read; the bytes are kept."""


class DeliveryError(StratumError):
    """A sink could not deliver."""

    permanent = disable = False
    retry_after: float | None = None
    status: int | None = None

    def __init__(
        self,
        message: str | None = None,
        *,
        permanent: bool = False,
        disable: bool = False,
        retry_after: float | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.permanent = permanent
        """Trying this delivery again cannot help: it becomes a dead letter."""
        self.disable = disable
        """Nothing can be delivered there any more: the sink is off, also after a restart, until its options
        change or `stratumd sinks enable` is called."""
        self.retry_after = retry_after
        """Seconds to wait before anything is sent there again, where the receiver said so."""
        self.status = status
        """The status of the receiver's answer, where it answered over HTTP."""


LONGEST = 500
"""Characters of an error's text that are worth a line."""
_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
"""What no screen shows and no database keeps: control characters but tabs and line breaks, and lone surrogates."""


def _as_it_is(text: str) -> str:
    return text


def place(file: str, line: int) -> str:
    """Return `file:line` as people are told it, a package's own module with the package: `late_money/__init__.py:7`."""
    *_, folder, name = ("", *file.rsplit("/", 2))
    return f"{folder}/{name}:{line}" if folder and name == "__init__.py" else f"{name}:{line}"


def told(error: BaseException, redact: Callable[[str], str] = _as_it_is, *, longest: int = LONGEST) -> str:
    """Return an error's text in one line of at most `longest` characters; never raise, whatever its class does.

    `redact` takes out of the text what must not be seen, before anything is cut off.
    """
    try:
        text = redact(str(error))
    except BaseException:  # noqa: BLE001  # the error is a plugin's, and so may its `__str__` be
        return "(its text cannot be read)"
    return one_line(text, longest)


def one_line(text: str, longest: int = LONGEST) -> str:
    """Return `text` in one line of at most `longest` characters that every screen, format and database takes."""
    line = fit(" ".join(text.split()))
    return line if len(line) <= longest else line[: longest - 1] + "…"


def fit(text: str) -> str:
    """Return `text` with the replacement mark for what no place takes; line breaks stay."""
    return _UNFIT.sub("\ufffd", text)


def described(error: BaseException, redact: Callable[[str], str] = _as_it_is, *, longest: int = LONGEST) -> str:
    """Return an error's class and text, `ValueError: …`, as `told` does."""
    return f"{type(error).__name__}: {told(error, redact, longest=longest)}".removesuffix(": ")
