"""One wheel, plugin-shaped folders: the package list, the entry points and what is inside agree."""

import ast
import re
import shutil
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

from tests.packaging.conftest import Environment, copied
from tests.support import ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
WHEEL: dict[str, Any] = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
FOLDERS = sorted(path.name for path in (ROOT / "plugins").iterdir() if path.is_dir())


def package(plugin: str) -> str:
    """Return the import package of a bundled plugin."""
    return f"stratumd_{plugin.replace('-', '_')}"


def test_each_plugin_folder_is_in_the_package_list() -> None:
    """hatchling ignores a glob in this list without a word: the list is explicit, and complete."""
    assert sorted(WHEEL["packages"]) == sorted(["stratumd", *(f"plugins/{name}/{package(name)}" for name in FOLDERS)])


def test_each_plugin_folder_is_an_entry_point() -> None:
    assert PYPROJECT["project"]["entry-points"]["stratumd.plugins"] == {name: package(name) for name in FOLDERS}


@pytest.mark.parametrize("name", FOLDERS)
def test_a_plugin_folder_is_complete(name: str) -> None:
    folder = ROOT / "plugins" / name
    assert (folder / "README.md").is_file()
    assert (folder / package(name) / "py.typed").is_file()
    assert list((folder / "tests").glob("test_*.py"))


def test_the_wheel_holds_everything_that_runs(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    inside = set(names)
    assert "stratumd/_files/stratumd.example.yaml" in inside
    assert "stratumd/_files/migrations/env.py" in inside
    assert any(name.startswith("stratumd/_files/migrations/versions/") for name in names)
    assert "stratumd/cli/scaffold/pyproject.toml.txt" in inside
    assert {f"{package}/py.typed" for package in ["stratumd", *map(package, FOLDERS)]} <= inside
    assert [name for name in names if "/tests/" in name or name.endswith(".db")] == []


def test_the_wheel_names_no_host(wheel: Path) -> None:
    """Neither the lock file nor the wheel says where packages come from."""
    assert "://" not in (ROOT / "requirements.lock").read_text()
    (metadata,) = [name for name in zipfile.ZipFile(wheel).namelist() if name.endswith("/METADATA")]
    header = zipfile.ZipFile(wheel).read(metadata).decode().split("\n\n")[0]
    assert "://" not in header


def test_every_requirement_is_locked_with_a_hash() -> None:
    blocks = [block for block in (ROOT / "requirements.lock").read_text().replace("\\\n", "").splitlines() if block]
    assert all("--hash=sha256:" in block for block in blocks)
    locked = {name(block) for block in blocks}
    groups = [*PYPROJECT["project"]["dependencies"], *PYPROJECT["dependency-groups"]["dev"]]
    wanted = {name(text) for text in groups}
    assert wanted <= locked


def test_the_installed_wheel_checks_its_own_example(installed: Environment, tmp_path: Path) -> None:
    installed.stratumd("init", cwd=tmp_path)
    checked = installed.stratumd("check", cwd=tmp_path)
    assert "all right" in checked.stdout
    assert "warning" not in checked.stderr


def test_the_installed_wheel_lists_its_plugins(installed: Environment, tmp_path: Path) -> None:
    lines = installed.stratumd("plugins", cwd=tmp_path).stdout.splitlines()[1:]
    assert [line.split()[0] for line in lines] == FOLDERS
    assert {line.split()[-1] for line in lines} == {"ok"}


def test_the_installed_wheel_makes_its_database(installed: Environment, tmp_path: Path) -> None:
    """The migrations are found inside the wheel."""
    installed.stratumd("init", cwd=tmp_path)
    installed.stratumd("db", "upgrade", cwd=tmp_path)
    assert installed.stratumd("events", "--json", cwd=tmp_path).stdout == ""


def test_a_bundled_plugin_builds_and_loads_as_a_strangers(installed: Environment, tmp_path: Path) -> None:
    """Nothing about `move` depends on where it came from: taken out of the wheel, it comes back from elsewhere."""
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(ROOT / "plugins" / "move" / "stratumd_move", elsewhere / "stratumd_move")
    (elsewhere / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "someone-elses-move"\nversion = "7.1"\ndependencies = ["stratumd"]\n'
        '[project.entry-points."stratumd.plugins"]\nmove = "stratumd_move"\n'
        '[tool.hatch.build.targets.wheel]\npackages = ["stratumd_move"]\n'
    )
    place = copied(installed, tmp_path / "venv")
    take_out(place, "move")
    names = [line.split()[0] for line in place.stratumd("plugins", cwd=tmp_path).stdout.splitlines()]
    assert "move" not in names
    place.install(elsewhere)
    (line,) = [line for line in place.stratumd("plugins", cwd=tmp_path).stdout.splitlines() if line.startswith("move ")]
    assert line.split() == ["move", "7.1", "detector", "someone-elses-move", "ok"]
    place.stratumd("init", cwd=tmp_path)
    assert "move" in place.stratumd("check", cwd=tmp_path).stdout


def take_out(place: Environment, name: str) -> None:
    """Remove a bundled plugin from an installed wheel."""
    shutil.rmtree(place.packages / package(name))
    (points,) = place.packages.glob("stratumd-*.dist-info/entry_points.txt")
    lines = points.read_text().splitlines(keepends=True)
    points.write_text("".join(line for line in lines if not line.startswith(f"{name} =")))


def test_what_is_imported_is_declared() -> None:
    """The environments above borrow this one's packages, so they would not notice a missing dependency."""
    project = PYPROJECT["project"]
    extras = [text for each in project["optional-dependencies"].values() for text in each]
    declared = {name(text) for text in (*project["dependencies"], *extras)}
    implied = {"pydantic-core": "pydantic"}
    owners = packages_distributions()
    files = [*(ROOT / "stratumd").rglob("*.py"), *ROOT.glob("plugins/*/stratumd_*/**/*.py")]
    imported = {top for file in files for top in imports(file)} - sys.stdlib_module_names
    foreign = {top for top in imported if not top.startswith("stratumd")}
    used = {name(owner) for top in foreign for owner in owners.get(top, [top])}
    assert {implied.get(owner, owner) for owner in used} <= declared


def imports(file: Path) -> set[str]:
    """Return the top-level names that a file imports."""
    nodes = list(ast.walk(ast.parse(file.read_text())))
    plain = {alias.name.split(".")[0] for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    named = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    return plain | {module.split(".")[0] for module in named}


def name(requirement: str) -> str:
    """Return the normalised name of what a requirement asks for."""
    return re.split(r"[^A-Za-z0-9._-]", requirement)[0].lower().replace("_", "-").replace(".", "-")
