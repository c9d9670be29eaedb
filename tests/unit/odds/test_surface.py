"""The room as others see it: its names, its documentation, its walls."""

import ast
import doctest
import inspect
from pathlib import Path

import pytest

from stratumd import odds
from tests.support import ROOT

PURE = {
    "__future__",
    "collections",
    "dataclasses",
    "enum",
    "functools",
    "itertools",
    "math",
    "operator",
    "re",
    "statistics",
    "types",
    "typing",
}
MODULES = sorted(Path(odds.__file__).parent.glob("*.py"))


def test_the_surface_is_sorted_and_complete() -> None:
    constants = [name for name in odds.__all__ if name.isupper()]
    classes = [name for name in odds.__all__ if name[0].isupper() and not name.isupper()]
    functions = [name for name in odds.__all__ if name[0].islower()]
    assert odds.__all__ == sorted(constants) + sorted(classes) + sorted(functions)
    assert all(hasattr(odds, name) for name in odds.__all__)


@pytest.mark.parametrize("name", [name for name in odds.__all__ if inspect.isroutine(getattr(odds, name))])
def test_every_public_function_says_what_it_returns(name: str) -> None:
    assert (getattr(odds, name).__doc__ or "").startswith("Return "), name


@pytest.mark.parametrize("name", [name for name in odds.__all__ if inspect.isclass(getattr(odds, name))])
def test_every_public_class_is_described(name: str) -> None:
    described = getattr(odds, name).__doc__ or ""
    assert described
    assert not described.startswith(f"{name}("), "the generated signature is no description"


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_the_mathematics_imports_only_the_standard_library_and_itself(module: Path) -> None:
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            assert {alias.name.partition(".")[0] for alias in node.names} <= PURE
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            assert (node.module or "").partition(".")[0] in PURE
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 1


def test_the_examples_on_the_page_about_numbers_are_true() -> None:
    page = ROOT / "docs" / "explanation" / "numbers.md"
    result = doctest.testfile(str(page), module_relative=False, encoding="utf-8")
    assert result.attempted > 3
    assert result.failed == 0
