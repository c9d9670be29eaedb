"""The control socket: found by the file, answered in one line, closed to everybody else."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio import to_thread
from anyio.abc import SocketStream
from structlog.testing import capture_logs

from stratumd.errors import StartupError
from stratumd.runtime import control, presence
from stratumd.runtime.control import Request, address, ask, opened, serve
from stratumd.runtime.presence import About, folders, look, sockets
from stratumd.runtime.reload import Answer

pytestmark = pytest.mark.anyio

CONFIG = Path("stratumd.yaml")
ABOUT = About(1, "0.1.0", "2026-07-14T21:30:00Z", "all", "sqlite:///x.db", {"OK": 3}, [])


class Scripted:
    """Answers as a reloader does."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def reload(self) -> Answer:
        self.asked.append("reload")
        return Answer(1, plan={"keep": ["source nba"]})

    async def preview(self) -> Answer:
        self.asked.append("preview")
        return Answer(1, 78, "a mistake")


def environ(folder: Path) -> dict[str, str]:
    return {"RUNTIME_DIRECTORY": str(folder)}


@asynccontextmanager
async def serving(folder: Path, reloader: Any) -> AsyncIterator[Path]:
    async with opened(CONFIG, environ(folder)) as listener, anyio.create_task_group() as group:
        assert listener is not None
        group.start_soon(serve, listener, reloader, lambda: ABOUT)
        yield Path(address(listener))
        group.cancel_scope.cancel()


async def asked(request: Request, *paths: Path) -> list[Answer]:
    return await to_thread.run_sync(lambda: list(ask(request, list(paths))))


async def test_a_request_and_its_answer(tmp_path: Path) -> None:
    scripted = Scripted()
    async with serving(tmp_path, scripted) as path:
        assert sockets(CONFIG, environ(tmp_path)) == [path]
        assert (await asked(Request("reload"), path))[0].plan == {"keep": ["source nba"]}
        assert (await asked(Request("preview"), path))[0].error == "a mistake"
    assert scripted.asked == ["reload", "preview"]
    assert sockets(CONFIG, environ(tmp_path)) == []


@pytest.mark.parametrize("line", [b"reload\n", b'{"do":"stop"}\n', b"{}\n", b"x" * 9_000, b'{"do":'])
async def test_what_is_no_request_is_not_answered_and_does_nothing(tmp_path: Path, line: bytes) -> None:
    scripted = Scripted()
    async with serving(tmp_path, scripted) as path:
        with capture_logs() as lines:
            async with await anyio.connect_unix(path) as stream:
                await stream.send(line)
                await stream.send_eof()
                with pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
                    await stream.receive()
        assert [each["log_level"] for each in lines] == ["warning"]
        assert (await asked(Request("reload"), path))[0].pid == 1
    assert scripted.asked == ["reload"]


async def test_who_only_looks_whether_somebody_is_there_is_not_told_of(tmp_path: Path) -> None:
    """As each daemon does that starts by the same file."""
    async with serving(tmp_path, Scripted()) as path:
        with capture_logs() as lines:
            await (await anyio.connect_unix(path)).aclose()
            assert (await asked(Request("reload"), path))[0].pid == 1
    assert lines == []


async def test_a_caller_that_says_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "PATIENCE", 0.01)
    async with serving(tmp_path, Scripted()) as path, await anyio.connect_unix(path) as stream:
        with anyio.fail_after(30), pytest.raises(anyio.EndOfStream):
            await stream.receive()


async def test_a_caller_that_does_not_wait_for_the_answer_harms_nobody(tmp_path: Path) -> None:
    scripted = Scripted()
    async with serving(tmp_path, scripted) as path:
        async with await anyio.connect_unix(path) as stream:
            await stream.send(b'{"do":"reload"}\n')
        assert (await asked(Request("preview"), path))[0].pid == 1


async def test_every_daemon_of_the_file_is_asked(tmp_path: Path) -> None:
    async with serving(tmp_path, Scripted()) as path:
        other = path.with_name(path.name.replace(str(os.getpid()), "1"))
        path.rename(other)
        async with serving(tmp_path, Scripted()) as second:
            found = sockets(CONFIG, environ(tmp_path))
            assert {*found} == {other, second}
            assert len(await asked(Request("reload"), *found)) == 2
        assert sockets(Path("other.yaml"), environ(tmp_path)) == []


def seen(*paths: Path) -> list[About | str]:
    return [found for _, found in look(list(paths))]


async def test_a_daemon_says_what_it_is_while_it_reloads(tmp_path: Path) -> None:
    class Busy(Scripted):
        async def reload(self) -> Answer:
            await anyio.sleep_forever()
            raise AssertionError

    async with serving(tmp_path, Busy()) as path, await anyio.connect_unix(path) as stream:
        await stream.send(b'{"do":"reload"}\n')
        assert await to_thread.run_sync(seen, path) == [ABOUT]


async def test_who_does_not_answer_is_told_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(tmp_path / "killed.sock"))
    paths = [tmp_path / name for name in ("nothing.sock", "file", "killed.sock", "x" * 200)]
    there_is_none = "there is no socket"
    assert seen(*paths) == [there_is_none, there_is_none, "it was ended", "AF_UNIX path too long"]


@pytest.mark.parametrize(
    ("says", "why"),
    [
        (None, "it takes longer than 0.2 s"),
        (b"", "it gives no answer that this version understands"),
        (b'{"pid":1}\n', "it gives no answer that this version understands"),
        (b"." * 4_000_000, "it gives no answer that this version understands"),
    ],
)
async def test_nobody_is_waited_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: bytes | None, why: str
) -> None:
    """A process that is stopped takes connections, and never answers."""

    async def answer(stream: SocketStream) -> None:
        with suppress(anyio.BrokenResourceError):
            async with stream:
                await stream.receive()
                await (anyio.sleep_forever() if says is None else stream.send(says))

    monkeypatch.setattr(presence, "PATIENCE", 0.2 if says is None else 30)
    async with await anyio.create_unix_listener(tmp_path / "s") as listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, answer)
        with anyio.fail_after(60):
            assert await to_thread.run_sync(seen, tmp_path / "s") == [why]
        group.cancel_scope.cancel()


async def test_who_answers_byte_by_byte_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def drip(stream: SocketStream) -> None:
        with suppress(anyio.BrokenResourceError):
            async with stream:
                while True:
                    await stream.send(b"{")
                    await anyio.sleep(0.01)

    monkeypatch.setattr(presence, "PATIENCE", 0.2)
    async with await anyio.create_unix_listener(tmp_path / "s") as listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, drip)
        with anyio.fail_after(60):
            assert await to_thread.run_sync(seen, tmp_path / "s") == ["it takes longer than 0.2 s"]
        group.cancel_scope.cancel()


async def test_what_a_killed_daemon_left_is_passed_over_and_removed_by_the_next(tmp_path: Path) -> None:
    async with serving(tmp_path, Scripted()) as path:
        name = path.name.replace(str(os.getpid()), "1")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / name))
    with pytest.raises(StartupError, match="no daemon runs by this file"):
        await asked(Request("reload"), tmp_path / name, tmp_path / "nothing.sock")
    async with serving(tmp_path, Scripted()) as path:
        assert sockets(CONFIG, environ(tmp_path)) == [path]


async def test_a_daemon_that_ends_before_it_answers(tmp_path: Path) -> None:
    class Gone(Scripted):
        async def reload(self) -> Answer:
            raise anyio.BrokenResourceError

    async with serving(tmp_path, Gone()) as path:
        with pytest.raises(StartupError, match="ended before it answered"):
            await asked(Request("reload"), path)


async def test_a_daemon_that_takes_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(Scripted):
        async def reload(self) -> Answer:
            await anyio.sleep_forever()
            raise AssertionError

    monkeypatch.setattr(control, "WAIT", 0.05)
    async with serving(tmp_path, Slow()) as path:
        with pytest.raises(StartupError, match="gave no answer"):
            await asked(Request("reload"), path)


async def refused(folder: Path) -> str:
    """Try to open a socket there; return why that is refused."""
    with capture_logs() as lines:
        async with opened(CONFIG, environ(folder)) as listener:
            assert listener is None
    (line,) = lines
    assert line["event"] == "there is no control socket; SIGHUP reloads all the same"
    return str(line["error"])


async def test_a_folder_that_others_can_write_to_is_not_used(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    assert "not this user's own" in await refused(shared)
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    assert "not this user's own" in await refused(link)


async def test_a_path_that_is_too_long_for_a_socket(tmp_path: Path) -> None:
    assert "too long" in await refused(tmp_path / ("x" * 100))


def test_where_a_socket_lies(tmp_path: Path) -> None:
    """The service manager's folder, the session's, or one of the user's own."""
    assert folders({"RUNTIME_DIRECTORY": "/run/odds:/run/more"})[0] == Path("/run/odds")
    assert folders({"XDG_RUNTIME_DIR": "/run/user/7"}) == [Path("/run/user/7/stratumd")]
    (own,) = folders({})
    assert own.name == f"stratumd-{os.getuid()}"
