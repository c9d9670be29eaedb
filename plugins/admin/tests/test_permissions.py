"""The table of permissions, against everything that staff may do: of all plugins that are bundled."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stratumd.registry import load
from stratumd_admin import permissions
from stratumd_admin.options import Options
from stratumd_admin.permissions import PERMISSIONS, ROLES, SERVICE_SCOPES, permissions_of
from stratumd_admin.routes import AdminRoutes
from stratumd_admin.views import VIEWS

BUNDLED = sorted(path.name for path in Path(__file__).parents[2].iterdir() if any(path.glob("stratumd_*/__init__.py")))
BY_OPERATION = {
    "admin_get_me", "admin_list_operations", "admin_run_operation", "admin_list_receipts", "admin_get_receipt",
}  # fmt: skip
"""Endpoints that any role may call: each answers only what the caller's permissions allow."""
OPERATIONS = {name: each.component for name, each in load(BUNDLED).operations.items()}


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_every_operation_has_a_permission_that_the_table_knows(name: str) -> None:
    operation = OPERATIONS[name]
    assert operation.permission in PERMISSIONS
    assert operation.permission.endswith(":write") == operation.writes
    assert operation.name == name
    assert (operation.__doc__ or "").strip(), "staff reads what it does"


def test_the_operations_of_staff_are_among_them() -> None:
    groups = {each.command[0] for each in OPERATIONS.values()}
    assert {"accounts", "keys", "plans", "billing", "service-tokens", "runs"} <= groups


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.path)
def test_every_view_reads_by_an_operation_of_the_same_permission(view: object) -> None:
    found = [each for each in OPERATIONS.values() if each.command == view.command]
    for operation in found:
        assert (operation.permission, operation.writes) == (view.permission, False)
    assert view.permission in PERMISSIONS


def test_roles_hold_permissions_of_the_table_and_none_is_left_over() -> None:
    held = set().union(*ROLES.values())
    assert held == set(PERMISSIONS)
    assert permissions_of("super_admin") == set(PERMISSIONS)
    assert permissions_of("") == permissions_of("admin") == frozenset()
    assert set(PERMISSIONS) >= SERVICE_SCOPES


def test_only_the_highest_role_makes_staff_and_touches_staff() -> None:
    assert [role for role, held in ROLES.items() if permissions.STAFF_TARGET in held] == ["super_admin"]


def test_money_and_the_daemon_are_in_different_hands() -> None:
    assert not {"billing:write", "plans:write"} & ROLES["support_admin"]
    assert not {"ops:run", "runs:write", "service-tokens:write", "audit:read"} & ROLES["billing_admin"]
    assert not {"accounts:read", "accounts:write", "keys:write", "billing:write"} & ROLES["ops_admin"]


def test_every_endpoint_asks_for_a_permission_of_the_table() -> None:
    nothing: Any = SimpleNamespace(desk=None, clock=None, log=None, archive=None)
    endpoints = AdminRoutes(Options(), nothing).endpoints()
    for endpoint in endpoints:
        assert set(endpoint.access.schemes) <= {"staff", "service"}
        assert endpoint.access.schemes, endpoint.path
        if endpoint.name not in BY_OPERATION:
            assert endpoint.access.scope in PERMISSIONS, endpoint.path
        if "service" in endpoint.access.schemes:
            assert endpoint.access.scope in SERVICE_SCOPES
    assert {endpoint.name for endpoint in endpoints} >= BY_OPERATION
