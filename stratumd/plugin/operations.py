"""What staff may do, once for the command line and for HTTP: an operation with its permission, and its audit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from stratumd.plugin.components import Component
from stratumd.plugin.desk import Act
from stratumd.plugin.routes import RoutesContext


class Operation(Component):
    """One thing that staff may do. Its options are its arguments; the model's docstrings are its help.

    `stratumd GROUP VERB VALUE --option value` runs it, what has no default by its place, and so do the administration's
    routes. What it writes, it writes with the act that it is given (`Desk.write(work, act)`): who, what, why, before
    and after are on record.
    """

    command: ClassVar[tuple[str, str]]
    """The group and the verb on the command line, such as `("keys", "revoke")`."""
    permission: ClassVar[str]
    """What a role needs, such as `keys:write`: a thing, a colon, `read` or `write`."""
    writes: ClassVar[bool] = True
    """Whether it changes anything."""
    sensitive: ClassVar[bool] = False
    """Whether it asks for a fresh login and for the target's name typed once more."""
    columns: ClassVar[Mapping[str, str]] = {}
    """Fields of its rows as the command line heads them; all of the first row's where there are none."""
    once: ClassVar[tuple[str, ...]] = ()
    """Fields of its rows that are secrets, shown this once: nobody keeps them."""

    def __init__(self, options: Any, context: RoutesContext) -> None:
        super().__init__(options)
        self.context = context

    @property
    def target(self) -> str:
        """What it is done to, for the audit and for the typed confirmation."""
        return ""

    async def run(self, act: Act) -> Iterable[Mapping[str, Any]]:
        """Do it, and return what to show, as JSON values. `Refused` where it cannot be done as asked."""
        raise NotImplementedError
