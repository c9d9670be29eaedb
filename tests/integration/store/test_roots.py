"""The record in the store: days are closed once, stay for ever, and name what was done to the signals afterwards."""

from __future__ import annotations

import shutil
import subprocess
import threading
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import text

from stratumd.plugin import DAY, HOUR, MINUTE, Micros, iso
from stratumd.record import BEFORE_ALL, Head, Proof, Verified, leaf, leaf_hash, tree_hash, verify
from stratumd.store import Keep, NotRecorded, Reader, Store, open_store
from stratumd.store.roots import GRACE
from tests.support.cli import stratumd
from tests.support.steps import START, keep, observation, step

MIDNIGHT = START // DAY * DAY
FIRST, SECOND, THIRD = (iso(MIDNIGHT + number * DAY)[:10] for number in range(3))


def emit(store: Store, at: Micros, signals: int = 1) -> None:
    keep(store, step(observation(at), signals=signals))


def shown(store: Store, what: str) -> Verified:
    proof = store.roots.whole(what) if what.startswith("20") else store.roots.proof(what)
    return verify(msgspec.json.encode(proof))


def execute(store: Store, statement: str, **values: object) -> None:
    """Do what someone with a database client does."""
    with store._engine.begin() as connection:
        connection.execute(text(statement), values)


@pytest.fixture
def closed(store: Store) -> Store:
    """A store with three signals of a first day, none of a second, and two of a third, all closed."""
    emit(store, MIDNIGHT + HOUR, signals=2)
    emit(store, MIDNIGHT + 2 * HOUR)
    emit(store, MIDNIGHT + 2 * DAY + HOUR, signals=2)
    for number in (1, 2, 3):
        assert store.roots.close(MIDNIGHT + number * DAY + GRACE) is not None
    return store


def test_a_day_is_closed_once_it_is_over(store: Store, reader: Reader) -> None:
    emit(store, MIDNIGHT + HOUR, signals=3)
    emit(store, MIDNIGHT + DAY + MINUTE)
    assert store.roots.close(MIDNIGHT + DAY + GRACE - 1).day < FIRST
    assert store.roots.close(MIDNIGHT + DAY + GRACE - 1) is None
    head = store.roots.close(MIDNIGHT + DAY + GRACE)
    assert head is not None
    hashes = [leaf_hash(leaf(each.sequence, each.signal.to_json())) for each in reader.feed(0, 3)]
    assert (head.day, head.first, head.size, head.root) == (FIRST, 1, 3, tree_hash(hashes).hex())
    assert store.roots.close(MIDNIGHT + DAY + GRACE) is None


def test_days_follow_each_other_without_a_gap(closed: Store) -> None:
    heads = [each.head for each in closed.roots.days()]
    assert [(each.day, each.first, each.size) for each in heads] == [(FIRST, 1, 3), (SECOND, 4, 0), (THIRD, 4, 2)]
    assert [each.previous for each in heads] == [BEFORE_ALL, heads[0].hash, heads[1].hash]
    assert closed.roots.breaches() == []


def test_a_record_begins_with_the_day_before_and_makes_up_for_days_without_a_daemon(store: Store) -> None:
    emit(store, MIDNIGHT - 5 * DAY, signals=2)
    emit(store, MIDNIGHT + HOUR)
    assert store.roots.close(MIDNIGHT + DAY + HOUR).first == 3
    emit(store, MIDNIGHT + DAY + HOUR)
    later = MIDNIGHT + 4 * DAY
    days = []
    while (head := store.roots.close(later)) is not None:
        days.append((head.day, head.first, head.size))
    assert days == [(SECOND, 4, 1), (THIRD, 5, 0)]


def test_daemons_that_close_a_day_at_once_agree(store: Store, database_url: str) -> None:
    emit(store, MIDNIGHT + HOUR, signals=3)
    stores = [open_store(database_url, beside=True) for _ in range(3)]
    for each in stores:
        each.roots.days()
    heads = []

    def close(mine: Store) -> None:
        while (head := mine.roots.close(MIDNIGHT + 2 * DAY + GRACE)) is not None:
            heads.append(head)

    threads = [threading.Thread(target=close, args=(each,)) for each in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for each in stores:
        each.close()
    assert {each.hash for each in heads} == {each.head.hash for each in store.roots.days()}
    assert store.roots.breaches() == []


def test_a_proof_shows_a_signal_and_a_day(closed: Store, reader: Reader) -> None:
    for entry in reader.feed(0, 10):
        (found,) = shown(closed, entry.signal.id).entries
        assert found.sequence == entry.sequence
        assert found.signal == msgspec.json.decode(entry.signal.to_json())
    assert [each.sequence for each in shown(closed, FIRST).entries] == [1, 2, 3]
    assert shown(closed, SECOND).entries == []


def test_what_is_in_no_day_has_no_proof(closed: Store, reader: Reader) -> None:
    emit(closed, MIDNIGHT + 3 * DAY + HOUR)
    with pytest.raises(NotRecorded):
        closed.roots.proof(reader.feed(5, 1)[0].signal.id)
    for call in (closed.roots.whole, closed.roots.breaches):
        with pytest.raises(NotRecorded):
            call("2020-01-01")


def test_what_is_deleted_by_age_breaks_nothing(closed: Store) -> None:
    while claimed := closed.claim("log", 100, MIDNIGHT + 60 * DAY):
        closed.delivered([each.id for each in claimed], MIDNIGHT + 60 * DAY)
    list(closed.clean(Keep(signals=DAY), MIDNIGHT + 3 * DAY))
    since = MIDNIGHT + 2 * DAY
    assert closed.roots.breaches(kept_since=since) == []
    assert {(each.day, each.what) for each in closed.roots.breaches()} == {(FIRST, "left out")}
    assert [each.sequence for each in shown(closed, THIRD).entries] == [4, 5]
    emit(closed, MIDNIGHT + 3 * DAY + HOUR)
    assert closed.roots.close(MIDNIGHT + 4 * DAY + GRACE).first == 6


def test_what_was_deleted_before_its_day_was_closed_has_a_leaf_that_says_so(store: Store, reader: Reader) -> None:
    emit(store, MIDNIGHT + HOUR, signals=3)
    second = reader.feed(1, 1)[0].signal.id
    execute(store, "DELETE FROM feed WHERE sequence = 2")
    execute(store, "DELETE FROM signals WHERE id = :id", id=second)
    assert store.roots.close(MIDNIGHT + DAY + GRACE).size == 3
    assert [each.signal is None for each in shown(store, FIRST).entries] == [False, True, False]
    assert store.roots.breaches() == []
    execute(store, "UPDATE feed SET sequence = 2 WHERE sequence = 3")
    assert [(each.sequence, each.what) for each in store.roots.breaches()] == [(2, "put in"), (3, "left out")]


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE signals SET magnitude = 9.5 WHERE id IN (SELECT signal FROM feed WHERE sequence = 2)",
         [(FIRST, 2, "changed")]),
        ("DELETE FROM feed WHERE sequence = 4", [(THIRD, None, "put in"), (THIRD, 4, "left out")]),
        ("UPDATE roots SET size = 2 WHERE size = 3",
         [(FIRST, None, "broken"), (SECOND, None, "broken")]),
        ("DELETE FROM roots WHERE size = 0", [(THIRD, None, "broken")]),
        ("DELETE FROM roots WHERE size = 3", [(SECOND, None, "broken")]),
    ],
)  # fmt: skip
def test_tampering_is_named(closed: Store, statement: str, expected: list[tuple[str, int | None, str]]) -> None:
    execute(closed, statement)
    found = closed.roots.breaches()
    assert sorted((each.day, each.sequence or 0, each.what) for each in found) == sorted(
        (day, sequence or 0, what) for day, sequence, what in expected
    )
    assert all(each.grave for each in found)


def test_what_comes_after_its_day_was_closed_is_named_under_a_later_one(closed: Store) -> None:
    emit(closed, MIDNIGHT + 3 * HOUR)
    emit(closed, MIDNIGHT + 3 * DAY + HOUR)
    assert closed.roots.close(MIDNIGHT + 4 * DAY + GRACE).size == 2
    (found,) = closed.roots.breaches()
    assert (found.sequence, found.what, found.grave) == (6, "late", False)


def test_people_close_sign_prove_and_check(
    closed: Store,
    reader: Reader,
    database_url: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if shutil.which("ssh-keygen") is None:
        pytest.skip("there is no ssh-keygen here")
    key, other = tmp_path / "key", tmp_path / "other"
    for path in (key, other):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    where = ["--database", database_url]
    monkeypatch.setattr("stratumd.cli.record.now", lambda: MIDNIGHT + 4 * DAY + GRACE)
    one, whole = tmp_path / "one.json", tmp_path / "whole.json"
    signal = reader.feed(0, 1)[0].signal.id
    assert stratumd("record", "verify", "--key", f"{key}.pub", *where) == 1
    assert "it is not signed" in capsys.readouterr().out
    assert stratumd("record", "sign", "--key", str(key), *where) == 0
    assert len(capsys.readouterr().out.splitlines()) == 4  # one was over and open still
    assert stratumd("record", "prove", signal, "--out", str(one), *where) == 0
    assert stratumd("record", "prove", FIRST, "--out", str(whole), *where) == 0
    assert stratumd("record", "roots", *where) == 0
    assert closed.roots.days(FIRST)[0].head.hash in capsys.readouterr().out
    assert stratumd("record", "verify", "--day", FIRST, "--key", f"{key}.pub", *where) == 0
    assert capsys.readouterr().out == "all that is stored is as it was recorded; days: 1, signatures checked: 1\n"
    assert stratumd("record", "verify", str(one), str(whole), "--key", f"{key}.pub") == 0
    out = capsys.readouterr().out
    assert f"one.json: 1 of 3 signals of {FIRST}" in out
    assert f"  1: STEAM {signal}, observed at {iso(MIDNIGHT + HOUR)}\n" in out
    assert out.count("the signature holds") == 2
    assert stratumd("record", "verify", str(one), "--key", f"{other}.pub") == 1
    assert "is not signed with this key" in capsys.readouterr().err
    one.write_text(one.read_text().replace("STEAM", "STEAL"))
    assert stratumd("record", "verify", str(one)) == 1
    assert "its path leads to another root" in capsys.readouterr().err
    execute(closed, "UPDATE signals SET strength = 99")
    assert stratumd("record", "prove", signal, *where) == 1
    assert stratumd("record", "verify", "--day", FIRST, *where) == 1
    assert "changed" in capsys.readouterr().out


def test_a_strangers_proof_draws_no_lines_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = leaf(1, b'{"id":"a\\n  the signature holds\\u001b[2J","type":"STEAM"}')
    head = Head(FIRST, 1, 1, leaf_hash(line).hex(), BEFORE_ALL)
    (tmp_path / "proof.json").write_bytes(msgspec.json.encode(Proof(head.text, [line.decode()])))
    assert stratumd("record", "verify", str(tmp_path / "proof.json")) == 0
    out = capsys.readouterr().out
    assert len(out.splitlines()) == 3
    assert "\x1b" not in out


def test_where_no_day_was_closed_nothing_holds(
    store: Store, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert stratumd("record", "verify", "--database", database_url) == 1
    assert "no day was closed yet" in capsys.readouterr().err
