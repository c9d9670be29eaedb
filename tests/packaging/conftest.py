"""Building and installing for real, without a network: what is built stands in an environment of its own."""

import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest

from tests.support import ROOT

collect_ignore = ["stranger"]
"""The stranger's tests are run as a stranger would, from an environment into which it was installed."""


@dataclass(frozen=True)
class Environment:
    """A virtual environment that holds nothing but what the test installed; dependencies come from this one."""

    folder: Path

    @property
    def python(self) -> str:
        """The interpreter."""
        return str(self.folder / "bin" / "python")

    @property
    def packages(self) -> Path:
        """Where its packages are."""
        (found,) = self.folder.glob("lib/python*/site-packages")
        return found

    def install(self, *things: Path) -> None:
        """Install wheels, or folders with a pyproject, without a network."""
        pip = [sys.executable, "-m", "pip", "--python", self.python, "install", "--quiet", "--no-index", "--no-deps"]
        run(*pip, "--no-build-isolation", *map(str, things))

    def stratumd(self, *arguments: str, cwd: Path, code: int = 0) -> "subprocess.CompletedProcess[str]":
        """Run a command far from the repository."""
        return run(str(self.folder / "bin" / "stratumd"), *arguments, cwd=cwd, code=code)

    def start(self, *arguments: str, cwd: Path, out: IO[bytes]) -> "subprocess.Popen[bytes]":
        """Start a command far from the repository; what it says on both streams goes `out`."""
        command = [str(self.folder / "bin" / "stratumd"), *arguments]
        return subprocess.Popen(command, cwd=cwd, stdout=out, stderr=out, env=bare())


def bare() -> dict[str, str]:
    """Return an environment without anything of this one that Python or stratumd would read."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "STRATUMD", "ODDS"))}


def run(*command: str, cwd: Path | None = None, code: int = 0) -> "subprocess.CompletedProcess[str]":
    """Run a command with a bare environment and expect its exit code."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, env=bare(), timeout=120)
    assert done.returncode == code, f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this repository."""
    target = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(target), str(ROOT))
    (built,) = target.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment into which the wheel was installed. Tests that install more make a copy."""
    return environment(tmp_path_factory.mktemp("installed"), wheel)


def environment(folder: Path, *things: Path) -> Environment:
    """Return a new environment with `things` installed in it."""
    made = _empty(folder)
    # A path in a .pth file is added behind this environment's own packages, and the .pth files there, such as the one
    # of an editable install, are not read.
    (made.packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    made.install(*things)
    return made


def copied(environment: Environment, folder: Path, *things: Path) -> Environment:
    """Return a new environment with what another one has, and `things`: to install a wheel compiles all of it."""
    made = _empty(folder)
    shutil.copytree(environment.packages, made.packages, dirs_exist_ok=True)
    script = made.folder / "bin" / "stratumd"
    shutil.copy(environment.folder / "bin" / "stratumd", script)
    script.write_text(script.read_text().replace(str(environment.folder), str(made.folder)))
    if things:
        made.install(*things)
    return made


def _empty(folder: Path) -> Environment:
    run(sys.executable, "-m", "venv", "--without-pip", str(folder))
    return Environment(folder)
