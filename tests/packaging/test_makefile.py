"""`make` in an empty folder, with stand-ins for what it would install."""

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.support import ROOT

DAEMON = """#!/bin/sh
trap 'echo stopping; exit 0' INT
echo "running $*"
while :; do sleep 0.1; done
"""

RECORDER = """#!/bin/sh
echo "$*" >> "$(dirname "$0")/../../calls"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files that the Makefile reads, and an environment that seems to be ready."""
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    script(tmp_path / ".venv" / "bin" / "stratumd", DAEMON)
    script(tmp_path / ".venv" / "bin" / "python", RECORDER)
    return tmp_path


def script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def make(folder: Path, *words: str, path: str | None = None) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PATH": path or os.environ["PATH"]}
    make = shutil.which("make") or "make"
    return subprocess.run([make, *words], cwd=folder, capture_output=True, text=True, env=environment, timeout=60)


def test_ctrl_c_ends_make_run_with_0_within_5_seconds(folder: Path) -> None:
    (folder / ".venv" / ".ready").touch()
    child, terminal = pty.fork()
    if child == 0:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # ignored where this runs in the background, and inherited
        os.chdir(folder)
        os.execvp("make", ["make", "run"])
    try:
        shown = until(terminal, b"running run stratumd.example.yaml")
        pressed = time.monotonic()
        os.write(terminal, b"\x03")
        shown += until(terminal, b"stopping")
        _, status = os.waitpid(child, 0)
    finally:
        os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 0, shown.decode()
    assert time.monotonic() - pressed < 5
    assert b"Error" not in shown


def until(terminal: int, text: bytes) -> bytes:
    """Read what a terminal shows, up to `text`."""
    shown, patience = b"", time.monotonic() + 30
    while text not in shown:
        ready, _, _ = select.select([terminal], [], [], max(0.0, patience - time.monotonic()))
        assert ready, f"no {text!r} in {shown!r}"
        shown += os.read(terminal, 4096)
    return shown


def test_the_environment_is_made_from_the_lock_file_once(folder: Path) -> None:
    assert make(folder, ".venv/.ready").returncode == 0
    calls = (folder / "calls").read_text().splitlines()
    assert [call for call in calls if call.startswith("-m pip")] == [
        "-m pip install --quiet --require-hashes -r requirements.lock",
        "-m pip install --quiet --no-deps --no-build-isolation -e .",
    ]
    assert make(folder, ".venv/.ready").returncode == 0
    assert (folder / "calls").read_text().splitlines() == calls, "the second time is instant"


def test_a_changed_lock_file_is_installed_again(folder: Path) -> None:
    make(folder, ".venv/.ready")
    later = time.time() + 10
    os.utime(folder / "requirements.lock", (later, later))
    make(folder, ".venv/.ready")
    assert (folder / "calls").read_text().count("--require-hashes") == 2


def test_an_old_python_is_refused_with_what_to_do(folder: Path, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    for name in ("python3", "python3.13", "python3.12", "python3.11"):
        script(tools / name, "#!/bin/sh\nexit 1\n")
    done = make(folder, "run", path=f"{tools}:/usr/bin:/bin")
    assert done.returncode == 2
    assert "stratumd needs Python 3.11 or newer; install it" in done.stderr
    assert not (folder / "calls").exists()


def test_help_lists_every_target(folder: Path) -> None:
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony is not None
    listed = re.findall(r"make ([\w-]+)", make(folder).stdout)
    assert sorted(listed) == sorted(phony[1].split())


def test_every_file_that_a_target_runs_is_there() -> None:
    text = (ROOT / "Makefile").read_text()
    named = re.findall(r"(?:python|pytest -q) ((?:docs|tests)[\w/.]*)", text)
    assert len(named) >= 4
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_ci_runs_every_check_and_the_tests_last() -> None:
    lines = [line for line in (ROOT / ".ci" / "run").read_text().splitlines() if line.startswith("make")]
    assert [line.split(" <")[0] for line in lines] == ["make lint types walls", "make test"]
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
