"""`stratumd check --probe` foresees what the next run needs of the database."""

from __future__ import annotations

from pathlib import Path

import pytest

from stratumd.store import open_store
from tests.support import postgres
from tests.support.cli import stratumd

FILE = """
database: {url}
sources:
  demo: {{use: demo, schedule: {{every: 2s}}}}
pipelines:
  nba: {{sources: [demo], detectors: [consensus], jobs: [clv], sinks: [log]}}
"""


def probed(folder: Path, url: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    file = folder / "stratumd.yaml"
    file.write_text(FILE.format(url=url))
    code = stratumd("check", "--probe", str(file))
    return code, capsys.readouterr().out


def test_the_tables_of_plugins_that_are_due(
    database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    open_store(database_url).close()
    code, text = probed(tmp_path, database_url, capsys)
    assert (code, "there; the next run brings the schema of clv up to date" in text) == (0, True)


def test_a_role_that_may_not_make_the_tables_that_are_due(
    postgres_server: postgres.Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = postgres_server.create()
    postgres_server.execute("DROP ROLE IF EXISTS guest")
    postgres_server.execute("CREATE ROLE guest LOGIN")
    url = postgres_server.url(name).replace("stratumd@", "guest@")
    code, text = probed(tmp_path, url, capsys)
    assert (code, "may make no tables there: ALTER DATABASE" in text) == (75, True)
    postgres_server.execute(f"ALTER DATABASE {name} OWNER TO guest")
    assert probed(tmp_path, url, capsys)[0] == 0
    postgres_server.drop(name)
    postgres_server.execute("DROP ROLE guest")


def test_a_folder_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Be it by name, or behind a link."""
    code, text = probed(tmp_path, f"sqlite:///{tmp_path}/no/x.db", capsys)
    assert (code, "there is no folder" in text) == (75, True)
    (tmp_path / "link.db").symlink_to(tmp_path / "no" / "x.db")
    code, text = probed(tmp_path, f"sqlite:///{tmp_path}/link.db", capsys)
    assert (code, "there is no folder" in text) == (75, True)
    (tmp_path / "no").mkdir()
    code, text = probed(tmp_path, f"sqlite:///{tmp_path}/link.db", capsys)
    assert (code, "not there yet; the first run creates it" in text) == (0, True)
