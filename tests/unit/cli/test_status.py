"""`stratumd status`: whether a daemon runs, and what the store says without one."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from stratumd.runtime.presence import About, mark
from stratumd.store import open_store
from tests.support.cli import stratumd

ABOUT = About(
    pid=4711,
    version="0.1.0",
    started="2026-07-14T21:30:00.123456Z",
    role="all",
    database="sqlite:///x.db",
    components={"OK": 8, "RecoverableError": 1},
    degraded=["source nba: RecoverableError (timeout)"],
)


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty store, and a runtime folder without any daemon."""
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    url = f"sqlite:///{tmp_path / 'x.db'}"
    open_store(url).close()
    return url


@contextmanager
def daemon(path: Path, answer: About | None) -> Iterator[Path]:
    """A socket behind which one answer is given, or none ever."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def give() -> None:
            stream, _ = listener.accept()
            with stream:
                stream.recv(100)
                stream.sendall(msgspec.json.encode(answer) + b"\n")

        giving = threading.Thread(target=give) if answer else None
        if giving:
            giving.start()
        yield path
        if giving:
            giving.join()


def test_without_a_daemon_the_store_alone_speaks(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert stratumd("status", "--database", url) == 0
    first, empty, *rest = capsys.readouterr().out.splitlines()
    pattern = tmp_path / f"{mark(tmp_path / 'stratumd.yaml')}-*.sock"
    assert first.startswith(f"no daemon answers on {pattern} or ")
    assert first.endswith(": what follows is what the store says")
    assert empty == ""
    assert rest[0].startswith("SOURCE")
    assert stratumd("status", "--database", url, "--json") == 0
    row = json.loads(capsys.readouterr().out)
    assert row["daemons"] == []
    assert row["no_answer"][str(pattern)] == ""
    assert row["observations"] == 0


def test_a_daemon_is_found_by_the_file(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / f"{mark(tmp_path / 'c.yaml')}-4711.sock"
    with daemon(path, ABOUT):
        assert stratumd("status", "-c", "c.yaml", "--database", url) == 0
    assert capsys.readouterr().out.splitlines()[:3] == [
        "running: process 4711 since 2026-07-14 21:30:00, stratumd 0.1.0, on sqlite:///x.db;"
        " components: 8 OK, 1 RecoverableError",
        "  source nba: RecoverableError (timeout)",
        "",
    ]


def test_a_socket_may_be_named(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with daemon(tmp_path / "s", ABOUT) as path:
        assert stratumd("status", "--socket", str(path), "--database", url, "--json") == 0
    row = json.loads(capsys.readouterr().out)
    assert row["daemons"] == [msgspec.to_builtins(ABOUT) | {"socket": str(path)}]
    assert row["no_answer"] == {}


def test_a_daemon_that_hangs_holds_nobody_up(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with daemon(tmp_path / "s", None) as path:
        assert stratumd("status", "--socket", str(path), "--database", url) == 0
    assert capsys.readouterr().out.startswith(f"no daemon answers on {path} (it takes longer than 1 s): what follows")


def test_the_daemon_is_told_of_where_the_store_does_not_open(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with daemon(tmp_path / "s", ABOUT) as path:
        assert stratumd("status", "--socket", str(path), "--database", "sqlite:///none.db") == 75
    told = capsys.readouterr()
    assert told.out.startswith("running: process 4711")
    assert told.err.startswith(f"error: {tmp_path / 'none.db'} does not exist")
