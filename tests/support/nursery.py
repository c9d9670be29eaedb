"""A process that has imported what a daemon needs, and becomes one by a fork: a Python of its own takes a second.

It runs by its source, `python -c`, so that nothing of the tests is imported. It reads a packet of JSON for each daemon
and answers with the process id. How a daemon ended is written to the file that the packet names.
"""

from __future__ import annotations

import gc
import json
import os
import selectors
import signal
import socket
import sys
import threading
from importlib import import_module
from typing import Any

from stratumd.cli import build, main

IMPORTED = (
    "stratumd.cli.run", "stratumd.runtime.daemon", "stratumd.registry", "psycopg", "alembic.command", "alembic.config",
    "httpx", "httpcore", "uvloop", "anyio._backends._asyncio", "uvicorn.lifespan.off", "rich.progress", "getpass",
    "pydantic.type_adapter", "typer._click", "stratumd_consensus", "stratumd_demo", "stratumd_file", "stratumd_log",
    "stratumd_move", "stratumd_odds_api",
)  # fmt: skip
"""What nearly every daemon imports, its plugins among it: a third of what a short life takes."""


def serve(control: socket.socket) -> None:
    """Make daemons until nobody asks any more."""
    for name in IMPORTED:
        import_module(name)
    build()  # imports the modules of all commands
    assert threading.active_count() == 1, "a thread does not survive a fork"
    gc.collect()
    gc.freeze()  # what is shared stays shared
    woken, waking = socket.socketpair()
    waking.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waking.fileno())
    ends: dict[int, str] = {}
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        selector.register(woken, selectors.EVENT_READ)
        while True:
            ready = {key.fileobj for key, _ in selector.select()}
            if woken in ready:
                woken.recv(4096)
                _reap(ends)
            if control in ready:
                packet = control.recv(1 << 17)
                if not packet:
                    return
                asked = json.loads(packet)
                child = os.fork()
                if child == 0:
                    for each in (control, woken, waking):
                        each.close()
                    _become(asked)
                ends[child] = asked["end"]
                control.sendall(f"{child}\n".encode())


def _reap(ends: dict[int, str]) -> None:
    for child in list(ends):
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            path = ends.pop(child)
            with open(f"{path}.new", "w", encoding="ascii") as file:
                file.write(str(os.waitstatus_to_exitcode(status)))
            os.replace(f"{path}.new", path)


def _become(asked: dict[str, Any]) -> None:
    """Be the command, in this very process, which ends here."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.environ.clear()
    os.environ.update(asked["env"])
    os.chdir(asked["folder"])
    for stream, name in ((1, "log"), (2, "errors")):
        file = os.open(asked[name], os.O_WRONLY | os.O_APPEND)
        os.dup2(file, stream)
        os.close(file)
    sys.argv = ["stratumd", *asked["arguments"]]
    main()


if __name__ == "__main__":
    serve(socket.socket(fileno=os.dup(0)))
