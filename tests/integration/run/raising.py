"""A stranger's plugin that raises, installed in a folder as pip would."""

from __future__ import annotations

from pathlib import Path

SOURCE = '''"""A detector that always fails."""

from stratumd import hookimpl
from stratumd.plugin import Detector, Tick


class Raising(Detector):
    """Fails at every tick."""

    name = "raising"

    def detect(self, tick: Tick):
        raise ValueError("no such line")


@hookimpl
def register_detectors():
    """Return it."""
    return [Raising]
'''


def install(folder: Path) -> Path:
    """Install the plugin `raising` 4.2 into `folder` and return it."""
    metadata = folder / "stratumd_raising-4.2.dist-info"
    metadata.mkdir(parents=True)
    (folder / "stratumd_raising.py").write_text(SOURCE)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: stratumd-raising\nVersion: 4.2\n")
    (metadata / "entry_points.txt").write_text("[stratumd.plugins]\nraising = stratumd_raising\n")
    return folder
