"""The client in a process that is not its own: partners import it for their webhooks, and plugins come by reload."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

WORDS = """
import sys
before = {name for name, module in sys.modules.items() if module is None}
import stratumd.client
assert {name for name, module in sys.modules.items() if module is None} <= before, "a name is kept from others"
sys.path.append(sys.argv[1])
import sniffio
"""


def test_what_is_installed_afterwards_can_be_imported(tmp_path: Path) -> None:
    """Such as `sniffio`, which comes with a plugin that is installed while the daemon runs; httpcore asks for it."""
    (tmp_path / "sniffio.py").write_text("")
    done = subprocess.run([sys.executable, "-c", WORDS, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
