"""All mistakes of a file, gathered while it is read and told at once; secrets in quoted lines are covered."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches

from stratumd.errors import ConfigError, Problem

_LINE_END = re.compile(r"\r\n|\r|\n")
_SECRET_WORDS = ("key", "apikey", "token", "secret", "password", "passwd", "webhook", "credential")
_WRITTEN_SECRET = re.compile(
    r"[\w-]*(?:key|token|secret|passw|webhook|credential)[\w-]*['\"]?\s*[:=]\s*(?P<value>[^\s#][^,}\]#]*)",
    re.IGNORECASE,
)
_PASSWORD_IN_URL = re.compile(r"://[^/\s:@]*:(?P<value>[^\s/]+)@")


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A place in the file: line and column from 1, and how many characters it covers."""

    line: int
    column: int
    width: int = 1


class Report:
    """The problems of one file."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self._lines = _LINE_END.split(text.removeprefix("\ufeff"))
        self._found: dict[tuple[Span, str], tuple[str | None, str | None, str]] = {}
        self._covered: list[Span] = []

    def line(self, number: int) -> str:
        """Return a line of the file as written; numbers count from 1."""
        return self._lines[number - 1] if 0 < number <= len(self._lines) else ""

    @property
    def lines(self) -> int:
        """How many lines the file has."""
        return len(self._lines)

    def add(
        self,
        span: Span,
        message: str,
        *,
        hint: str | None = None,
        docs: str | None = None,
        severity: str = "error",
    ) -> None:
        """Note a mistake. The same message at the same place is told once."""
        self._found.setdefault((span, message), (hint, docs, severity))

    def cover(self, span: Span) -> None:
        """Never show what stands at `span`: it is a secret."""
        self._covered.append(span)

    def close(self) -> tuple[Problem, ...]:
        """Return the warnings. Where there are errors, raise `ConfigError` with all of them, in file order."""
        problems = [
            self.problem(span, message, *rest) for (span, message), rest in sorted(self._found.items(), key=_place)
        ]
        errors = [problem for problem in problems if problem.severity == "error"]
        if errors:
            raise ConfigError(errors)
        return tuple(problems)

    def problem(self, span: Span, message: str, hint: str | None, docs: str | None, severity: str) -> Problem:
        """Return something that is told about a place, with its line as it may be shown."""
        source = self._shown(span.line)
        return Problem(
            message=message,
            file=self.file,
            line=span.line,
            column=span.column,
            source=source[: max(len(source.rstrip()), span.column)],
            width=max(1, min(span.width, len(source) - span.column + 1)),
            hint=hint,
            docs=docs,
            severity=severity,
        )

    def _shown(self, number: int) -> str:
        """Return a line as it may be printed: secrets starred, so that carets stay where they belong."""
        line = self.line(number)
        for span in self._covered:
            if span.line == number:
                line = _starred(line, span.column - 1, span.column - 1 + span.width)
        for pattern in (_WRITTEN_SECRET, _PASSWORD_IN_URL):
            for match in pattern.finditer(line):
                if "${" not in match["value"]:
                    line = _starred(line, *match.span("value"))
        return "".join(character if character.isprintable() else " " for character in line)


def _starred(line: str, start: int, end: int) -> str:
    kept = line[start:end]
    return line[:start] + "*" * len(kept.rstrip()) + " " * (len(kept) - len(kept.rstrip())) + line[end:]


def _place(found: tuple[tuple[Span, str], object]) -> tuple[Span, str]:
    return found[0]


def names_secret(option: str) -> bool:
    """Say whether an option's name alone makes its value a secret, also misspelt: `api_key`, `webhok`."""
    words = re.split(r"[^a-z]+", option.lower())
    return any(word and get_close_matches(word, _SECRET_WORDS, n=1, cutoff=0.7) for word in words)
