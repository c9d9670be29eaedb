"""The files in config/postgresql: what the page on several daemons says of them."""

from __future__ import annotations

from configparser import ConfigParser

from ruamel.yaml import YAML

from tests.support import ROOT

FOLDER = ROOT / "config" / "postgresql"


def test_patroni_loses_nothing_that_was_acknowledged_and_outlives_its_etcd() -> None:
    patroni = YAML(typ="safe").load((FOLDER / "patroni.yaml").read_text())
    shared = patroni["bootstrap"]["dcs"]
    assert (shared["synchronous_mode"], shared["failsafe_mode"]) == (True, True)
    assert shared["postgresql"]["parameters"]["synchronous_commit"] == "on"
    assert 2 * shared["retry_timeout"] + shared["loop_wait"] <= shared["ttl"], "Patroni's own rule"
    assert not any("password" in role for role in patroni["postgresql"]["authentication"].values())


def test_pgbouncer_pools_by_transaction() -> None:
    pooler = ConfigParser(inline_comment_prefixes=None)
    pooler.read(FOLDER / "pgbouncer.ini")
    assert pooler["pgbouncer"]["pool_mode"] == "transaction"
    assert int(pooler["pgbouncer"]["query_timeout"]) > 60
    assert "stratumd" in pooler["databases"]
