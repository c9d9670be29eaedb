"""A MUST with its number and its check, and the MUSTs of every component."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from pydantic import ValidationError

from stratumd.errors import ConfigError
from stratumd.plugin import Component, PluginConfig

S = TypeVar("S")
Check = Callable[[S], Iterable[str]]
"""Says what is wrong with its subject, each in one sentence."""


class Verdict(NamedTuple):
    """What one check found."""

    number: str
    must: str
    problem: str | None
    """What is wrong, for the plugin's author; None where the check holds."""


@dataclass(frozen=True)
class Must(Generic[S]):
    """One numbered MUST. Its number never changes its meaning."""

    number: str
    text: str
    check: Check[S]

    def judge(self, subject: S) -> Verdict:
        """Run the check. What the component raises is a problem too."""
        try:
            problem = next(iter(self.check(subject)), None)
        except Exception as error:  # noqa: BLE001  # a component under test may raise anything: that is the finding
            problem = f"raised {type(error).__name__}: {error}"
        return Verdict(self.number, self.text, problem)


def must(table: list[Must[S]], number: str, text: str) -> Callable[[Check[S]], Check[S]]:
    """Register a check in `table`."""

    def register(check: Check[S]) -> Check[S]:
        table.append(Must(number, text, check))
        return check

    return register


def judged(table: Iterable[Must[S]], subject: S) -> list[Verdict]:
    """Run all checks of a table."""
    return [each.judge(subject) for each in table]


def accepted(component: type[Component], options: Mapping[str, Any]) -> PluginConfig:
    """Return the validated options of a component. `ConfigError` names those that are missing or wrong."""
    try:
        return component.config.model_validate(dict(options))
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise ConfigError(f"{component.name} cannot be tried with these options: {wrong}") from None


COMMON: list[Must[type[Component]]] = []


@must(COMMON, "C1", "Every option MUST have a docstring: it is the documentation that users see.")
def _options_documented(component: type[Component]) -> Iterator[str]:
    for name, option in component.config.model_fields.items():
        if not option.description:
            yield f"the option {name!r} has no docstring"


@must(COMMON, "C2", "Unknown options MUST be refused: they are somebody's typing mistakes.")
def _unknown_refused(component: type[Component]) -> Iterator[str]:
    if component.config.model_config.get("extra") != "forbid":
        yield f"{component.config.__name__} accepts unknown options"


@must(COMMON, "C3", "`name` MUST be lower-case words joined by hyphens, `version` MUST be a text that is not empty.")
def _named(component: type[Component]) -> Iterator[str]:
    plain = component.name.replace("-", "").replace(".", "").replace("_", "")
    if not (plain.isalnum() and plain == plain.lower()):
        yield f"the name {component.name!r} is not lower-case words"
    if not (isinstance(component.version, str) and component.version):
        yield f"the version is {component.version!r}"
