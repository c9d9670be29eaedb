"""The component `admin`: what staff and programs may see and do, over HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import anyio

from stratumd.errors import StartupError, StratumError
from stratumd.plugin.partners import Sessions
from stratumd.plugin.routes import Endpoint, Routes, RoutesContext, Scheme
from stratumd_admin import keeping, staff, tokens
from stratumd_admin.ops import Ops
from stratumd_admin.options import Options
from stratumd_admin.permissions import PERMISSIONS
from stratumd_admin.records import Records
from stratumd_admin.running import Runner
from stratumd_admin.running_endpoints import OperationEndpoints
from stratumd_admin.staff import Staff
from stratumd_admin.tokens import ServiceTokens
from stratumd_admin.views import Views

TIDY = 3600.0
"""Seconds between two looks at what is old."""


class AdminRoutes(Routes):
    """Roles, operations with receipts, views, the audit, service tokens, and the ways to look after the daemon."""

    name, config = "admin", Options
    needs: ClassVar[tuple[type[Any], ...]] = (Sessions,)
    provides: ClassVar[tuple[type[Any], ...]] = (ServiceTokens,)
    options: Options

    def __init__(self, options: Options, context: RoutesContext) -> None:
        super().__init__(options, context)
        self._staff = Staff(options, context)
        self._tokens = ServiceTokens(options, context)
        self._runner = Runner(context)

    def provide(self, kind: type[Any]) -> Any:
        """Return what the operations on service tokens work with."""
        return self._tokens

    def schemes(self) -> Mapping[str, Scheme]:
        """Return `staff` and `service`."""
        return {staff.SCHEME: self._staff.scheme(), tokens.SCHEME: self._tokens.scheme()}

    def endpoints(self) -> Sequence[Endpoint]:
        """Return all endpoints."""
        return [
            *OperationEndpoints(self.context, self._runner).endpoints(),
            *Views(self._runner).endpoints(),
            *Records(self.context).endpoints(),
            *Ops(self.context, self._runner).endpoints(),
        ]

    async def open(self) -> None:
        """Make sure that staff can be known, and say which operations nobody can run over HTTP."""
        try:
            self.context.service(Sessions)  # type: ignore[type-abstract]  # asked for by its protocol
        except LookupError:
            raise StartupError(
                "'admin' knows staff by their accounts: add 'accounts' to 'routes' under 'http'"
            ) from None
        for each in self.context.operations():
            if each.permission not in PERMISSIONS:
                self.context.log.warning(
                    "no role may run this operation", operation=each.name, permission=each.permission
                )

    async def run(self) -> None:
        """Delete what is old, until cancelled."""
        while True:
            try:
                await keeping.tidy(self.context.desk, self.options, self.context.clock.now())
            except StratumError as error:
                self.context.log.warning("old receipts could not be deleted", error=str(error))
            await anyio.sleep(TIDY)
