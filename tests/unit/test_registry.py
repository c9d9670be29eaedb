"""Plugins are found without importing them and loaded one by one; one that fails is named and left out."""

import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pytest

from stratumd import registry
from stratumd.config import reader
from stratumd.plugin import Detector, PluginConfig, Sink, Source
from stratumd.registry import Found, discover, load, plugin_of
from tests.support.plugins import FAKES, Average, Feed, FeedReader, Gap, Tape, plugin


class Watcher(Detector):
    name = "watch"

    def detect(self, tick: Any) -> Any:
        return ()


def found(name: str, value: str, *rivals: str) -> Found:
    return Found(name, "stranger-kit", "2.1", EntryPoint(name, value, registry.GROUP), rivals)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> dict[str, Found]:
    """What `discover` finds during the test."""
    plugins: dict[str, Found] = {}
    monkeypatch.setattr(registry, "discover", lambda: plugins)
    return plugins


def failure(*components: Any, name: str = "watch", **functions: Any) -> str:
    """Return why a plugin of these components is refused."""
    loaded = load([], extra=[plugin(name, *components, **functions)])
    assert [error.plugin for error in loaded.failures] == [name]
    assert not list(loaded.components())
    assert not loaded.plugins
    return str(loaded.failures[0])


def test_the_bundled_plugins_are_discovered() -> None:
    plugins = discover()
    assert {"consensus", "demo", "odds-api", "steam"} <= plugins.keys()
    assert plugins["steam"].distribution == "stratumd"
    assert list(plugins) == sorted(plugins)


def test_discovery_and_loading_import_only_what_is_named() -> None:
    program = (
        "import sys; from stratumd.registry import discover, load; discover();"
        "assert not [m for m in sys.modules if m.startswith('stratumd_')];"
        "load(['consensus']);"
        "print({m.partition('.')[0] for m in sys.modules if m.startswith('stratumd_')})"
    )
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert output.stdout.strip() == "{'stratumd_consensus'}"


def test_components_are_registered_by_kind_and_name() -> None:
    loaded = load([], extra=FAKES)
    assert not loaded.failures
    assert loaded.sources["feed"].component is Feed
    assert loaded.normalizers["feed"].component is FeedReader
    assert [*loaded.detectors] == ["average", "gap"]
    assert loaded.sinks["post"].plugin == "post"
    assert [kind for kind, _ in loaded.components()].count("source") == 2


def test_the_rest_goes_on_when_one_plugin_cannot_be_imported(installed: dict[str, Found]) -> None:
    installed["broken"] = found("broken", "stratumd_no_such_module")
    loaded = load(["broken"], extra=[plugin("average", Average)])
    assert "average" in loaded.detectors
    error = loaded.failure("broken")
    assert error is not None
    assert str(error).startswith("plugin 'broken' (stranger-kit 2.1): ModuleNotFoundError")
    assert (error.plugin, error.version) == ("broken", "2.1")


def test_an_error_while_importing_names_its_line(
    installed: dict[str, Found], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stratumd_rash.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    installed["rash"] = found("rash", "stratumd_rash")
    error = load(["rash"]).failures[0]
    assert "ZeroDivisionError" in str(error)
    assert error.where.endswith("stratumd_rash.py:1")


def test_two_distributions_with_one_name_are_both_named(installed: dict[str, Found]) -> None:
    installed["twin"] = found("twin", "stratumd_twin", "other-kit 0.3")
    message = str(load(["twin"]).failures[0])
    assert "stranger-kit 2.1 and other-kit 0.3 both use this name" in message


@pytest.mark.parametrize(
    ("urls", "page"),
    [
        ((), "stratumd-late-money"),
        (("Homepage, https://late.example", "Documentation, https://late.example/docs"), "https://late.example/docs"),
        (("Changelog, https://late.example/news", "homepage, https://late.example"), "https://late.example"),
    ],
)
def test_a_strangers_plugin_is_described_where_its_packaging_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, urls: tuple[str, ...], page: str
) -> None:
    """A mistake in its options names that place; the pages of the bundled plugins are core's."""
    info = tmp_path / "stratumd_late_money-1.0.dist-info"
    info.mkdir()
    lines = [
        "Metadata-Version: 2.1",
        "Name: stratumd-late-money",
        "Version: 1.0",
        *[f"Project-URL: {url}" for url in urls],
    ]
    (info / "METADATA").write_text("\n".join(lines) + "\n")
    (info / "entry_points.txt").write_text("[stratumd.plugins]\nlate-money = stratumd_late_money\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(reader, "_elsewhere", reader._elsewhere.__wrapped__)
    assert (reader.docs("late-money"), reader.docs("steam")) == (page, "plugins/steam")


def test_discover_notes_rivals(monkeypatch: pytest.MonkeyPatch) -> None:
    class Owner:
        def __init__(self, name: str) -> None:
            self.name, self.version = name, "1.0"

    points = [EntryPoint("twin", "a", registry.GROUP), EntryPoint("twin", "b", registry.GROUP)]
    for point, name in zip(points, ("first", "second"), strict=True):
        vars(point).update(dist=Owner(name))
    monkeypatch.setattr(registry, "entry_points", lambda group: points)
    assert discover()["twin"].distribution == "first"
    assert discover()["twin"].rivals == ("second 1.0",)


def test_a_name_that_is_not_installed_is_a_failure() -> None:
    assert "it is not installed" in str(load(["no-such-plugin"]).failures[0])


def test_a_misspelt_hook_is_refused() -> None:
    assert "register_detector" in failure(Watcher, register_detector=lambda: [])


def test_a_hook_with_an_unknown_argument_is_refused() -> None:
    assert "a hook does not fit" in failure(register_sinks=lambda clock: [])


def test_a_hook_that_raises_is_contained() -> None:
    def hook() -> list[Any]:
        raise KeyError("nothing here")

    assert "register_sinks: KeyError: 'nothing here'" in failure(register_sinks=hook)


def test_two_components_of_one_name_are_both_named() -> None:
    class Second(Watcher):
        pass

    message = failure(Watcher, Second)
    assert "two detectors are named 'watch'" in message
    assert "Watcher and" in message
    assert "Second" in message


def test_one_name_may_serve_two_kinds() -> None:
    assert not load([], extra=[plugin("feed", Feed, FeedReader)]).failures


def _variant(base: type[Any], **attributes: Any) -> type[Any]:
    return type("Odd", (base,), attributes)


@pytest.mark.parametrize(
    ("component", "reason"),
    [
        (_variant(Watcher, name="other"), "Odd.name must be 'watch'"),
        (_variant(Watcher, name=None), "Odd.name must be 'watch'"),
        (_variant(Watcher, config=dict), "must be a subclass of PluginConfig"),
        (_variant(Detector, name="watch"), "Odd does not define detect()"),
        (_variant(Sink, name="watch"), "Odd does not define deliver()"),
        (_variant(Sink, name="watch", deliver=print, notices=True), "Odd takes notices and does not define notify()"),
        (_variant(Source, name="watch"), "Odd does not define poll()"),
        (_variant(Feed, name="watch", format=None), "must name the normalizer"),
    ],
)
def test_a_component_that_does_not_keep_the_contract_is_refused(component: type[Any], reason: str) -> None:
    assert reason in failure(component)


@pytest.mark.parametrize("returned", [Watcher, Average, "watch", None])
def test_a_hook_must_return_a_list_of_its_own_kind(returned: Any) -> None:
    """A class that is no list of classes, a class of another kind, and no class at all."""
    assert "register_sinks" in failure(register_sinks=lambda: [returned] if returned is not Watcher else Watcher)


def test_options_must_not_take_keys_of_core() -> None:
    class Options(PluginConfig):
        enabled: bool = True

    assert "core's own key of a detector" in failure(_variant(Watcher, config=Options))


def test_a_part_of_a_plugin_has_a_dotted_name() -> None:
    loaded = load([], extra=[plugin("watch", Watcher, _variant(Watcher, name="watch.closely"))])
    assert [*loaded.detectors] == ["watch", "watch.closely"]
    assert plugin_of("watch.closely") == "watch"


def test_what_a_plugin_requires_is_loaded_too() -> None:
    class Needy(Watcher):
        requires: ClassVar[tuple[str, ...]] = ("consensus",)

    assert {"watch", "consensus"} <= load([], extra=[plugin("watch", Needy)]).detectors.keys()


def test_the_reader_of_a_sources_format_is_loaded_too() -> None:
    class Copy(Feed):
        name, format = "copy", "odds-api"

    assert "odds-api" in load([], extra=[plugin("copy", Copy)]).normalizers


def test_a_plugin_whose_requirement_is_missing_is_taken_back_with_those_that_need_it() -> None:
    class First(Gap):
        name, requires = "first", ("tape",)

    loaded = load([], extra=[plugin("tape", Tape), plugin("first", First)])
    assert [error.plugin for error in loaded.failures] == ["feed", "tape", "first"]
    assert "it needs the plugin 'feed', which is not there" in str(loaded.failure("tape"))
    assert not loaded.sources
    assert not loaded.plugins


def test_a_module_without_hooks_is_a_plugin_without_components() -> None:
    loaded = load([], extra=[ModuleType("stratumd_silent")])
    assert [plugin.name for plugin in loaded.plugins] == ["silent"]
    assert not list(loaded.components())
