"""What is logged, how, and what never is."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import httpx
import pytest
import structlog

from stratumd.observe import logs
from stratumd.plugin import Secret
from stratumd.redaction import learn


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Leave the logging of the other tests as it was."""
    root = logging.getLogger()
    handlers, levels = root.handlers[:], {name: logging.getLogger(name).level for name in (None, *logs.QUIET)}
    yield
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
