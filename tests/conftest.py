"""Fixtures of the whole suite."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from stratumd import redaction
from stratumd.runtime.garbage import settle
from tests.support import EXAMPLES, daemon, postgres
from tests.support.cli import own_logs

# How long a case takes says how busy the machine is, and nothing of the property.
settings.register_profile("suite", max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")


def pytest_collection_finish() -> None:
    """Keep what was collected out of the collector's looks, and let it look less often: a sixth of the time goes there
    otherwise."""
    settle(young=20_000)


@pytest.fixture
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio, as the daemon does."""
    return "asyncio"


@pytest.fixture(autouse=True)
def no_secrets_of_other_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process stars the secrets of its configuration; a test's process has had many."""
    monkeypatch.setattr(redaction._process, "_forms", set())
    monkeypatch.setattr(redaction._process, "_pattern", None)


@pytest.fixture(name="own_logs", autouse=True)
def _own_logs() -> Iterator[None]:
    """Leave the logs of the test session as they were."""
    with own_logs():
        yield


@pytest.fixture(scope="session", autouse=True)
def nursery() -> Iterator[None]:
    """Daemons are forked off one process that has imported everything; it is started when the first is needed."""
    daemon.nursery = daemon.Nursery()
    yield
    daemon.nursery.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    """A PostgreSQL of this session's own, started when the first test needs it."""
    if postgres.SKIP:
        pytest.skip("STRATUMD_TEST_POSTGRES=skip leaves out the tests on PostgreSQL")
    with postgres.running() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_template(postgres_server: postgres.Server) -> str:
    """A database with the whole schema, which every test gets a copy of."""
    from stratumd.store import open_store

    name = postgres_server.create()
    open_store(postgres_server.url(name)).close()
    return name


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the whole schema, which every test gets a copy of."""
    from stratumd.store import open_store

    path = tmp_path_factory.mktemp("template") / "stratum.db"
    open_store(f"sqlite:///{path}").close()
    assert [each.name for each in path.parent.iterdir() if each.suffix != ".lock"] == [path.name], "all is in one file"
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database of the test's own, on each engine in turn. It may or may not have its tables yet."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        yield f"sqlite:///{shutil.copy(template, tmp_path / 'stratum.db')}"
        return
    server: postgres.Server = request.getfixturevalue("postgres_server")
    name = server.create(template=request.getfixturevalue("postgres_template"))
    yield server.url(name)
    server.drop(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without any table, on each engine in turn."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    server: postgres.Server = request.getfixturevalue("postgres_server")
    name = server.create()
    yield server.url(name)
    server.drop(name)
