"""Who may import whom. The tables are the plan of the house; each test reads the imports of a room from its source."""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support import ROOT

CONTRACT = {"stratumd", "stratumd.client", "stratumd.plugin", "stratumd.errors", "stratumd.odds"}
"""What a plugin's code may import; of `stratumd` itself only `hookimpl`."""

ARROWS: dict[str, set[str]] = {
    # room       may import, of the other rooms
    "odds": set(),
    "plugin": {"errors", "odds"},
    "errors": set(),
    "client": {"errors", "plugin"},
    "failpoints": set(),
    "hookspecs": {"plugin"},
    "registry": {"errors", "hookspecs", "plugin"},
    "recording": {"errors", "plugin"},
    "engine": {"errors", "odds", "plugin"},
    "record": {"errors"},
    "redaction": {"errors", "plugin"},
    "config": {"errors", "odds", "plugin", "redaction", "registry"},
    "store": {"engine", "errors", "failpoints", "odds", "plugin", "record", "redaction"},
    "observe": {"errors", "plugin", "redaction"},
    "http": {"errors", "observe", "plugin", "store"},
    "runtime": {
        "config", "engine", "errors", "failpoints", "http", "observe", "odds", "plugin", "record", "recording",
        "redaction", "registry", "store",
    },
    "proof": {"config", "engine", "errors", "odds", "plugin", "redaction", "registry", "runtime", "store"},
    "testing": {
        "config", "engine", "errors", "hookspecs", "http", "odds", "plugin", "recording", "registry", "runtime",
        "store",
    },
    "cli": {
        "config", "engine", "errors", "hookspecs", "http", "observe", "odds", "plugin", "proof", "record", "recording",
        "redaction", "registry", "runtime", "store", "testing",
    },
}  # fmt: skip

IO = {
    "aiohttp", "anyio", "asyncio", "concurrent", "datetime", "httpx", "io", "logging", "multiprocessing", "os",
    "pathlib", "psycopg", "queue", "random", "secrets", "shutil", "signal", "socket", "sqlalchemy", "sqlite3",
    "structlog", "subprocess", "sys", "tempfile", "threading", "time", "urllib", "uuid",
}  # fmt: skip
"""Input, output, clocks and chance: what a pure room and a pure component have no use for."""

SQL = {"alembic", "psycopg", "sqlalchemy", "sqlite3"}

CORE = ROOT / "stratumd"
PLUGINS = sorted(path for path in ROOT.glob("plugins/*/stratumd_*") if path.is_dir())
ROOMS = sorted({path.stem for path in CORE.iterdir() if path.suffix == ".py" or any(path.glob("*.py"))} - {"__init__"})


def sources(place: Path) -> list[Path]:
    """Return the Python files of a module or a folder."""
    return [place] if place.suffix == ".py" else sorted(place.rglob("*.py"))


def room(name: str) -> list[Path]:
    """Return the Python files of one of core's rooms."""
    return sources(CORE / name if (CORE / name).is_dir() else CORE / f"{name}.py")


class Seen(NamedTuple):
    """What the walls ask about a file."""

    imports: list[tuple[int, str]]
    """Line and dotted name of every import, wherever in the file it stands."""
    prints: list[int]
    """The lines that print."""
    local_times: list[int]
    """The lines that ask for the time without a zone."""
    bases: set[str]
    """The names of the classes that its classes derive from."""


@cache
def seen(path: Path) -> Seen:
    """Read a file, once for all walls: parsing takes longer than looking."""
    nodes = [*ast.walk(ast.parse(path.read_text()))]
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    return Seen(
        [*imports(path, nodes)],
        [node.lineno for node in calls if isinstance(node.func, ast.Name) and node.func.id == "print"],
        [node.lineno for node in calls if asks_for_local_time(node)],
        {
            base.id
            for node in nodes
            if isinstance(node, ast.ClassDef)
            for base in node.bases
            if isinstance(base, ast.Name)
        },
    )


def imports(path: Path, nodes: list[ast.AST]) -> Iterator[tuple[int, str]]:
    """Yield line and dotted name of every import among a file's nodes."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{origin(path, node)}.{alias.name}") for alias in node.names)


def origin(path: Path, node: ast.ImportFrom) -> str:
    """Return the dotted name of the module that `node` imports from, also where it is written relatively."""
    parents = path.relative_to(ROOT).parts[: -node.level] if node.level else ()
    return ".".join([*parents, *([node.module] if node.module else [])])


def offences(files: list[Path], forbidden: "object") -> list[str]:
    """Return the imports for which `forbidden(name)` holds, each with its place."""
    assert files, "nothing was read"
    assert callable(forbidden)
    return [
        f"{path.relative_to(ROOT)}:{line}: imports {name}"
        for path in files
        for line, name in seen(path).imports
        if forbidden(name)
    ]


def within(name: str, modules: set[str]) -> bool:
    """Say whether a dotted name is one of `modules` or lies in one."""
    return any(name == module or name.startswith(module + ".") for module in modules)


def room_of(name: str) -> str | None:
    """Return the room of core that a dotted name belongs to, or None."""
    parts = name.split(".")
    return parts[1] if parts[0] == "stratumd" and len(parts) > 1 and parts[1] in ROOMS else None


def test_every_room_has_its_row_in_the_table() -> None:
    assert set(ROOMS) <= ARROWS.keys()


def test_the_arrows_have_no_cycle() -> None:
    """Whatever is imported stands on what is below it, so rooms can be taken away from the top."""
    left = dict(ARROWS)
    while left:
        ground = [name for name, below in left.items() if not below & left.keys()]
        assert ground, f"these import each other: {sorted(left)}"
        for name in ground:
            del left[name]


@pytest.mark.parametrize("name", ROOMS)
def test_a_room_imports_only_along_its_arrows(name: str) -> None:
    allowed = ARROWS[name] | {name}
    assert offences(room(name), lambda dotted: (target := room_of(dotted)) is not None and target not in allowed) == []


def test_core_imports_no_plugin() -> None:
    assert offences(sources(CORE), lambda name: name.startswith("stratumd_")) == []


@pytest.mark.parametrize("name", ["engine", "odds", "record"])
def test_a_pure_room_imports_no_io_no_clock_and_no_chance(name: str) -> None:
    assert offences(room(name), lambda dotted: within(dotted, IO)) == []


def test_only_the_store_knows_sql() -> None:
    rest = [path for name in ROOMS if name != "store" for path in room(name)]
    assert offences(rest, lambda name: within(name, SQL)) == []


def test_only_the_command_line_prints() -> None:
    rest = [path for name in ROOMS if name != "cli" for path in room(name)]
    rest += [path for plugin in PLUGINS for path in sources(plugin)]
    found = [f"{path.relative_to(ROOT)}:{line}" for path in rest for line in seen(path).prints]
    assert found == []


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda path: path.parent.name)
def test_a_plugin_uses_the_public_contract_only(plugin: Path) -> None:
    """Bundled plugins come through the same door as a stranger's."""
    public = CONTRACT | {"stratumd.testing", "stratumd.recording"}

    def private(name: str) -> bool:
        if name.split(".")[0] != "stratumd":
            return name.startswith("stratumd_") and not within(name, {plugin.name})
        return not (name == "stratumd.hookimpl" or within(name, public - {"stratumd"}))

    assert offences(sources(plugin), private) == []


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda path: path.parent.name)
def test_a_detector_reads_no_clock(plugin: Path) -> None:
    """A module that defines a detector or a normalizer is pure; sources and sinks live in other modules."""
    pure = [path for path in sources(plugin) if {"Detector", "Normalizer"} & seen(path).bases]
    found = [offence for path in pure for offence in offences([path], lambda name: within(name, IO - {"datetime"}))]
    assert found == []


def test_no_module_asks_the_wall_clock_for_the_local_time() -> None:
    """`datetime.now()` without a zone is nowhere; pure rooms are kept from `datetime` altogether."""
    files = [*sources(CORE), *(file for plugin in PLUGINS for file in sources(plugin))]
    found = [f"{path.relative_to(ROOT)}:{line}" for path in files for line in seen(path).local_times]
    assert found == []


def asks_for_local_time(call: ast.Call) -> bool:
    """Say whether a call is `datetime.now()` or one of its kind."""
    return (
        isinstance(call.func, ast.Attribute)
        and call.func.attr in {"now", "today", "utcnow"}
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id in {"datetime", "date"}
        and not call.args
    )


def test_the_walls_can_be_broken() -> None:
    """The reader of imports sees those inside functions too, by whatever form."""
    text = "def f():\n    import sqlite3 as s\n    from stratumd.store import tables\n"
    assert [*imports(Path(__file__), [*ast.walk(ast.parse(text))])] == [(2, "sqlite3"), (3, "stratumd.store.tables")]
    assert room_of("stratumd.store.tables") == "store"
    assert within("sqlite3", SQL)
    assert not within("sqlite3x", SQL)


def test_the_contract_needs_nothing_beyond_its_own_dependencies() -> None:
    """Writing a plugin needs pydantic, msgspec and pluggy, and none of the daemon's weight."""
    light = set(sys.stdlib_module_names) | {"msgspec", "pluggy", "pydantic", "pydantic_core", "stratumd", "__future__"}
    files = [path for name in ("plugin", "errors", "hookspecs", "odds") for path in room(name)]
    assert offences(files, lambda name: name.split(".")[0] not in light) == []
