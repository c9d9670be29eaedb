"""`stratumd reload`: a running daemon goes over to what its configuration file says now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stratumd.cli.console import DEFAULT_CONFIG, AsJson, ConfigPath, emit_lines, say, warn

if TYPE_CHECKING:
    from stratumd.runtime.reload import Answer

DONE = {
    "start": "started",
    "stop": "stopped",
    "restart": "restarted",
    "adjust": "changed",
    "keep": "stayed",
    "fixed": "needs a restart",
}
PLANNED = {
    "start": "would start",
    "stop": "would stop",
    "restart": "would restart",
    "adjust": "would change",
    "keep": "would stay",
    "fixed": "needs a restart",
}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("reload")(reload)


def reload(
    file: Annotated[
        Path | None, typer.Argument(help="The daemon's configuration file, instead of --config.", readable=False)
    ] = None,
    config: ConfigPath = DEFAULT_CONFIG,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would change; change nothing.")] = False,
    socket: Annotated[
        Path | None, typer.Option("--socket", help="The daemon's control socket, as its /status shows it.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Let the running daemon take over its changed configuration, without a gap in what did not change.

    Only what changed is started, stopped or restarted. A file with a mistake changes nothing.

    Exit codes: 0 done, 1 a plugin's code prevents it, 2 usage, 75 no daemon answers, 78 the configuration is wrong.
    """
    from stratumd.runtime.control import Request, ask
    from stratumd.runtime.presence import sockets

    paths = [socket] if socket else sockets(file or config)
    code = 0
    for answer in ask(Request("preview" if dry_run else "reload"), paths):
        _show(answer, PLANNED if dry_run else DONE, as_json)
        code = max(code, answer.exit_code)
    return code


def _show(answer: Answer, words: dict[str, str], as_json: bool) -> None:
    if as_json:
        import msgspec

        emit_lines([msgspec.json.encode(answer)])
        return
    for text in answer.warnings:
        warn(text)
    if answer.exit_code:
        warn(answer.error)
        warn(f"daemon {answer.pid}: nothing was changed")
        return
    say(f"daemon {answer.pid}:")
    width = max(map(len, words.values()))
    for fate, word in words.items():
        for item in answer.plan.get(fate, []):
            say(f"  {word:<{width}}  {item}")
    for sink, number in answer.waiting.items():
        say(f"  {number} deliveries of {sink} stay in the store until a sink of that name is configured again")
