"""Everything that is derived can be derived again, and is the same; nothing is lost where that cannot be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import create_engine, select, text

from stratumd.config import load_config
from stratumd.proof import Past, rebuild
from stratumd.store import Rewritten, StoreRefused, engines, open_reader, open_store
from stratumd.store.tables import consensus
from tests.support.cli import stratumd
from tests.support.past import CONFIG, configured, kept, polled

DERIVED = ("changes", "latest", "series", "coverage", "issues", "consensus", "signals", "states", "processed")


def rebuilt(config: Path, url: str, *, check: bool = False) -> dict[str, Rewritten]:
    loaded = load_config(config)
    store, reader = open_store(url), open_reader(url)
    try:
        past = Past(reader, loaded.pipelines["main"], loaded.registry)
        return {each.table: each for each in rebuild(past, store, check=check)}
    finally:
        reader.close()
        store.close()


def run(url: str, *statements: str) -> None:
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def test_every_table_is_the_same_after_a_replay(tmp_path: Path, database_url: str) -> None:
    config = configured(tmp_path)
    kept(config, polled(30), database_url)
    found = rebuilt(config, database_url)
    assert all(each.equal for each in found.values()), found
    assert all(found[table].after > 0 for table in ("changes", "latest", "signals", "consensus", "states"))
    assert all(each.equal for each in rebuilt(config, database_url).values())


def test_what_was_lost_or_spoilt_comes_back(tmp_path: Path, database_url: str) -> None:
    config = configured(tmp_path)
    kept(config, polled(30), database_url)
    sound = {table: each.after for table, each in rebuilt(config, database_url, check=True).items()}
    run(
        database_url,
        "DELETE FROM latest",
        "DELETE FROM signals",
        "UPDATE changes SET price = 9.9",
        "UPDATE consensus SET line = 1.5",
    )
    checked = rebuilt(config, database_url, check=True)
    assert {table for table, each in checked.items() if not each.equal} == {"latest", "signals", "changes", "consensus"}
    assert {table: each.after for table, each in checked.items()} == sound
    assert not rebuilt(config, database_url)["changes"].equal  # the check wrote nothing
    assert all(each.equal for each in rebuilt(config, database_url).values())


def test_contributors_that_cannot_be_read_are_written_anew(tmp_path: Path, database_url: str) -> None:
    """And those from before they were packed count as what they say."""
    config = configured(tmp_path)
    kept(config, polled(30), database_url)
    engine = engines.writer(engines.parse_url(database_url))
    facts = (consensus.c.event_id, consensus.c.observed_at, consensus.c.market, consensus.c.contributors)
    contributors = text(
        "UPDATE consensus SET contributors = :stored WHERE event_id = :event AND observed_at = :at AND market = :market"
    )
    with engine.begin() as connection:
        event, at, market, said = connection.execute(select(*facts)).all()[7]
        point = {"event": event, "at": at, "market": market}
        connection.execute(contributors, {"stored": said.encode(), **point})
    assert rebuilt(config, database_url, check=True)["consensus"].equal
    with engine.begin() as connection:
        connection.execute(contributors, {"stored": b"\x28\xb5\x2f\xfd\x24", **point})
    engine.dispose()
    assert not rebuilt(config, database_url)["consensus"].equal
    assert rebuilt(config, database_url, check=True)["consensus"].equal


def test_it_is_stepped_under_the_options_of_then(tmp_path: Path) -> None:
    """Options that changed since do not rewrite what was emitted."""
    config = configured(tmp_path)
    url = f"sqlite:///{tmp_path / 'past.db'}"
    kept(config, polled(30))
    config = configured(tmp_path, CONFIG.replace("move: {{window: 10m}}", "move: {{window: 2m}}"))
    assert all(each.equal for each in rebuilt(config, url).values())


def test_nothing_is_touched_where_an_answer_is_missing(tmp_path: Path, database_url: str) -> None:
    config = configured(tmp_path)
    kept(config, polled(30), database_url)
    run(database_url, "DELETE FROM observations WHERE position = 7")
    with pytest.raises(StoreRefused, match="1 answers that 'main' took are not stored any more"):
        rebuilt(config, database_url)
    reader = open_reader(database_url)
    try:
        assert reader.signals()
    finally:
        reader.close()


def test_the_command_compares(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = configured(tmp_path)
    kept(config, polled(30))
    assert stratumd("rebuild", "-c", str(config), "--check") == 0
    assert "PIPELINE" in capsys.readouterr().out
    run(f"sqlite:///{tmp_path / 'past.db'}", "DELETE FROM latest")
    assert stratumd("rebuild", "-c", str(config), "--check", "--json") == 1
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["table"] for row in rows if not row["equal"]] == ["latest"]
    assert stratumd("rebuild", "-c", str(config)) == 0
    assert stratumd("rebuild", "-c", str(config), "--check") == 0
