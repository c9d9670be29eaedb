"""What a command says of files that its user may not read or write."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from stratumd.store import open_store
from tests.support.daemon import COMMAND
from tests.support.unprivileged import Unprivileged

READS, WRITES = ["status"], ["db", "upgrade"]
STORE = "stratum.db"
MINIMAL = """
sources:
  demo: {use: demo, schedule: {every: 2s}}
pipelines:
  demo: {sources: [demo], detectors: [consensus], sinks: [log]}
http: {listen: 127.0.0.1:0}
"""


@pytest.fixture(scope="module")
def unprivileged() -> Iterator[Unprivileged]:
    """Runs a command as somebody who may not read everything."""
    with closing(Unprivileged()) as operator:
        yield operator


@pytest.mark.parametrize("words", [["check"], ["run"], ["status", "-c"], ["test"], ["test", "-c"]])
def test_a_configuration_that_may_not_be_read_is_no_wrong_usage(
    words: list[str], tmp_path: Path, unprivileged: Unprivileged
) -> None:
    (tmp_path / "mine.yaml").touch(0o000)
    cases = ["stratumd.test.yaml"] if words == ["test", "-c"] else []
    for name in cases:
        (tmp_path / name).write_text("config: x.yaml\ncases: {}\n")
    done = unprivileged(*words, "mine.yaml", *cases, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (78, "")
    assert "mine.yaml: user id " in done.stderr
    assert "may not read it; " in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.fixture
def folder(tmp_path: Path, sqlite_template: Path) -> Iterator[Path]:
    """A folder with a store, one of its own."""
    folder = tmp_path / "data"
    folder.mkdir()
    (tmp_path / "stratumd.yaml").write_text(f"database: sqlite:///data/{STORE}\n{MINIMAL}")
    shutil.copy(sqlite_template, folder / STORE)
    yield folder
    folder.chmod(0o755)


Refusal = Callable[[list[str]], str]


@pytest.fixture
def refusal(folder: Path, unprivileged: Unprivileged) -> Refusal:
    """Returns what is said where a command cannot open the store."""

    def said(command: list[str]) -> str:
        done = unprivileged(*command, cwd=folder.parent)
        assert done.returncode == 75
        return done.stderr.splitlines()[-1]

    return said


@pytest.mark.parametrize("command", [READS, WRITES], ids=" ".join)
@pytest.mark.parametrize(
    ("name", "mode", "may_not"),
    [
        (STORE, 0o000, "read"),
        ("", 0o000, "enter"),
        ("", 0o555, "write"),  # SQLite's own files beside the store are made there
        (f"{STORE}-wal", 0o000, "read"),
    ],
)
def test_a_store_that_is_not_open_to_a_user_is_told_with_path_and_user(
    command: list[str], name: str, mode: int, may_not: str, folder: Path, refusal: Refusal
) -> None:
    place = folder / name
    if name.endswith("-wal"):
        place.touch()
    place.chmod(mode)
    said = refusal(command)
    assert f"data{'/' if name else ''}{name}: user id {os.geteuid()} may not {may_not} it; " in said.replace(
        str(folder.parent) + "/", ""
    )
    assert f"run stratumd as user id {os.geteuid()}, who owns it" in said


@pytest.mark.parametrize("name", [STORE, f"{STORE}.lock", f"{STORE}-shm"])
def test_who_writes_must_be_allowed_to_from_the_first_moment(name: str, folder: Path, refusal: Refusal) -> None:
    (folder / name).touch(0o444)
    (folder / name).chmod(0o444)
    assert f"{name}: user id {os.geteuid()} may not write it; " in refusal(WRITES)


def test_who_reads_need_not_write_the_store(folder: Path, unprivileged: Unprivileged) -> None:
    (folder / STORE).chmod(0o444)
    assert unprivileged(*READS, cwd=folder.parent).returncode == 0


def test_who_writes_beside_a_daemon_need_not_write_the_folder(folder: Path, unprivileged: Unprivileged) -> None:
    """A group may have the files of the database, and not the folder that they lie in."""
    with open_store(f"sqlite:///{folder / STORE}")._engine.connect():
        assert {each.name for each in folder.iterdir()} >= {f"{STORE}-wal", f"{STORE}-shm"}
        folder.chmod(0o555)
        done = unprivileged("pause", "demo", cwd=folder.parent)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("name", "mode", "may_not"),
    [("", 0o000, "enter"), ("", 0o555, "write"), (STORE, 0o444, "write"), (f"{STORE}.lock", 0o444, "write")],
)
@pytest.mark.parametrize("made", [True, False])
def test_a_probe_foresees_that_a_run_could_not_write(
    name: str, mode: int, may_not: str, made: bool, folder: Path, unprivileged: Unprivileged
) -> None:
    if not made and name != STORE:
        (folder / STORE).unlink()
    if name:
        (folder / name).touch()
    (folder / name).chmod(mode)
    done = unprivileged("check", "--probe", cwd=folder.parent)
    assert f"user id {os.geteuid()} may not {may_not} it; " in " ".join(done.stdout.split())
    assert done.returncode == 75


def test_a_daemon_whose_folder_may_not_be_looked_into_is_not_said_to_be_missing(
    folder: Path, unprivileged: Unprivileged, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in the service manager's runtime folder, which is open to its user and group alone."""
    place = folder.parent / "run"
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(place))
    done = unprivileged(*READS, cwd=folder.parent)
    assert "may not look there" not in done.stdout
    place.mkdir(mode=0o300)
    done = unprivileged(*READS, cwd=folder.parent)
    assert f".sock (user id {os.geteuid()} may not look there)" in done.stdout.splitlines()[0]
    place.chmod(0o700)
    place.rmdir()


def test_who_was_given_the_capability_is_not_refused(folder: Path) -> None:
    """A service that runs as another user, with `AmbientCapabilities=CAP_DAC_OVERRIDE`."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("only root can be another user with a capability of root's, by setpriv")
    (folder / STORE).chmod(0o600)
    given = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    words = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *given]
    tried = subprocess.run([*words, "head", "-c1", folder / STORE], capture_output=True, timeout=60, check=False)
    if tried.returncode != 0:
        pytest.skip("no capability can be given here")
    done = subprocess.run([*words, *COMMAND, *READS], cwd=folder.parent, capture_output=True, timeout=60, check=False)
    assert (done.returncode, b"may not" in done.stderr) == (0, False)
