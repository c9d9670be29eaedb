"""Everything that is public is on a page, every page is reachable, and no page is stale."""

import importlib.util
import inspect
import re
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote

import msgspec
import pytest

from stratumd import errors, hookspecs
from stratumd.observe.metrics import Metrics
from stratumd.registry import Registry, discover, load
from stratumd.testing.conformance import musts
from tests.docs.pages import PAGES, prose
from tests.support import ROOT

DOCS = ROOT / "docs"
LINK = re.compile(r"\]\(([^)\s]+)\)")


@pytest.fixture(scope="session")
def reference() -> ModuleType:
    """The script that writes the reference."""
    spec = importlib.util.spec_from_file_location("reference", DOCS / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def bundled() -> Registry:
    return load([name for name, found in discover().items() if found.distribution == "stratumd"])


def page(name: str) -> str:
    return (DOCS / name).read_text()


def test_the_reference_is_fresh(reference: ModuleType) -> None:
    written = {path.name: path.read_text() for path in (DOCS / "reference").glob("*.md")}
    assert written == reference.pages(), "run `make docs`"


def test_every_hook_is_documented() -> None:
    hooks = [
        name for name, each in vars(hookspecs).items() if inspect.isfunction(each) and name.startswith("register_")
    ]
    assert len(hooks) == 9
    assert all(f"## `{name}()" in page("reference/hooks.md") for name in hooks)


def test_every_option_is_documented(bundled: Registry) -> None:
    """In the reference, and on the plugin's own page."""
    components = [(kind, each) for kind, each in bundled.components() if kind != "operation"]  # they are commands
    for kind, each in components:
        own = (ROOT / "plugins" / each.plugin / "README.md").read_text()
        section = page("reference/plugins.md").split(f"## {kind} `{each.component.name}`")[1].split("\n## ")[0]
        for name, option in each.component.config.model_fields.items():
            assert f"`{name}" in section
            assert f"`{name}`" in own, f"plugins/{each.plugin}/README.md does not name {name}"
            assert option.description


def test_every_signal_type_is_documented_with_its_metadata(bundled: Registry) -> None:
    for each in bundled.detectors.values():
        own = (ROOT / "plugins" / each.plugin / "README.md").read_text()
        for type_, metadata in each.component.signals.items():
            section = page("reference/signals.md").split(f"## {type_}\n")[1].split("\n## ")[0]
            names = [field.encode_name for field in msgspec.structs.fields(metadata)]
            assert all(f"`{name}`" in section for name in names)
            assert type_ in own or each.component.name.upper() == type_


def test_every_error_is_documented() -> None:
    names = [name for name in errors.__all__ if name != "Problem"]
    assert all(f"| `{name}` |" in page("reference/errors.md") for name in names)


def test_every_metric_is_documented() -> None:
    assert all(f"`{each.name}" in page("reference/metrics.md") for each in Metrics().registry.collect())


def test_the_contract_names_exactly_the_checks() -> None:
    told = re.findall(r"^\* \*\*([A-Z]\d+)\.\*\*", page("plugin-authors/contract.md"), re.MULTILINE)
    assert told == list(musts())


def anchors(path: Path) -> set[str]:
    """Return the anchors that the headings of a page make."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_resolve(path: Path) -> None:
    for link in LINK.findall(prose(path)):
        if not link.startswith(("http://", "https://")):
            target, _, anchor = unquote(link).partition("#")
            found = (path.parent / target).resolve() if target else path
            assert found.is_file(), f"{link} leads nowhere"
            assert not anchor or anchor in anchors(found), f"{link}: there is no such heading"


def test_every_page_is_reached_from_the_index() -> None:
    index = {(DOCS / link).resolve() for link in LINK.findall(page("README.md"))}
    assert index == {path for path in DOCS.glob("**/*.md") if path != DOCS / "README.md"}


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_speaks_of_the_project_alone(path: Path) -> None:
    """No machine's paths, nothing that lies outside of the repository."""
    assert not re.search(r"\.\./shared|/work/|/root/|/home/|STRATUMD_SHARED", path.read_text())


def test_the_readme_and_the_explanation_promise_the_same() -> None:
    def promise(text: str) -> str:
        return " ".join(line.removeprefix("> ") for line in text.splitlines() if line.startswith("> "))

    assert promise((ROOT / "README.md").read_text()) == promise(page("explanation/promises.md"))
