"""Commands about sinks: sinks test, sinks enable."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import anyio
import typer

from stratumd.cli.console import DEFAULT_CONFIG, FAILED, AsJson, ConfigPath, DatabaseUrl, emit, say, warn

if TYPE_CHECKING:
    from stratumd.config import Config, SinkSpec
    from stratumd.plugin import Micros, Signal
    from stratumd.registry import Registry

COLUMNS = {"sink": "SINK", "plugin": "PLUGIN", "result": "RESULT", "seconds": "SECONDS", "error": "ERROR"}
NOTE = "Only a test: nothing happened on any market."


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    sinks = typer.Typer(help="Look into the sinks.", no_args_is_help=True)
    sinks.command("test")(send_test)
    sinks.command("enable")(enable)
    app.add_typer(sinks, name="sinks")


def send_test(
    name: Annotated[
        str | None, typer.Argument(help="A sink, as `nba.discord` or `discord`; all where none is named.")
    ] = None,
    file: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> int:
    """Send a marked test signal to the enabled sinks, past their filters. Exits with 1 if one could not take it."""
    from stratumd.config import load_config
    from stratumd.observe import logs

    config = load_config(file)
    chosen = _chosen(config, name)
    if not chosen:
        warn(f"{file}: no sink is enabled in a pipeline that runs; add one under 'sinks'")
        return FAILED
    logs.configure(config.log.level, config.log.format)
    rows = anyio.run(_try_all, chosen, config.registry)
    emit(rows, COLUMNS, as_json=as_json)
    return FAILED if any(row["error"] for row in rows) else 0


def _chosen(config: Config, name: str | None) -> list[SinkSpec]:
    enabled = [
        sink for pipeline in config.pipelines.values() if pipeline.runs for sink in pipeline.sinks if sink.enabled
    ]
    found = [sink for sink in enabled if name is None or _matching(name, [sink.name])]
    if enabled and not found:
        raise typer.BadParameter(f"no enabled sink is called {name!r}; there are {', '.join(s.name for s in enabled)}")
    return found


def enable(
    name: Annotated[str, typer.Argument(help="A sink that is off, as `nba.discord` or `discord`.")],
    file: ConfigPath = DEFAULT_CONFIG,
    database: DatabaseUrl = None,
) -> int:
    """Use a sink again that was disabled because its receiver was gone; a running daemon need not be stopped.

    A sink whose options change is enabled at the next start anyway.
    """
    from stratumd.config import load_config
    from stratumd.store import enable_sink

    config = load_config(file) if database is None else None
    url = config.database.connect_url() if config is not None else str(database)
    off = _disabled(url)
    if not off or not _matching(name, off):
        _refuse_unknown(name, config, off)
        warn(f"{name} is not off; what is: {', '.join(off)}" if off else "no sink is off: there is nothing to enable")
        return FAILED
    sink = _named(name, off)
    enable_sink(url, sink)
    say(f"{sink} is enabled; a running daemon goes on with it in a second")
    return 0


def _refuse_unknown(name: str, config: Config | None, off: Sequence[str]) -> None:
    """Refuse a name that no sink has: none of the configuration, or where that is not read, none that is off."""
    if config is None and off:
        raise typer.BadParameter(f"no sink that is off is called {name!r}; there are {', '.join(off)}")
    if config is None:
        return
    from stratumd.plugin.known import suggest

    known = [sink.name for pipeline in config.pipelines.values() for sink in pipeline.sinks]
    if not _matching(name, known):
        short = [each.partition(".")[2] for each in known]
        hint = suggest(name, [*known, *short]) or f"there are {', '.join(dict.fromkeys([*known, *off]))}"
        raise typer.BadParameter(f"no sink is called {name!r}; {hint}")


def _disabled(url: str) -> list[str]:
    from stratumd.store import open_reader

    reader = open_reader(url)
    try:
        return [row.sink for row in reader.disabled_sinks()]
    finally:
        reader.close()


def _matching(name: str, sinks: Sequence[str]) -> list[str]:
    return [sink for sink in sinks if name in (sink, sink.partition(".")[2])]


def _named(name: str, sinks: Sequence[str]) -> str:
    found = _matching(name, sinks)
    if len(found) > 1:
        raise typer.BadParameter(f"several sinks that are off are called {name!r}: {', '.join(found)}")
    return found[0]


async def _try_all(sinks: Sequence[SinkSpec], registry: Registry) -> list[dict[str, Any]]:
    """Try the sinks at the same time; return a row for each, in their order."""
    rows: list[dict[str, Any]] = [{} for _ in sinks]

    async def run(index: int) -> None:
        rows[index] = await _try(sinks[index], registry)

    async with anyio.create_task_group() as group:
        for index in range(len(sinks)):
            group.start_soon(run, index)
    return rows


async def _try(spec: SinkSpec, registry: Registry) -> dict[str, Any]:
    started = time.monotonic()
    error = await _send(spec, registry)
    return {
        "sink": spec.name,
        "plugin": spec.use,
        "result": "failed" if error else "delivered",
        "seconds": round(time.monotonic() - started, 3),
        "error": error,
    }


async def _send(spec: SinkSpec, registry: Registry) -> str | None:
    """Open the sink, deliver the test and close it again. Returns what went wrong."""
    from stratumd.errors import StratumError
    from stratumd.plugin import Delivery, delivery_id
    from stratumd.redaction import told
    from stratumd.runtime.attempts import CLOSING, attempt
    from stratumd.runtime.build import build_sink
    from stratumd.runtime.clock import SystemTimer

    timer = SystemTimer()
    try:
        target = build_sink(spec, registry, timer).target
    except StratumError as error:
        return told(error)
    signal = marked_signal(spec.name, timer.now())
    delivery = Delivery(delivery_id(signal.id, spec.name), signal)
    failure = await attempt(target, target.sink.open)
    if failure is None:
        failure = await attempt(target, lambda: target.sink.deliver([delivery]))
    failure = await attempt(target, target.sink.close, CLOSING) or failure
    return told(failure) if failure else None


def marked_signal(sink: str, now: Micros) -> Signal:
    """Return a signal that everybody sees is a test: type TEST, a note in it, and a past that never was."""
    from stratumd.plugin import HOUR, Signal, signal_id

    return Signal(
        id=signal_id(["test", sink, str(now)]),
        type="TEST",
        pipeline=sink.partition(".")[0],
        detector="test",
        detector_version="1",
        sport="test",
        event="test",
        home="Test Home",
        away="Test Away",
        commence_at=now + HOUR,
        market="h2h",
        player=None,
        outcome="home",
        direction="up",
        operator=None,
        books=("test",),
        magnitude=0.05,
        threshold=0.03,
        strength=100,
        observed_at=now,
        expires_at=None,
        observation="test",
        metadata={"test": True, "note": NOTE},
    )
