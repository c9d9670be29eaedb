"""What the pages show is true: files pass the check, commands exist, code runs."""

import ast
import re
import shlex
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer
from ruamel.yaml import YAML

from stratumd.cli import build, operations
from stratumd.config import load_config
from tests.docs.pages import PAGES, Block, blocks, prose
from tests.support import ROOT
from tests.support.cli import stratumd

SECRETS = {
    "ODDS_API_KEY": "a-key",
    "SPORTSDATAIO_KEY": "a-key",
    "DISCORD_WEBHOOK": "https://discord.com/api/webhooks/1/abc",
    "DISCORD_STEAM_WEBHOOK": "https://discord.com/api/webhooks/2/abc",
    "STRATUMD_DB_PASSWORD": "a-password",
    "SIGNALS_URL": "https://example.com/hooks",
    "SIGNALS_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "SMTP_PASSWORD": "a-password",
    "STRATUMD_ACCOUNTS_SECRET": "0123456789012345678901234567890123456789",
    "STRATUMD_API_SECRET": "0123456789012345678901234567890123456789",
    "STRIPE_SECRET_KEY": "sk_test_x",
    "STRIPE_WEBHOOK_SECRET": "whsec_x",
    "STRIPE_WEBHOOK_SECRET_OLD": "whsec_y",
    "HEARTBEAT_URL": "https://example.com/ping",
}
SOURCE = "sources:\n  frame: {use: demo, schedule: {every: 2s}}\n"
PIPELINE = "pipelines:\n  frame:\n    sources: [SOURCE]\n"
DETECTORS = "    detectors: [consensus]\n"
SINKS = "    sinks: [log]\n"


def framed(text: str) -> str:
    """Complete a fragment, as its reader would, to a file."""
    keys = list(YAML(typ="safe").load(text))
    if "pipelines" in keys:
        return text if "sources" in keys else SOURCE + text
    if keys in (["detectors"], ["sinks"]):
        inside = "".join(f"    {line}\n" for line in text.splitlines())
        rest = SINKS if keys == ["detectors"] else DETECTORS
        return SOURCE + PIPELINE.replace("SOURCE", "frame") + inside + rest
    sources = list(YAML(typ="safe").load(text)["sources"]) if "sources" in keys else ["frame"]
    pipeline = PIPELINE.replace("SOURCE", ", ".join(sources)) + DETECTORS + SINKS
    return text + ("" if "sources" in keys else SOURCE) + pipeline


def configurations() -> list[Block]:
    """Return the blocks of YAML that are not cases for one."""
    return [block for block in blocks("yaml") if not block.text.startswith("cases:")]


@pytest.mark.parametrize("block", configurations(), ids=lambda block: block.place)
def test_a_yaml_block_passes_the_check(block: Block, tmp_path: Path) -> None:
    path = tmp_path / "stratumd.yaml"
    path.write_text(framed(block.text))
    assert load_config(path, env=SECRETS).warnings == ()


def test_the_cases_that_are_shown_pass_and_fail_as_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = ROOT / "docs" / "how-to" / "test-a-configuration.md"
    configuration, cases = [block.text for block in blocks("yaml") if block.page == page]
    passing, failing = [block.text for block in blocks("text") if block.page == page]
    monkeypatch.chdir(tmp_path)
    Path("stratumd.test.yaml").write_text(cases)
    for text, code, shown in [
        (configuration, 0, passing),
        (configuration.replace("operators: 3", "operators: 4"), 1, failing),
    ]:
        Path("stratumd.yaml").write_text(text)
        assert stratumd("test", "stratumd.test.yaml") == code
        assert capsys.readouterr().out == shown


@cache
def of_core() -> Any:
    """Return the commands of the core."""
    return typer.main.get_command(build())


@cache
def of_plugins(group: str) -> Any:
    """Return the commands of the plugins that stand under `group`."""
    return typer.main.get_command(operations.group(group))


def command(words: list[str]) -> tuple[Any, list[str]]:
    """Return the command that the words name, and the words after it."""
    found = of_core()
    rest = list(words)
    if rest and rest[0] in operations.groups():
        found = of_plugins(rest.pop(0))
    while rest and rest[0] in getattr(found, "commands", {}):
        found = found.commands[rest.pop(0)]
    return found, rest


def commands() -> list[tuple[str, str]]:
    """Return every command line of stratumd that stands in a block for the shell, or in a line of text."""
    lines = [
        (block.place, line.split("#")[0].strip())
        for block in blocks("sh")
        for line in block.text.splitlines()
        if line.startswith("stratumd ")
    ]
    for page in PAGES:
        lines += [
            (str(page.relative_to(ROOT)), " ".join(match.split()))
            for match in re.findall(r"`(stratumd [a-z][^`]*)`", prose(page))
        ]
    return lines


@pytest.mark.parametrize(("place", "line"), commands(), ids=lambda text: str(text)[:60])
def test_a_command_exists_with_its_options(place: str, line: str) -> None:
    found, rest = command(shlex.split(line)[1:])
    is_group = bool(getattr(found, "commands", {}))
    assert rest == [] or not is_group, f"{place}: no command {rest[0]!r}" if rest else ""
    known = {name for parameter in found.params for name in parameter.opts} | {"--help", "--debug"}
    asked = {word.split("=")[0] for word in rest if word.startswith("-")}
    assert asked <= known, f"{place}: {line} has no {asked - known}"


def test_enough_commands_were_looked_at() -> None:
    assert len(commands()) > 40


def test_every_target_of_make_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    told = {
        name for page in PAGES for name in re.findall(r"(?:^|`|…  ?)make ([a-z-]+)", page.read_text(), re.MULTILINE)
    }
    assert {"run", "test"} <= told <= targets


@pytest.mark.parametrize("block", blocks("python"), ids=lambda block: block.place)
def test_a_python_block_is_python(block: Block) -> None:
    """Blocks with an assertion are whole, and are run; those with tests are run below."""
    ast.parse(block.text, block.place)
    if "assert " in block.text and "def test_" not in block.text:
        exec(compile(block.text, block.place, "exec"), {"__name__": "a_page"})


def test_the_readmes_detector_is_the_one_that_the_packaging_tests_install() -> None:
    (shown,) = [block.text for block in blocks("python") if block.page == ROOT / "README.md"]
    assert shown == (ROOT / "tests/packaging/stranger/stale_line.py").read_text()


def test_the_readmes_detector_fires() -> None:
    from stratumd.plugin import HOUR, MINUTE
    from stratumd.testing.harness import Harness, game, observation, spread

    (shown,) = [block for block in blocks("python") if block.page == ROOT / "README.md"]
    module: dict[str, Any] = {"__name__": "stale_line"}
    exec(compile(shown.text, shown.place, "exec"), module)
    (stale_line,) = module["register_detectors"]()
    noon = 1_767_268_800_000_000
    event = game(starts=noon + 6 * HOUR)
    harness = Harness([stale_line(stale_line.config())])
    harness.feed(observation(noon, {event: {book: [spread(-3.5, 1.91, 1.91)] for book in "abcd"}}))
    moved = {book: [spread(-3.5 if book == "d" else -4.5, 1.91, 1.91)] for book in "abcd"}
    (signal,) = harness.feed(observation(noon + MINUTE, {event: moved})).signals
    assert (signal.type, signal.books) == ("STALE_LINE", ("d",))


@pytest.mark.anyio
async def test_the_example_of_routes_passes_its_own_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = ROOT / "docs" / "plugin-authors" / "routes.md"
    plugin, test = [block for block in blocks("python") if block.page == page]
    module = ModuleType("stratumd_busiest")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(plugin.text, plugin.place, "exec"), vars(module))
    names: dict[str, Any] = {"__name__": "test_busiest"}
    exec(compile(test.text, test.place, "exec"), names)
    await names["test_nothing_is_busy_yet"](tmp_path)


def test_the_example_of_a_job_passes_its_own_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = ROOT / "docs" / "plugin-authors" / "jobs.md"
    plugin, migration, _, test = [block for block in blocks("python") if block.page == page]
    folder = tmp_path / "stratumd_tally"
    (folder / "migrations").mkdir(parents=True)
    (folder / "__init__.py").write_text(plugin.text)
    (folder / "migrations" / "0001_counts.py").write_text(migration.text)
    monkeypatch.syspath_prepend(tmp_path)
    names: dict[str, Any] = {"__name__": "test_tally"}
    try:
        exec(compile(test.text, test.place, "exec"), names)
        names["test_a_move_is_counted"](tmp_path)
    finally:
        sys.modules.pop("stratumd_tally", None)
