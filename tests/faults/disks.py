"""File systems of a test's own: one in a file, behind a loop device, and one in memory whose size can be changed.

Both are mounted in a mount namespace of this process alone, so that nothing stays behind however it ends.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TOOLS = ("unshare", "mount", "umount", "mkfs.ext4")
_INSIDE = "STRATUMD_OWN_MOUNTS"


def why_not() -> str | None:
    """Return why file systems cannot be mounted here; None where they can."""
    if os.geteuid() != 0:
        return "needs root, to mount a file system of its own"
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        return f"needs {', '.join(missing)}"
    if not Path("/dev/loop-control").exists():
        return "needs loop devices"
    tried = subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False)
    return None if tried.returncode == 0 else f"may not mount: {tried.stderr.decode().strip()}"


def enter_own_mounts() -> None:
    """Begin this program again in a mount namespace of its own, unless it is there already."""
    if os.environ.get(_INSIDE):
        return
    os.environ[_INSIDE] = "1"
    command = ["unshare", "-m", "--propagation", "private", sys.executable, *sys.orig_argv[1:]]
    os.execvp(command[0], command)


def make_disk(file: Path, megabytes: int) -> None:
    """Make an empty ext4 in `file`."""
    with file.open("wb") as disk:
        disk.truncate(megabytes * 2**20)
    _run("mkfs.ext4", "-q", "-F", str(file))


@contextmanager
def mounted(file: Path, place: Path) -> Iterator[None]:
    """Mount the file system in `file`. Its journal is written for fsync only, not by the clock."""
    _run("mount", "-o", "loop,commit=600,noatime", str(file), str(place))
    try:
        yield
    finally:
        _run("umount", str(place))


@contextmanager
def in_memory(place: Path, kilobytes: int) -> Iterator[None]:
    """Mount a file system in memory of that size."""
    _run("mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "none", str(place))
    try:
        yield
    finally:
        _run("umount", str(place))


def resize(place: Path, kilobytes: int) -> None:
    """Give a file system in memory another size."""
    _run("mount", "-o", f"remount,size={kilobytes}k", str(place))


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
