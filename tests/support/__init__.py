"""What several test modules need: where the recordings and reference values are, when they are there at all."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("STRATUMD_SHARED", ROOT.parent / "shared"))
"""Where recordings of real answers and reference values are, where they are at all; no part of the project."""


EXAMPLES = int(os.environ.get("STRATUMD_EXAMPLES", "30"))
"""How many cases a property is tried on; `make properties` tries many more."""


def shared(name: str) -> Path:
    """Return the path of a recording or reference file, or skip the test that asks and say which file it needed."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"needs {name}, which is not part of the project (set STRATUMD_SHARED to its folder)")
    return path
