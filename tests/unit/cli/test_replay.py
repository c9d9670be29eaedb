"""How a replay ends: by Ctrl-C, whatever is contained inside of an observation, or before it began."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from stratumd.cli.replay import _run
from stratumd.engine import Pipeline
from stratumd.plugin import HOUR, MINUTE, Detector, Finding, Observation, PluginConfig, Tick
from stratumd.testing.harness import PlainNormalizer, game, observation, spread
from tests.support.cli import stratumd

START = 1_767_268_800_000_000


class Interrupting(Detector):
    """While it runs, somebody presses Ctrl-C."""

    name = "interrupting"

    def detect(self, tick: Tick) -> list[Finding]:
        signal.raise_signal(signal.SIGINT)
        return []


def test_ctrl_c_ends_a_replay_after_the_observation_at_hand() -> None:
    taken: list[int] = []

    def observations() -> Iterator[Observation]:
        for minute in range(3):
            taken.append(minute)
            books = {"fanduel": [spread(-3.5 - minute, 1.91, 1.91)]}
            yield observation(START + minute * MINUTE, {game(START + HOUR): books})

    pipeline = Pipeline("test", [Interrupting(PluginConfig())], {"plain": PlainNormalizer(PluginConfig())})
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        _run(observations(), [pipeline], None)
    assert taken == [0]
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize(
    ("out", "why"),
    [
        ("no/signals.jsonl", "there is no folder no; create it first"),
        (".", "it is a folder"),
        ("/proc/signals.jsonl", "No such file or directory"),
        pytest.param("kept", "Permission denied", marks=pytest.mark.skipif(os.geteuid() == 0, reason="root may write")),
    ],
)
def test_an_unwritable_file_is_refused_before_anything_is_stepped(
    out: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("kept").touch(mode=0o400)
    config = Path("c.yaml")
    config.write_text(
        "sources: {demo: {use: demo, schedule: {every: 2s}}}\npipelines: {demo: {sources: [demo], sinks: [log]}}\n"
    )
    Path("empty.jsonl").touch()
    words = ["replay", "empty.jsonl", "-c", "c.yaml", "--database", "sqlite:///replay.db", "--out", out]
    assert stratumd(*words) == 1
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", f"error: cannot write {out}: {why}\n")
    assert out.startswith("/proc") or not Path("replay.db").exists()


def test_replay_without_a_configuration_says_how_to_name_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert stratumd("replay", "week.jsonl") == 78
    assert "name another (-c FILE)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("statuses", "said"),
    [
        ([], "no signals: there was no answer to read"),
        ([200], "no signals: 1 answer read, and not one quote in them"),
        (
            [200, 429, 503, 503],
            "no signals: 4 answers read, 1 with status 429, 2 with status 503, and not one quote in them",
        ),
    ],
)
def test_a_replay_without_quotes_says_what_was_read(
    statuses: Sequence[int], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = [
        replace(observation(START + n, {game(START + HOUR): {}}), status=status, id="")
        for n, status in enumerate(statuses)
    ]
    pipeline = Pipeline("test", [], {"plain": PlainNormalizer(PluginConfig())})
    _run(answers, [pipeline], None).show(as_json=False)
    assert capsys.readouterr().err == f"{said}\n"
