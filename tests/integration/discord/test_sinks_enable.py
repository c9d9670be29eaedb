"""`stratumd sinks enable`, and how `stratumd status` shows a sink that is off."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stratumd.plugin import Notice
from stratumd.store import Disabled, Taker, open_store
from tests.support.cli import stratumd
from tests.support.steps import START


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A database in which two sinks of one plugin are off."""
    url = f"sqlite:///{tmp_path / 'stratumd.db'}"
    store = open_store(url)
    for sink in ("nba.discord", "wnba.discord", "nba.mail"):
        store.disable(sink, Disabled("the webhook was deleted", START, "salt$mark"))
    store.close()
    return url


def _cells(shown: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("  ") if cell] for line in shown.splitlines()]


def left(url: str) -> list[str]:
    store = open_store(url)
    try:
        return list(store.disabled())
    finally:
        store.close()


@pytest.mark.parametrize("name", ["nba.mail", "mail"])
def test_a_sink_is_enabled_by_its_name(url: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert stratumd("sinks", "enable", name, "--database", url) == 0
    assert capsys.readouterr().out == "nba.mail is enabled; a running daemon goes on with it in a second\n"
    assert left(url) == ["nba.discord", "wnba.discord"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("discord", "several sinks that are off are called 'discord': nba.discord, wnba.discord"),
        ("chat", "no sink that is off is called 'chat'; there are nba.discord, nba.mail, wnba.discord"),
    ],
)
def test_another_name_is_wrong_usage(url: str, name: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert stratumd("sinks", "enable", name, "--database", url) == 2
    assert told in capsys.readouterr().err
    assert len(left(url)) == 3


def test_where_none_is_off_there_is_nothing_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"sqlite:///{tmp_path / 'stratumd.db'}"
    open_store(url).close()
    assert stratumd("sinks", "enable", "nba.mail", "--database", url) == 1
    assert "no sink is off" in capsys.readouterr().err


def test_status_shows_which_are_off_and_what_to_do(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert stratumd("status", "--database", url) == 0
    shown = capsys.readouterr().out
    assert ["nba.mail", "2026-07-15 07:20:00", "the webhook was deleted"] in _cells(shown)
    assert "stratumd sinks enable NAME" in shown
    assert stratumd("status", "--database", url, "--json") == 0
    (row,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert row["disabled_sinks"][0]["sink"] == "nba.discord"


def test_status_shows_notices_that_wait_and_those_that_nobody_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:///{tmp_path / 'stratumd.db'}"
    store = open_store(url)
    store.notify(Notice("one", "usage", "80 % used", "so much", START))
    store.notices.route([Taker("nba.mail", True)], START)
    store.notify(Notice("two", "usage", "100 % used", "so much", START + 1))
    store.close()
    assert stratumd("status", "--database", url) == 0
    cells = _cells(capsys.readouterr().out)
    assert ["80 % used", "nba.mail", "pending", "2026-07-15 07:20:00", "0", "-"] in cells
    assert ["100 % used", "-", "no sink takes it", "2026-07-15 07:20:00", "0", "-"] in cells


def test_status_without_any_says_nothing_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"sqlite:///{tmp_path / 'stratumd.db'}"
    open_store(url).close()
    assert stratumd("status", "--database", url) == 0
    shown = capsys.readouterr().out
    assert "OFF" not in shown
    assert "NOTICE" not in shown


@pytest.mark.parametrize(
    ("name", "code", "told"),
    [
        ("nosuch", 2, "no sink is called 'nosuch'; there are nba.log, nba.mail"),
        ("mial", 2, "no sink is called 'mial'; did you mean 'mail'?"),
        ("log", 1, "log is not off; what is: nba.discord, nba.mail, wnba.discord"),
    ],
)
def test_a_name_is_looked_up_in_the_configuration(
    url: str, name: str, code: int, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(
        f"database: {url}\nsources: {{nba: {{use: demo, schedule: {{every: 2s}}}}}}\n"
        "pipelines: {nba: {sources: [nba], sinks: [log, log: {name: mail}]}}\n"
    )
    assert stratumd("sinks", "enable", name, "-c", str(config)) == code
    assert told in capsys.readouterr().err
    assert len(left(url)) == 3
