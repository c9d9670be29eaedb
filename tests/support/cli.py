"""Running a command in this process."""

import pytest

from stratumd.cli import main


def stratumd(*arguments: str) -> int:
    """Run a command as if it were typed, and return its exit code."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert isinstance(ended.value.code, int)
    return ended.value.code
