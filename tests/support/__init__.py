"""What several test modules need: where the recordings and reference values are, when they are there at all."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def shared(name: str) -> Path:
    """Return the path of a recording or reference file, or skip the test that asks and say which file it needed."""
    folder = Path(os.environ.get("STRATUMD_SHARED", ROOT.parent / "shared"))
    path = folder / name
    if not path.exists():
        pytest.skip(f"needs {name}, which is not part of the project (set STRATUMD_SHARED to its folder)")
    return path
