"""`make hostile`: the figures, on this machine."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio

from stratumd.observe import logs
from tests.hostile import breaker, plugins, provider

MUTATIONS = int(os.environ.get("STRATUMD_MUTATIONS", "100000"))
SECONDS = float(os.environ.get("STRATUMD_HOSTILE_SECONDS", "60"))
LAG = 50
"""Milliseconds that an answer of the loop may take beside hostile plugins, 99 of 100 times."""
BOMBS = ("gzip_bomb", "deflate_bomb", "zstd_bomb", "br_bomb")


def main() -> None:
    """Print everything; exit with 1 where something is not as promised."""
    logs.configure("error", "json")
    say(f"machine: {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {sys.version.split()[0]}")
    fine = [measure() for measure in (_shapes, _mutations, _bombs, _drip, _breaker, _plugins, _loop)]
    say("all as promised" if all(fine) else "NOT all as promised")
    sys.exit(0 if all(fine) else 1)


def say(text: str) -> None:
    """Print at once."""
    print(text, flush=True)


@contextmanager
def folder() -> Iterator[Path]:
    """A folder for one run."""
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)


def _shapes() -> bool:
    began = time.monotonic()
    with folder() as into:
        found = anyio.run(provider.try_shapes, into)
    return _outcome("body shapes over HTTP: source, normalizer, pipeline, store", found, began)


def _mutations() -> bool:
    began = time.monotonic()
    with folder() as into:
        found = provider.try_mutations(into, MUTATIONS)
    return _outcome("mutated bodies: check, normalizer, pipeline, store", found, began)


def _outcome(what: str, found: provider.Outcome, began: float) -> bool:
    say(f"\n{found.answers:,} {what}, {time.monotonic() - began:.0f} s")
    figures = {
        "uncaught exceptions": len(found.uncaught),
        "plugin failures (contained)": found.faults,
        "partial writes": found.partial,
        "next answers not taken as ever": len(found.abnormal),
    }
    for name, number in figures.items():
        say(f"  {name:<34}{number:>8}")
    common = Counter(found.reactions).most_common(8)
    say("  taken as: " + "; ".join(f"{name} {number:,}" for name, number in common))
    for detail in [*found.uncaught[:3], *found.abnormal[:3]]:
        say(f"  ! {detail[:160]}")
    return not any(figures.values())


def _bombs() -> bool:
    say("\nbombs of 1 GiB: memory of a process that asks, MiB")
    fine = True
    for manner in BOMBS:
        before, peak, said = anyio.run(provider.bomb_peak, manner)
        say(f"  {manner:<14}before {before:6.1f}   at most {peak:6.1f}   {said}")
        fine &= peak <= 64
    return fine


def _drip() -> bool:
    seconds, said = anyio.run(provider.drip, 2.0)
    say(f"\nslow drip, deadline 2 s: ended after {seconds:.2f} s ({said})")
    return seconds < 2.5


def _breaker() -> bool:
    with folder() as into:
        told = anyio.run(breaker.tell, into)
    say(
        f"\nbreaker, virtual time: provider down for {breaker.DOWN // 10**6} s, polled every {breaker.EVERY // 10**6} s"
    )
    say(f"  polls due {told.due}, requests made {told.made}")
    say(f"  opened at {', '.join(f'{at:.0f}' for at in told.opened)} s; probed at {_seconds(told.probed)} s")
    say(f"  a new process left the provider alone for {told.after_restart:.0f} s more; closed at {told.closed:.0f} s")
    return bool(told.closed and told.after_restart and told.made < told.due)


def _seconds(times: list[float]) -> str:
    return ", ".join(f"{at:.0f}" for at in times)


def _plugins() -> bool:
    acts = (plugins.IN_PROCESS, plugins.ISOLATED, plugins.SINKS, plugins.ISOLATED_SINKS)
    with folder() as into:
        alone = anyio.run(plugins.run, into, "", SECONDS / 2)
    with folder() as into:
        ran = anyio.run(plugins.run, into, plugins.pipelines(*acts), SECONDS)
        left = plugins.children_left(into)
    say(f"\nhostile plugins: {sum(map(len, acts))} at once in one daemon, {SECONDS:.0f} s")
    say(f"  detectors in the process:   {', '.join(plugins.IN_PROCESS)}")
    say(f"  detectors in their own:     {', '.join(plugins.ISOLATED)}")
    say(f"  sinks: {', '.join(plugins.SINKS)}; in their own: {', '.join(plugins.ISOLATED_SINKS)}")
    before = _ran("  without them", alone, SECONDS / 2)
    beside = _ran("  with them   ", ran, SECONDS)
    others = [*ran.failures_of_others, *ran.not_ok]
    say(f"  other components affected: {len(others)} {others or ''}")
    say(f"  hostile components named: {len(ran.named)}; left out: {ran.left_out}")
    for line in plugins.blocked_lines(ran):
        say(f"  blocking line: {line}")
    say(f"  memory of the daemon's process: {ran.memory[-1]:.0f} MiB, {plugins.drift(ran):+.0f} MiB over the run")
    say(f"  stop: exit code {ran.exit_code} after {ran.stop:.1f} s; processes left: {left}")
    missed = {
        "another component was affected": bool(others),
        "a process is left": bool(left),
        "a blocking line was not named": len(plugins.blocked_lines(ran)) < 2,
        "the good pipeline has less than half its pace": beside < before / 2,
        f"loop lag p99 above {LAG} ms": ran.lag(0.99) > LAG,
        "the stop was not clean": ran.exit_code != 0,
    }
    for what in [what for what, is_so in missed.items() if is_so]:
        say(f"  NOT as promised: {what}")
    return not any(missed.values())


def _ran(name: str, ran: plugins.Ran, seconds: float) -> float:
    """Say how a daemon did; return the good pipeline's observations a second."""
    pace = ran.observations / seconds
    say(
        f"{name}: good pipeline {pace:.2f} observations a second, {ran.signals} signals in {seconds:.0f} s;"
        f" loop lag p50 {ran.lag(0.5):.0f}, p99 {ran.lag(0.99):.0f}, most {ran.lag(1.0):.0f} ms"
    )
    return pace


def _loop() -> bool:
    say("\na sink that sleeps for two seconds without awaiting")
    fine = True
    for where in ("none", "process"):
        acts = {"sinks": ("nap",)} if where == "none" else {"isolated_sinks": ("nap",)}
        with folder() as into:
            ran = anyio.run(plugins.run, into, plugins.pipelines(**acts), 15.0)
        named = [line for line in plugins.blocked_lines(ran) if line.startswith("event loop")]
        say(
            f"  isolate: {where:<8} loop lag p99 {ran.lag(0.99):.0f} ms, most {ran.lag(1.0):.0f} ms;"
            f" {named or 'no line to name'}"
        )
        fine &= bool(named) == (where == "none")
    return fine


if __name__ == "__main__":
    main()
