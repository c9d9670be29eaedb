"""The schema is the sum of its migrations, the core's and each plugin's, and a newer one is left alone."""

from __future__ import annotations

import importlib
import re
import shutil

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect, select, text

from stratumd.errors import PluginError, StartupError
from stratumd.store import engines, migrate, open_reader, open_store
from stratumd.store.files import core_migrations, plugin_migrations
from stratumd.store.keys import event_key
from stratumd.store.packed import as_stored
from stratumd.store.tables import consensus, metadata
from tests.support import steps

FIRST = '''
"""A table of the plugin's own."""
import sqlalchemy as sa
from alembic import op
revision = "0001"
down_revision = None
def upgrade():
    op.create_table("{table}", sa.Column("id", sa.Integer(), primary_key=True))
'''
SECOND = """
import sqlalchemy as sa
from alembic import op
revision = "0002"
down_revision = "0001"
def upgrade():
    op.create_table("odd_one_second", sa.Column("id", sa.Integer(), primary_key=True))
    {then}
"""


@pytest.fixture
def engine(empty_database_url):
    opened = engines.writer(engines.parse_url(empty_database_url))
    yield opened
    opened.dispose()


@pytest.fixture
def plugin(tmp_path):
    """The folder of a small plugin `odd-one` with one table."""
    folder = tmp_path / "stranger" / "migrations"
    folder.mkdir(parents=True)
    (folder / "0001_first.py").write_text(FIRST.format(table="odd_one_things"))
    return folder


def tables(engine) -> set[str]:
    return set(inspect(engine).get_table_names())


def test_the_migrations_add_up_to_the_schema(engine):
    migrate.migrate(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_the_migrations_make_the_very_statements_of_the_schema(tmp_path):
    """Also what the comparison above does not look at: primary keys, clustering, conditions of indexes."""
    migrated, created = (create_engine(f"sqlite:///{tmp_path / name}.db") for name in ("migrated", "created"))
    migrate.migrate(migrated)
    metadata.create_all(created)
    assert statements(migrated) == statements(created)


def statements(engine) -> dict[str, str]:
    with engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").all()
    engine.dispose()
    return {name: re.sub(r"\s+", " ", sql) for name, sql in rows if not name.startswith("alembic")}


def test_points_from_before_they_were_packed_are_read_equal(engine, empty_database_url):
    """Also beside new ones; the text of the old ones is not touched."""
    old, new = steps.step(steps.observation()), steps.step(steps.observation(steps.START + 1))
    upgrade_to(engine, "0011")
    with engine.begin() as connection:
        connection.execute(OLD_POINT, {"event_id": event_key(steps.event().id), "observed_at": steps.START})
    store, reader = open_store(empty_database_url), open_reader(empty_database_url)
    steps.keep(store, new)
    points = [row.point for row in reader.consensus(steps.event().id)]
    reader.close()
    store.close()
    assert points == [old.records[0][1], new.records[0][1]]
    assert [point.contributors for point in points] == [step.records[0][1].contributors for step in (old, new)]
    with engine.connect() as connection:
        plain, packed = connection.scalars(
            select(as_stored(consensus.c.contributors)).order_by(consensus.c.observed_at)
        )
    assert plain == b'[["op","pinnacle",1.0,[-2.5],-2.5,["pinnacle"]]]'
    assert packed != plain


def upgrade_to(engine, revision: str) -> None:
    (core,) = migrate._histories(None)
    with engine.connect() as connection:
        command.upgrade(core.config(connection), revision)


OLD_POINT = text(
    """INSERT INTO consensus VALUES (:event_id, :observed_at, 'nba', 'spreads', '', '["home","away"]', -2.5,
    -2.3456789012345678, '[0.30000000000000004,0.7]', '[1.9,2.0]', 0.25, 7, 5,
    '[["op","pinnacle",1.0,[-2.5],-2.5,["pinnacle"]]]', NULL)"""
)


def test_migrating_twice_changes_nothing(engine):
    migrate.migrate(engine)
    before = tables(engine)
    migrate.migrate(engine)
    assert tables(engine) == before
    assert [revision.fresh for revision in migrate.revisions(engine)] == [True]


def test_a_migration_that_fails_leaves_nothing_and_can_be_repeated(engine, plugin):
    second = plugin / "0002_second.py"
    second.write_text(SECOND.format(then="raise StopIteration"))
    with pytest.raises(StopIteration):
        migrate.migrate(engine, {"odd-one": plugin})
    assert "odd_one_things" in tables(engine)
    assert "odd_one_second" not in tables(engine)
    second.write_text(SECOND.format(then=""))
    migrate.migrate(engine, {"odd-one": plugin})
    assert "odd_one_second" in tables(engine)


def test_a_plugin_has_a_history_of_its_own(engine, plugin):
    migrate.migrate(engine, {"odd-one": plugin})
    assert {"odd_one_things", "odd_one_alembic_version", "alembic_version"} <= tables(engine)
    found = migrate.revisions(engine, {"odd-one": plugin})
    assert [(r.owner, r.fresh) for r in found] == [("stratumd", True), ("odd-one", True)]
    assert found[1].current == "0001"


def test_a_plugin_that_is_gone_breaks_nothing(engine, plugin, empty_database_url):
    migrate.migrate(engine, {"odd-one": plugin})
    shutil.rmtree(plugin)
    open_store(empty_database_url).close()
    open_reader(empty_database_url).close()


def test_a_plugin_may_not_name_its_tables_as_it_likes(engine, plugin):
    (plugin / "0001_first.py").write_text(FIRST.format(table="things"))
    with pytest.raises(PluginError, match="plugin odd-one: its table things must be named odd_one_"):
        migrate.migrate(engine, {"odd-one": plugin})
    assert "things" not in tables(engine)


def test_a_newer_schema_is_refused_in_one_line(engine, empty_database_url):
    migrate.migrate(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    for opening in (open_store, open_reader):
        with pytest.raises(StartupError, match="revision 9999 of stratumd, which this version does not know") as caught:
            opening(empty_database_url)
        assert "\n" not in str(caught.value)
        assert caught.value.exit_code == 78, "a service manager would start it again for ever after a 75"


def test_an_older_schema_is_refused_by_readers_and_says_what_to_do(engine, empty_database_url):
    engine.connect().close()  # an empty database, as before the first start
    with pytest.raises(StartupError, match="run `stratumd db upgrade`"):
        open_reader(empty_database_url)


def test_the_folder_of_a_plugins_migrations_lies_in_its_package(plugin, tmp_path, monkeypatch):
    (plugin.parent / "__init__.py").touch()
    (plugin.parent / "part.py").write_text("class Part: pass")
    (tmp_path / "plain_plugin.py").write_text("class Part: pass")
    monkeypatch.syspath_prepend(tmp_path)
    parts = {name: importlib.import_module(name).Part for name in ("stranger.part", "plain_plugin")}
    assert plugin_migrations(parts.items()) == {"stranger.part": plugin}


def test_the_cores_migrations_are_found():
    assert (core_migrations() / "env.py").is_file()
