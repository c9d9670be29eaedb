"""A file of cases: what goes into a pipeline of a configuration, and which signals must and must not come out of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Generic, Literal, TypeVar

from pydantic import Field, field_validator, model_validator

from stratumd.config.document import Entry, Items, Node, Scalar, Table
from stratumd.config.load import Document, load_config, open_document
from stratumd.config.models import SportKey
from stratumd.config.options import Owner, read_options
from stratumd.config.quoted import Poll, read_polls
from stratumd.config.reader import Reader
from stratumd.config.report import Report, Span
from stratumd.config.section import Hinted, Section
from stratumd.config.spec import Config, PipelineSpec
from stratumd.plugin import Micros, Signal, format_duration, micros, parse_duration, parse_iso
from stratumd.plugin.known import suggest

_FILE_KEYS = ("config", "cases")
_CASE_KEYS = ("name", "pipeline", "game", "quotes", "recording", "expect", "never")
_SUFFIX = ".test"


class Wanted(Section):
    """A description of signals; what is not given admits all."""

    type: str | None = None
    """The type, such as `STEAM`."""
    market: str | None = None
    """The market's key, such as `spreads`."""
    outcome: str | None = None
    """The side that it points to, such as `home` or `over`."""
    direction: Literal["up", "down"] | None = None
    """How the compared value moved or deviates."""
    operator: str | None = None
    """The operator, where the condition is about one."""
    book: str | None = None
    """A book that the signal names."""
    event: str | None = None
    """The event's id, in a recording."""
    min_strength: int = Field(default=1, ge=1, le=100)
    """The least strength, 1 to 100."""
    at: str | None = None
    """Only at this poll: `2m` after the first one, or an ISO time as signals show it."""

    @field_validator("at")
    @classmethod
    def _moment(cls, at: str | None) -> str | None:
        if at is not None:
            moment_of(at, 0)
        return at

    @model_validator(mode="after")
    def _says_something(self) -> Wanted:
        if not self.model_fields_set - {"count"}:
            raise Hinted("it describes no signal", "write a type, such as STEAM, or {market: spreads}")
        return self

    def admits(self, signal: Signal, first: Micros) -> bool:
        """Say whether it describes `signal`, where the first poll was received at `first`."""
        return (
            self.type in (None, signal.type)
            and self.market in (None, signal.market)
            and self.outcome in (None, signal.outcome)
            and self.direction in (None, signal.direction)
            and self.operator in (None, signal.operator)
            and self.event in (None, signal.event)
            and (self.book is None or self.book in signal.books)
            and signal.strength >= self.min_strength
            and self.is_at(signal.observed_at, first)
        )

    def is_at(self, at: Micros, first: Micros) -> bool:
        """Say whether it is about what was received at `at`."""
        return self.at is None or moment_of(self.at, first) == at

    def told(self) -> str:
        """Return it in a few words."""
        given = {name: getattr(self, name) for name in type(self).model_fields if name in self.model_fields_set}
        rest = ", ".join(f"{name} {value}" for name, value in given.items() if name not in ("type", "count"))
        return " with ".join(filter(None, (self.type or "a signal", rest)))


class Expected(Wanted):
    """Signals that must come."""

    count: int | None = Field(default=None, ge=1)
    """Exactly so many; at least one without it."""

    @model_validator(mode="after")
    def _of_a_type(self) -> Expected:
        if self.type is None:
            raise Hinted("it names no type of signal", "add 'type: STEAM', for example")
        return self


class Game(Section):
    """The event that quotes are of."""

    sport: SportKey = "basketball_nba"
    """The sport's key."""
    home: str = "Home"
    """The home side."""
    away: str = "Away"
    """The away side."""
    starts: timedelta = timedelta(hours=6)
    """How long after `0s` it starts."""


W = TypeVar("W", bound=Wanted)


@dataclass(frozen=True, slots=True)
class Placed(Generic[W]):
    """A description of signals and where it stands in the file."""

    wanted: W
    at: Span


@dataclass(frozen=True, slots=True)
class Case:
    """What goes in, and what must and must not come out."""

    name: str
    at: Span
    pipeline: PipelineSpec
    game: Game
    polls: Sequence[Poll]
    recording: Path | None
    """What goes in where there are no polls."""
    expect: Sequence[Placed[Expected]]
    never: Sequence[Placed[Wanted]]


@dataclass(frozen=True, slots=True)
class Cases:
    """A whole file of cases, with the configuration that they are about."""

    path: Path
    report: Report
    config: Config
    cases: Sequence[Case]


def moment_of(text: str, first: Micros) -> Micros:
    """Return the time that `2m` after `first`, or an ISO time, names."""
    try:
        return first + micros(parse_duration(text))
    except ValueError:
        pass
    try:
        return parse_iso(text)
    except ValueError:
        raise Hinted("expected a time", "write 2m for two minutes after the first poll, or an ISO time") from None


def read_cases(path: Path, config: Path | None = None, *, env: Mapping[str, str] | None = None) -> Cases:
    """Read a file of cases. `ConfigError` holds every mistake in it, or all of the configuration's.

    `config` takes the place of the configuration that the file names.
    """
    document = open_document(path, env=env)
    loaded = load_config(config or _config(document), env=env)
    reader = Reader(document.report, document.surroundings, loaded.registry)
    reader.known_keys(document.root, _FILE_KEYS, "a file of cases")
    cases = [*_cases(document, loaded, reader)]
    document.report.close()
    return Cases(path, document.report, loaded, cases)


def _config(document: Document) -> Path:
    """Return the configuration that a file of cases names; by itself `a.test.yaml` is about `a.yaml` beside it."""
    node = document.root.get("config")
    if isinstance(node, Scalar) and isinstance(node.value, str):
        found = document.path.parent / node.text
    elif node is not None:
        found = document.path
        document.report.add(node.span, "'config': expected the name of a file", hint="write config: stratumd.yaml")
    else:
        stem = document.path.stem.removesuffix(_SUFFIX)
        found = document.path.with_name(f"{stem if stem != document.path.stem else 'stratumd'}.yaml")
    if not found.is_file():
        at = node.span if node is not None else Span(1, 1)
        document.report.add(at, f"there is no configuration {found}", hint="name it: 'config: stratumd.yaml'")
    document.report.close()
    return found


def _cases(document: Document, config: Config, reader: Reader) -> Iterator[Case]:
    listed = reader.items(document.root.get("cases"), "'cases'", "them below it, each with its own dash")
    if not listed:
        document.report.add(Span(1, 1), "there are no cases", hint="add 'cases:', and below it '- name: …'")
    names: set[str] = set()
    for node in listed:
        table = node if isinstance(node, Table) else None
        if table is None:
            reader.report.add(node.span, "expected a case", hint="write '- name: …', and its other keys below")
            continue
        case = _Reading(table, config, reader, document.path.parent).read()
        if case is not None and case.name in names:
            reader.report.add(case.at, f"two cases are named {case.name!r}", hint="give one of them another name")
        if case is not None:
            names.add(case.name)
            yield case


@dataclass(frozen=True, slots=True)
class _Reading:
    table: Table
    config: Config
    reader: Reader
    folder: Path

    def read(self) -> Case | None:
        self.reader.known_keys(self.table, _CASE_KEYS, "a case")
        pipeline = self._pipeline()
        game = self.reader.section(Game, self.table, "game", "'game' of a case")
        polls, recording = self._taken()
        known = (pipeline.signal_types if pipeline is not None else None) or ()
        expect = self._wanted("expect", Expected, known, polls)
        never = self._wanted("never", Wanted, known, polls)
        name = self.table.get("name")
        if not isinstance(name, Scalar) or not name.text:
            self.reader.report.add(name.span if name else self.table.span, "a case has no name", hint="add 'name: …'")
            return None
        if not self.table.entries.keys() & {"expect", "never"}:
            hint = "add 'expect: [STEAM]' or 'never: [STEAM]', for example"
            self.reader.report.add(name.span, f"case {name.text!r} expects nothing", hint=hint)
        if pipeline is None or game is None:
            return None
        return Case(name.text, name.span, pipeline, game, polls, recording, expect, never)

    def _pipeline(self) -> PipelineSpec | None:
        known = self.config.pipelines
        node = self.table.get("pipeline")
        if node is None and len(known) == 1:
            return next(iter(known.values()))
        name = node.text if isinstance(node, Scalar) else ""
        if name in known:
            return known[name]
        at = node.span if node is not None else self.table.span
        message = f"no pipeline {name!r} is configured" if node is not None else "a case names no pipeline"
        self.reader.report.add(at, message, hint=suggest(name, known, listed="the pipelines are"))
        return None

    def _taken(self) -> tuple[Sequence[Poll], Path | None]:
        quotes, recording = self.table.entries.get("quotes"), self.table.entries.get("recording")
        if (quotes is None) == (recording is None):
            hint = "keep one of the two" if quotes else "add 'quotes:', or 'recording: week.jsonl.xz'"
            at = recording.key if recording else self.table.span
            self.reader.report.add(at, "a case takes either quotes or a recording", hint=hint)
            return (), None
        if quotes is not None:
            return read_polls(quotes, self.reader), None
        assert recording is not None
        if "game" in self.table.entries:
            at = self.table.entries["game"].key
            self.reader.report.add(at, "a recording knows its own games", hint="remove 'game'")
        path = self.folder / (recording.node.text if isinstance(recording.node, Scalar) else "")
        if not path.is_file():
            hint = "name it as seen from this file's folder"
            self.reader.report.add(recording.node.span, f"there is no recording {path}", hint=hint)
        return (), path

    def _wanted(self, key: str, model: type[W], known: Sequence[str], polls: Sequence[Poll]) -> list[Placed[W]]:
        listed = self.reader.items(self.table.get(key), f"{key!r} of a case", f"{key}: [STEAM]")
        values = _values(polls)
        found = [self._one(node, key, model, {"type": known, **values}) for node in listed]
        return [each for each in found if each is not None]

    def _one(self, node: Node, key: str, model: type[W], known: Mapping[str, Sequence[str]]) -> Placed[W] | None:
        """Read one description. What can never be is a mistake: in `never` it would always pass."""
        if isinstance(node, Items):
            self.reader.report.add(node.span, "expected a type of signal, or a mapping", hint=f"write {key}: [STEAM]")
            return None
        short = not isinstance(node, Table)
        table = node if isinstance(node, Table) else Table({"type": Entry(node.span, node)}, node.span)
        owner = Owner(f"{key!r}", node.span, single=short)
        wanted = read_options(model, table, owner, self.reader.report, self.reader.surroundings)
        if wanted is None:
            return None
        if wanted.type is not None:
            by_upper = {each.upper(): each for each in known["type"]}
            wanted = wanted.model_copy(update={"type": by_upper.get(wanted.type.upper(), wanted.type)})
        for option, values in known.items():
            value = _canonical(wanted.at) if option == "at" and wanted.at else getattr(wanted, option)
            if value is not None and values and value not in values:
                self._never_there(table.entries[option].node, option, value, values)
        return Placed(wanted, node.span)

    def _never_there(self, node: Node, option: str, value: str, known: Sequence[str]) -> None:
        said = "no detector of the pipeline gives" if option == "type" else "the quotes hold no"
        named = "signals of type" if option == "type" else {"at": "poll at"}.get(option, option)
        hint = suggest(value, known, listed="there are")
        self.reader.report.add(node.span, f"{said} {named} {value!r}", hint=hint)


def _values(polls: Sequence[Poll]) -> dict[str, list[str]]:
    """Return what there is in quotes, by the option that names it; nothing where there are none."""
    shown = [
        (book, market, quotes) for poll in polls for book, by in poll.books.items() for market, quotes in by.items()
    ]
    return {
        "market": list(dict.fromkeys([market for _, market, _ in shown])),
        "book": list(dict.fromkeys([book for book, _, _ in shown])),
        "outcome": list(dict.fromkeys([quote.outcome for _, _, quotes in shown for quote in quotes])),
        "at": [format_duration(timedelta(microseconds=poll.at)) for poll in polls],
    }


def _canonical(at: str) -> str:
    """Return a length of time as `_values` writes it; an ISO time as it is."""
    try:
        return format_duration(parse_duration(at))
    except ValueError:
        return at
