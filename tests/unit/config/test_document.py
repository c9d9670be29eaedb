"""Every key and every value of the file knows its place; syntax errors point at what a person must edit."""

import pytest

from stratumd.config.document import Items, Scalar, Table, read
from stratumd.config.report import Report, Span
from stratumd.errors import ConfigError


def tree(text: str) -> Table:
    report = Report("c.yaml", text)
    node = read(text, report)
    assert report.close() == ()
    assert isinstance(node, Table)
    return node


def mistakes(text: str) -> list[tuple[int, int, str, str | None]]:
    report = Report("c.yaml", text)
    read(text, report)
    with pytest.raises(ConfigError) as caught:
        report.close()
    return [(problem.line, problem.column, problem.message, problem.hint) for problem in caught.value.problems]


def scalar(text: str) -> object:
    node = tree(f"a: {text}\n").get("a")
    assert isinstance(node, Scalar)
    return node.value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("007", 7),
        ("0o17", 15),
        ("0x1F", 31),
        ("1_000", 1000),
        ("-2.5", -2.5),
        ("1e3", 1000.0),
        (".inf", float("inf")),
        ("true", True),
        ("off", "off"),
        ("no", "no"),
        ("~", None),
        ("", None),
        ("'5'", "5"),
        ("2026-07-15", "2026-07-15"),
        ("if-env X", "if-env X"),
        ("!!str 5", "5"),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text: str, value: object) -> None:
    """Country codes and switches stay texts: `no` is not false."""
    assert scalar(text) == value
    assert type(scalar(text)) is type(value)


def test_keys_and_values_have_places() -> None:
    root = tree("a: 1\nb:\n  c: [x, 'yy']\n")
    inner = root.get("b")
    assert isinstance(inner, Table)
    listed = inner.get("c")
    assert isinstance(listed, Items)
    assert root.entries["a"].key == Span(1, 1, 1)
    assert root.entries["a"].node.span == Span(1, 4, 1)
    assert inner.entries["c"].key == Span(3, 3, 1)
    assert listed.span == Span(3, 6, 9)
    assert [item.span for item in listed.items] == [Span(3, 7, 1), Span(3, 10, 4)]


def test_a_block_and_an_empty_value_are_shown_at_their_key() -> None:
    root = tree("a:\n  b: 1\nc:\n")
    assert root.entries["a"].node.span == Span(1, 1, 1)
    assert root.entries["c"].node.span == Span(3, 1, 1)


def test_a_block_in_a_list_is_shown_at_its_first_key() -> None:
    listed = tree("a:\n  - b: 1\n    c: 2\n").get("a")
    assert isinstance(listed, Items)
    assert listed.items[0].span == Span(2, 5, 1)


def test_a_text_over_several_lines_covers_its_first() -> None:
    node = tree('a: "one\n  two"\n').get("a")
    assert node is not None
    assert node.span == Span(1, 4, 4)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_places_do_not_depend_on_line_ends(end: str) -> None:
    assert mistakes(f"a: 1{end}b: 2{end}a: 3{end}")[0][:2] == (3, 1)


def test_a_byte_order_mark_takes_no_column() -> None:
    assert mistakes("\ufeffa: 1\na: 2\n")[0][:2] == (2, 1)


def test_repeated_keys_are_all_named() -> None:
    found = mistakes("a: 1\nb: {c: 1, c: 2}\na: 3\n")
    assert [(line, column) for line, column, *_ in found] == [(2, 11), (3, 1)]
    assert found[1][2] == "the key 'a' is already there, in line 1"


def test_anchors_and_merged_mappings_are_understood() -> None:
    root = tree("base: &base {x: 1, y: 2}\nmore: {<<: *base, y: 3}\nboth: {<<: [*base, *base], z: 4}\n")
    more, both = root.get("more"), root.get("both")
    assert isinstance(more, Table)
    assert isinstance(both, Table)
    assert {key: entry.node.text for key, entry in more.entries.items()} == {"y": "3", "x": "1"}
    assert list(both.entries) == ["z", "x", "y"]


def test_of_two_anchors_the_latest_counts() -> None:
    node = tree("a: &x 1\nb: &x 2\nc: *x\n").get("c")
    assert isinstance(node, Scalar)
    assert node.value == 2


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("a:\n\tb: 1\n", 2, 1, "a tab in the indentation"),
        ("a: b: c\n", 1, 5, "a second ':' in one line"),
        (" enabled: :", 1, 11, "a second ':' in one line"),
        ("a:\n  b\n    c: 1\n", 2, 3, "expected ':' after this key"),
        ("a: 1\nbcd\nc: 2\n", 2, 1, "expected ':' after this key"),
        ("a: 'x\nb: 1\n", 1, 4, "this quote is never closed"),
        ("a: [1, 2\nb: 3\n", 1, 4, "'[' is never closed"),
        ("a: {x: 1 y: 2}\n", 1, 11, "expected ',' or '}' before this"),
        ("a: [1, 2}\n", 1, 9, "expected ',' or ']' before this"),
        ("a: [b, ,]\n", 1, 8, "expected a value before this"),
        ("a: {b: 1\n", 1, 4, "'{' is never closed"),
        ("a:\n  b: 1\n c: 2\n", 3, 2, "this line is not indented like its neighbours"),
        ("a: @x\n", 1, 4, "a text cannot begin with '@'"),
        ("a: *x\n", 1, 4, "'*' begins an alias, and nothing is anchored under its name"),
        ("a: 1\n---\nb: 2\n", 2, 1, "a second document begins here"),
        ("a: &x [*x]\n", 1, 4, "an alias inside stands for all of this again"),
        ("a: &x {<<: *x}\n", 1, 8, "only another mapping can be merged with '<<'"),
        ("a: {<<: 5}\n", 1, 5, "only another mapping can be merged with '<<'"),
        ("a: !!int x\n", 1, 4, "this is no whole number"),
        ("a: !odd x\n", 1, 4, "the tag '!odd' means nothing here"),
        ("[a, b]: 1\n", 1, 1, "a key must be a text"),
        ("a: 1\nb: \x07\n", 2, 4, "a character that YAML does not allow"),
        ("[" * 5000, 1, 1, "the file is nested too deeply to be a configuration"),
    ],
)
def test_what_yaml_does_not_allow(text: str, line: int, column: int, message: str) -> None:
    assert [found[:3] for found in mistakes(text)] == [(line, column, message)]


def test_every_tab_is_named_at_once() -> None:
    assert [found[0] for found in mistakes("a:\n\tb: 1\n  c: 2\n \t d: 3\n")] == [2, 4]


def test_a_number_too_long_to_read_is_a_mistake() -> None:
    assert mistakes(f"a: {'9' * 5000}\n")[0][2] == "this is no whole number"
