"""Structured logs: in colour on a terminal, JSON Lines elsewhere and in files. No payloads, no secrets."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import Any, TextIO

import structlog
from structlog.typing import Processor

from stratumd.errors import StartupError, described, fit
from stratumd.redaction import redact

QUIET = ("httpx", "httpcore", "uvicorn", "asyncio", "alembic", "sqlalchemy")
"""Loggers of libraries that say too much: httpx logs whole URLs, and an API key is part of them."""

_SECRETS = re.compile(
    r"(?P<name>(?:api[_-]?key|token|password|passwd|secret)[\"']?\s*[=:]\s*[\"']?)[^\s&\"',;)]+"
    r"|(?P<scheme>://[^/\s:@]*:)[^/\s@]+(?=@)"
    r"|(?P<hook>/webhooks/\d+/)[\w-]+"
    r"|(?P<credential>strm_[a-z]+_[0-9a-f]{16}_)[0-9A-Za-z]+"
    r"|(?P<stripe>\b(?:whsec|[sr]k_(?:live|test))_)[\w+/=]+",
    re.IGNORECASE,
)


_ID = re.compile(r"[0-9a-f]{32,64}")
_ENOUGH = 10  # characters of an id, which commands take for the whole of it


class Rotated(WatchedFileHandler):
    """Appends to a file, and to a new one of its name as soon as a rotation has moved it away."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line: to standard error where the file cannot be written any more, for it must not be lost."""
        try:
            super().emit(record)
        except OSError:  # raised while the file is opened anew; who logs must not fail for it
            self._complain(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # the name that logging calls
        """Write a line to standard error that the file did not take, as where the disk is full."""
        self._complain(record)

    def close(self) -> None:
        """Close the file, also where it does not take what it was given: that has gone to standard error."""
        with suppress(OSError):
            super().close()

    def _complain(self, record: logging.LogRecord) -> None:
        sys.stderr.write(self.format(record) + "\n")


def configure(
    level: str = "info", format: str = "auto", stream: TextIO | None = None, file: Path | None = None
) -> bool:
    """Send every log, the libraries' too, to `file`, else to `stream` (standard error), from `level` on.

    `level` is `debug` to `error`; `format` is `console`, `json`, or `auto`: for people on a terminal, JSON elsewhere.
    Returns whether it is for people. `StartupError` where the file cannot be written; then all stays as it was.
    """
    stream = stream or sys.stderr
    terminal = file is None and stream.isatty()
    for_people = format == "console" or (format == "auto" and terminal)
    handler = logging.StreamHandler(stream) if file is None else _opened(file)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_shared(),
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *(_for_people(terminal) if for_people else _for_machines()),
            ],
        )
    )
    root = logging.getLogger()
    former, root.handlers[:] = list(root.handlers), [handler]
    for each in former:
        if isinstance(each, Rotated):
            each.close()
    root.setLevel(level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    return for_people


def _opened(file: Path) -> Rotated:
    try:
        return Rotated(file, encoding="utf-8")
    except OSError as error:
        raise StartupError(f"cannot write the log to {file}: {error.strerror}") from error


def logger(name: str, **fields: Any) -> Any:
    """Return a log whose lines all carry `fields`."""
    return structlog.stdlib.get_logger(name, **fields)


def mask(text: str) -> str:
    """Star the secrets of the configuration and what looks like a key, a token or a password, whoever wrote it."""
    return _SECRETS.sub(lambda found: next(filter(None, found.groups())) + "***", fit(redact(text)))


def _shared() -> list[Processor]:
    return [structlog.stdlib.add_log_level, structlog.processors.format_exc_info, _masked]


def _masked(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        event[key] = _mask_inside(value)
    return event


def _mask_inside(value: Any) -> Any:
    """Mask the texts in `value`, and what is no JSON as the text that it becomes."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, Mapping):
        return {mask(str(key)): _mask_inside(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_mask_inside(each) for each in value]
    return mask(described(value) if isinstance(value, BaseException) else repr(value))


def _for_people(colours: bool) -> list[Processor]:
    return [
        structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=True),
        _flattened,
        structlog.dev.ConsoleRenderer(colors=colours, pad_event_to=0, pad_level=False, sort_keys=False),
    ]


def _flattened(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Write counts as people read them, `MOVE 2, STEAM 1`, and of ids as much as commands ask for."""
    for key, value in event.items():
        if isinstance(value, dict):
            event[key] = ", ".join(f"{name} {count}" for name, count in value.items()) or "-"
        elif key != "event" and isinstance(value, str) and _ID.fullmatch(value):
            event[key] = value[:_ENOUGH]
    return event


def _for_machines() -> list[Processor]:
    return [
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _ordered,
        structlog.processors.JSONRenderer(ensure_ascii=False),
    ]


def _ordered(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Put what every line has in front."""
    first = ("timestamp", "level", "event")
    return {key: event[key] for key in first if key in event} | dict(event)
