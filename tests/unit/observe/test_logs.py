"""What is logged, how, and what never is."""

from __future__ import annotations

import io
import json
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import structlog

from stratumd.errors import StartupError
from stratumd.observe import logs
from stratumd.plugin import Secret
from stratumd.redaction import learn


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Leave the logging of the other tests as it was."""
    root = logging.getLogger()
    handlers, levels = root.handlers[:], {name: logging.getLogger(name).level for name in (None, *logs.QUIET)}
    yield
    for each in set(root.handlers) - set(handlers):
        each.close()
    root.handlers[:] = handlers
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    structlog.reset_defaults()


def logged(*, level: str = "info", format: str = "json") -> io.StringIO:
    stream = io.StringIO()
    logs.configure(level, format, stream)
    return stream


def test_a_line_for_machines() -> None:
    stream = logged()
    logs.logger("stratumd.test", source="nba").info("cycle", quotes=3, signals={"MOVE": 1})
    line = stream.getvalue()
    parsed = json.loads(line)
    assert list(parsed)[:3] == ["timestamp", "level", "event"]
    assert parsed | {"timestamp": ""} == {
        "timestamp": "",
        "level": "info",
        "event": "cycle",
        "source": "nba",
        "quotes": 3,
        "signals": {"MOVE": 1},
    }
    assert parsed["timestamp"].endswith("Z")


def test_a_line_for_people() -> None:
    stream = logged(format="console")
    logs.logger("stratumd.test").info("cycle", quotes=3, signals={"MOVE": 1, "STEAM": 2}, empty={})
    (line,) = stream.getvalue().splitlines()
    assert line[8:] == " [info] cycle quotes=3 signals='MOVE 1, STEAM 2' empty=-"


def test_people_see_as_much_of_an_id_as_commands_ask_for() -> None:
    stream = logged(format="console")
    logs.logger("stratumd.test").info("MOVE", signal="0123456789abcdef" * 2, book="fanduel", day="2026-11-20")
    assert stream.getvalue()[8:] == " [info] MOVE signal=0123456789 book=fanduel day=2026-11-20\n"


def test_what_is_no_terminal_gets_json() -> None:
    assert logs.configure("info", "auto", io.StringIO()) is False


def test_below_the_level_nothing_is_said() -> None:
    stream = logged(level="warning")
    logs.logger("stratumd.test").info("cycle")
    assert stream.getvalue() == ""


def test_libraries_go_the_same_way() -> None:
    stream = logged()
    logging.getLogger("some.library").warning("careful: %s", "odd")
    assert json.loads(stream.getvalue())["event"] == "careful: odd"


def test_a_traceback_is_one_field() -> None:
    stream = logged()
    try:
        raise ValueError("oops")
    except ValueError as error:
        logs.logger("stratumd.test").error("failed", exc_info=error)
    assert json.loads(stream.getvalue())["exception"].endswith("ValueError: oops")


def test_httpx_does_not_log_the_urls_it_asks() -> None:
    """An API key is part of them."""
    stream = logged(level="debug")
    with httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200))) as client:
        client.get("https://example.test/odds?apiKey=canary-1")
    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    "text",
    [
        "GET https://example.test/odds?apiKey=canary&regions=us failed",
        "GET https://example.test/odds?api_key=canary",
        "postgresql://stratum:canary@db/odds is down",
        "https://discord.com/api/webhooks/12345/canary answered 500",
        "token=canary",
        "password: 'canary'",
        "strm_live_0123456789abcdef_canary9 was shown",
        "signed by whsec_canary/x+y=, asked as sk_live_canary",
    ],
)
def test_what_looks_like_a_secret_is_starred(text: str) -> None:
    stream = logged()
    logs.logger("stratumd.test").error("failed", error=text)
    logging.getLogger("some.library").error(text)
    try:
        raise ValueError(text)
    except ValueError as error:
        logs.logger("stratumd.test").error("failed", exc_info=error)
    assert "canary" not in stream.getvalue()
    assert "***" in stream.getvalue()


class Told:
    """An object of a plugin."""

    def __repr__(self) -> str:
        return "<refused canary-44d0>"


@pytest.mark.parametrize("format", ["json", "console"])
@pytest.mark.parametrize(
    "value",
    [
        "refused canary-44d0",
        ValueError("refused canary-44d0"),
        {"inside": ["canary-44d0"]},
        {"canary-44d0": 1},
        ("canary-44d0",),
        Told(),
    ],
    ids=repr,
)
def test_a_secret_of_the_configuration_is_starred_whatever_holds_it(format: str, value: object) -> None:
    learn(Secret("canary-44d0"))
    stream = logged(format=format)
    logs.logger("stratumd.test").error("failed", error=value)
    logging.getLogger("some.library").error("failed: %s", value)
    assert "canary" not in stream.getvalue()
    assert stream.getvalue().count("***") == 2


def test_a_text_that_no_stream_takes_is_logged_all_the_same() -> None:
    stream = io.TextIOWrapper(written := io.BytesIO(), encoding="utf-8")
    logs.configure("info", "json", stream)
    logs.logger("stratumd.test").error("failed", error="\ud800 \x1b[2J")
    stream.flush()
    assert json.loads(written.getvalue())["error"] == "\ufffd \ufffd[2J"


@pytest.mark.parametrize("text", ["the token was refused", "http://127.0.0.1:8080/status", "at 12:30:15 UTC"])
def test_what_is_no_secret_stays(text: str) -> None:
    assert logs.mask(text) == text


def events(file: Path) -> list[str]:
    return [json.loads(line)["event"] for line in file.read_text().splitlines()]


def test_a_file_is_appended_to_and_a_rotation_is_noticed(tmp_path: Path) -> None:
    file, rotated = tmp_path / "stratumd.log", tmp_path / "stratumd.log.1"
    assert logs.configure("info", "auto", file=file) is False, "a file is for machines"
    log = logs.logger("stratumd.test")
    log.info("first")
    file.rename(rotated)
    log.info("second")
    logs.configure("info", "auto", file=file)
    log.info("third")
    assert (events(rotated), events(file)) == (["first"], ["second", "third"])


def test_a_file_holds_no_secret(tmp_path: Path) -> None:
    learn(Secret("canary-9a9a"))
    logs.configure(file=tmp_path / "log")
    logs.logger("stratumd.test").info("refused canary-9a9a")
    assert "canary" not in (tmp_path / "log").read_text()


def test_a_file_that_cannot_be_written_changes_nothing(tmp_path: Path) -> None:
    stream = logged()
    with pytest.raises(StartupError, match=r"cannot write the log to .*nowhere/log: No such file or directory"):
        logs.configure(file=tmp_path / "nowhere" / "log")
    logs.logger("stratumd.test").info("still here")
    assert "still here" in stream.getvalue()


def test_what_the_file_takes_no_more_goes_to_standard_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    logs.configure(file=folder / "log")
    log = logs.logger("stratumd.test")
    shutil.rmtree(folder)
    log.info("lost?")
    assert "lost?" in capsys.readouterr().err
    folder.mkdir()
    log.info("back")
    assert events(folder / "log") == ["back"]


def test_a_full_disk_is_no_reason_to_fail(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(file=Path("/dev/full"))
    logs.logger("stratumd.test").info("too much")
    shown = capsys.readouterr().err
    assert "too much" in shown
    assert "Traceback" not in shown
