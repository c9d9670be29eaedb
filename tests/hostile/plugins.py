"""A daemon full of hostile plugins: who is named, who is harmed, and how long the event loop stands still."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import httpx

from tests.support import ROOT
from tests.support.daemon import PATIENCE, Daemon

IN_PROCESS = (
    *("raise", "base", "exit", "interrupt", "group", "recursion", "memory", "mute", "print", "threads", "seep"),
    *("nap", "work"),
)
"""What detectors do in the daemon's own process: raise, spoil, and take two seconds asleep or at work."""
ISOLATED = ("raise", "exit", "leave", "sleep", "spin", "fork", "hoard", "leak", "print", "close", "threads")
"""What detectors do in processes of their own."""
SINKS = ("raise", "exit", "wait", "refuse", "print")
ISOLATED_SINKS = ("leave", "sleep", "spin", "wait", "print", "fork")

_HEAD = """
database: sqlite:///{folder}/run.db
http: {{listen: "127.0.0.1:0"}}
log: {{format: json}}
sources:
  made: {{use: demo, schedule: {{every: 500ms}}}}
pipelines:
  good:
    sources: [made]
    detectors: [consensus, move, steam]
    sinks: [file: {{path: {folder}/signals.jsonl}}]
"""

_HOOKS = '''

from stratumd import hookimpl


@hookimpl
def register_detectors():
    """Return the detector."""
    return [Unruly]


@hookimpl
def register_sinks():
    """Return the sink."""
    return [UnrulySink]
'''


@dataclass(slots=True)
class Ran:
    """How a daemon did."""

    observations: int = 0
    """That the good pipeline processed."""
    polls_failed: int = 0
    signals: int = 0
    """Of the good pipeline's types."""
    failures_of_others: list[str] = field(default_factory=list)
    """Components that were named and are none of the hostile ones."""
    not_ok: list[str] = field(default_factory=list)
    """Parts besides the hostile ones that were ever in another state than OK."""
    named: dict[str, str] = field(default_factory=dict)
    """The hostile components' newest failures: pipeline or sink, and where."""
    blocks: list[str] = field(default_factory=list)
    """What the watchdog said of calls that block: who waited, and the line."""
    lags: list[float] = field(default_factory=list)
    """Seconds that an answer to `/livez` took."""
    memory: list[float] = field(default_factory=list)
    """MiB that the daemon's own process held."""
    left_out: int = 0
    """Components in quarantine at the end."""
    exit_code: int = -1
    stop: float = 0.0
    """Seconds."""

    def lag(self, share: float) -> float:
        """Return the lag, in ms, that so large a share of the answers did not exceed."""
        ordered = sorted(self.lags)
        return 1_000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def install(folder: Path) -> Path:
    """Install the plugin `unruly` into `folder`, as pip would, and return it."""
    metadata = folder / "stratumd_unruly-1.0.dist-info"
    metadata.mkdir(parents=True)
    text = (ROOT / "tests/support/unruly.py").read_text()
    (folder / "stratumd_unruly.py").write_text(text + _HOOKS)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: stratumd-unruly\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[stratumd.plugins]\nunruly = stratumd_unruly\n")
    return folder


def pipelines(
    in_process: Iterable[str] = (),
    isolated: Iterable[str] = (),
    sinks: Iterable[str] = (),
    isolated_sinks: Iterable[str] = (),
) -> str:
    """Return a pipeline for each hostile detector, and one with all hostile sinks."""
    text = ""
    for where, acts in (("none", in_process), ("process", isolated)):
        for act in acts:
            unruly = f"unruly: {{act: {act}, isolate: {where}}}"
            text += f"  {act}-{where}: {{sources: [made], detectors: [consensus, {unruly}]}}\n"
    listed = [f"unruly: {{act: {act}, name: {act}}}" for act in sinks]
    listed += [f"unruly: {{act: {act}, name: {act}-apart, isolate: process}}" for act in isolated_sinks]
    if listed:
        text += f"  sinks: {{sources: [made], detectors: [unruly: {{act: signal}}], sinks: [{', '.join(listed)}]}}\n"
    return text


async def run(
    folder: Path, hostile: str, seconds: float, enough: Callable[[Ran], bool] | None = None, nap: float = 2.0
) -> Ran:
    """Run a daemon with the `hostile` pipelines for so long, or until `enough` was seen, and say how it did.

    `nap`: how many seconds those take that take long.
    """
    config = folder / "run.yaml"
    config.write_text(_HEAD.format(folder=folder) + hostile)
    site = folder / "site"
    if not site.exists():
        install(site)
    daemon, ran = Daemon(config, env={"PYTHONPATH": str(site), "UNRULY_NAP": str(nap)}), Ran()
    try:
        address = await daemon.address()
        async with httpx.AsyncClient(base_url=address, trust_env=False, timeout=PATIENCE) as client:
            await _started(client)
            async with anyio.create_task_group() as group:
                group.start_soon(_measure, client, daemon, ran)
                with anyio.move_on_after(seconds):
                    while enough is None or not enough(await _seen(client, daemon)):  # noqa: ASYNC110  # another process
                        await anyio.sleep(0.1 if enough else seconds)
                group.cancel_scope.cancel()
            status = (await client.get("/status")).json()
        ran.exit_code, ran.stop = await daemon.stop()
    except Exception:
        assert daemon.process.poll() is None, f"it ended with {daemon.process.returncode}: {daemon.said[-3_000:]}"
        raise
    finally:
        daemon.kill()
    _read_status(ran, status)
    _read_log(ran, daemon)
    return ran


async def _seen(client: httpx.AsyncClient, daemon: Daemon) -> Ran:
    ran = Ran()
    _read_status(ran, (await client.get("/status")).json())
    _read_log(ran, daemon)
    return ran


async def _started(client: httpx.AsyncClient) -> None:
    with anyio.fail_after(PATIENCE):
        while (await client.get("/status")).json()["pipelines"].get("good", {}).get("observations", 0) < 2:  # noqa: ASYNC110  # another task or process changes it
            await anyio.sleep(0.1)


async def _measure(client: httpx.AsyncClient, daemon: Daemon, ran: Ran) -> None:
    while True:
        began = time.perf_counter()
        await client.get("/livez")
        ran.lags.append(time.perf_counter() - began)
        ran.memory.append(_resident(daemon.process.pid))
        await anyio.sleep(0.02)


def _resident(pid: int) -> float:
    fields = Path(f"/proc/{pid}/statm").read_text().split()
    return int(fields[1]) * 4096 / (1 << 20)


def _read_status(ran: Ran, status: dict[str, Any]) -> None:
    good = status["pipelines"]["good"]
    ran.observations, ran.signals = good["observations"], sum(good["signals"].values())
    ran.polls_failed = status["sources"]["made"]["failed"]
    ran.left_out = sum(each["kind"] == "component" for each in status["components"])
    ran.failures_of_others = [each["component"] for each in status["failures"] if each["plugin"] != "unruly"]


def _read_log(ran: Ran, daemon: Daemon) -> None:
    for line in daemon.lines():
        event = line.get("event")
        if event == "plugin failed" or event == "delivery put off":
            name = line.get("pipeline") or line.get("sink") or ""
            ran.named[name] = line.get("where") or line.get("error", "")
        elif event in ("a call blocks", "a call that blocked has ended"):
            ran.blocks.append(f"{line['blocked']}: {line['component']} at {line['where']}")
        elif event == "failed; it is started again" and line.get("name") in ("good", "made"):
            ran.not_ok.append(f"{line['name']}: {line['error']}")


def blocked_lines(ran: Ran) -> list[str]:
    """Return each line that the watchdog named, once."""
    return [*dict.fromkeys(ran.blocks)]


def drift(ran: Ran) -> float:
    """Return by how many MiB the daemon's own process grew from the second fifth of the time to the last."""
    fifth = max(1, len(ran.memory) // 5)
    parts = [ran.memory[start : start + fifth] for start in range(0, len(ran.memory), fifth)]
    means = [sum(part) / len(part) for part in parts]
    return means[min(4, len(means) - 1)] - means[min(1, len(means) - 1)]


def children_left(folder: Path) -> int:
    """Return how many processes of isolated components of this run are still there."""
    left = 0
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            environ = path.read_bytes()
            command = (path.parent / "cmdline").read_bytes()
        except OSError:
            continue
        left += str(folder).encode() in environ and b"stratumd.runtime.isolation.child" in command
    return left
