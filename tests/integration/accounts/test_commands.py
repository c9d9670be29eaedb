"""The commands of staff, from the command line to the database and its audit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.accounts.conftest import BOTH, SECRET
from tests.support.cli import stratumd

FILE = """
database: {url}
sources:
  demo: {{use: demo, schedule: {{every: 2s}}}}
pipelines:
  demo: {{sources: [demo], detectors: [consensus], sinks: [log]}}
http:
  listen: 127.0.0.1:8080
  routes:
    - accounts:
        secret: ${{env:STRATUMD_ACCOUNTS_SECRET}}
        public_url: https://odds.example.com
        argon2: {{time: 1, memory: 8, lanes: 1}}
"""


@pytest.fixture
def path(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("STRATUMD_ACCOUNTS_SECRET", SECRET)
    file = tmp_path / "stratumd.yaml"
    file.write_text(FILE.format(url=url))
    return str(file)


@BOTH
def test_staff_works_on_the_command_line_and_on_record(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*words: str) -> Any:
        assert stratumd(*words, "--config", path, "--json") == 0, capsys.readouterr().err
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    (made,) = run("accounts", "create", "Ann@example.org", "--reason", "a new partner")
    assert made["link"].startswith("https://odds.example.com/reset#")
    sure = ("--confirm", "ann@example.org", "--reason", "paid by invoice")
    (planned,) = run("accounts", "set-plan", "ann@example.org", "api", "--plan", "api_monthly", *sure)
    assert planned["api"] == "api_monthly"
    (key,) = run("keys", "issue", "ann@example.org", "desk", "--scopes", "intel:read", *sure)
    assert (key["key"].startswith("strm_live_"), key["scopes"]) == (True, ["intel:read"])
    (revoked,) = run("keys", "revoke", key["id"], "--confirm", key["id"])
    assert revoked["status"] == "revoked"
    assert [row["email"] for row in run("accounts", "list")] == ["ann@example.org"]
    audit = json.dumps(run("audit", "log"))
    assert all(action in audit for action in ("accounts.create", "accounts.set-plan", "keys.issue", "keys.revoke"))
    assert key["key"] not in audit
    assert made["link"].partition("#")[2] not in audit


@BOTH
def test_the_first_of_staff_is_one_command_that_may_be_run_again(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    def create(*words: str) -> Any:
        code = stratumd("accounts", "create", "ann@example.org", *words, "--config", path, "--json")
        shown = capsys.readouterr()
        return json.loads(shown.out) if code == 0 else (code, shown.err.strip())

    assert create("--role", "boss")[0] == 1
    made = create("--role", "super_admin")
    assert (made["role"], made["sent"]) == ("super_admin", False)
    assert "link" in made
    again = create("--role", "super_admin")
    assert (again["id"], again["role"], "link" in again) == (made["id"], "super_admin", False)
    assert create("--role", "ops_admin")["role"] == "ops_admin"
    code, said = create()
    assert (code, said) == (1, "error: There is an account with this address already.")


def test_what_is_sensitive_is_not_done_without_its_target_typed_once_more(
    path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert stratumd("accounts", "create", "ann@example.org", "--config", path) == 0
    assert stratumd("accounts", "suspend", "ann@example.org", "--config", path, "--confirm", "bob@example.org") == 1
    assert "nothing was done" in capsys.readouterr().err
    assert stratumd("accounts", "list", "--status", "active", "--config", path, "--json") == 0
    assert "ann@example.org" in capsys.readouterr().out


def test_a_mistake_is_one_line_that_says_what_to_do(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert stratumd("keys", "show", "nothing", "--config", path) == 1
    assert capsys.readouterr().err.strip().endswith("There is no such key.")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["accounts", "set-plan", "ann@example.org", "desk"], "kind: expected one of web, api"),
        (["accounts", "list", "--limit", "0"], "limit: must be at least 1"),
        (["accounts", "list", "--status", "gone"], "status: expected one of active, suspended"),
    ],
)
def test_a_wrong_argument_is_wrong_usage(
    words: list[str], said: str, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert stratumd(*words, "--config", path) == 2
    shown = capsys.readouterr().err
    assert shown.startswith(f"error: Invalid value: {said} (see `stratumd {words[0]} {words[1]} --help`)")
    assert shown.count("\n") == 1
