"""Commands in a process to which permissions apply, also where the tests run as root."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.support.daemon import Nursery

_OVERRIDES = "-dac_override,-dac_read_search"
"""What lets root read and write every file."""


class Unprivileged:
    """An operator whom the system may refuse a file. Each command is forked off one process that has given that up."""

    def __init__(self) -> None:
        self._nursery = Nursery(_dropped())

    def __call__(self, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run a command of stratumd's."""
        with TemporaryDirectory() as folder:
            out, errors = Path(folder, "out"), Path(folder, "errors")
            out.touch()
            errors.touch()
            code = self._nursery.start(arguments, out, os.environ, errors=errors, cwd=cwd).wait()
            return subprocess.CompletedProcess(arguments, code, out.read_text(), errors.read_text())

    def close(self) -> None:
        """End the process."""
        self._nursery.close()


def _dropped() -> list[str]:
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root may read everything, and there is no setpriv to give that up")
    words = ["setpriv", f"--bounding-set={_OVERRIDES}", f"--inh-caps={_OVERRIDES}"]
    tried = subprocess.run(
        [*words, sys.executable, "-c", "import stratumd"], capture_output=True, text=True, timeout=60, check=False
    )
    if tried.returncode != 0:
        pytest.skip(f"root may read everything, and cannot give that up here: {tried.stderr.strip()[-200:]}")
    return words
