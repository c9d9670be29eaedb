"""Commands in a process to which permissions apply, also where the tests run as root."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from tests.support.daemon import COMMAND

_OVERRIDES = "-dac_override,-dac_read_search"
"""What lets root read and write every file."""


def unprivileged(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of stratumd's as an operator whom the system may refuse a file."""
    return subprocess.run(
        [*_dropped(), *COMMAND, *arguments], cwd=cwd, capture_output=True, text=True, timeout=60, check=False
    )


@cache
def _dropped() -> list[str]:
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root may read everything, and there is no setpriv to give that up")
    words = ["setpriv", f"--bounding-set={_OVERRIDES}", f"--inh-caps={_OVERRIDES}"]
    tried = subprocess.run([*words, *COMMAND, "--version"], capture_output=True, text=True, timeout=60, check=False)
    if tried.returncode != 0:
        pytest.skip(f"root may read everything, and cannot give that up here: {tried.stderr.strip()[-200:]}")
    return words
