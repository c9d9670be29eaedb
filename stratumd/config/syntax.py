"""What a YAML parser complains about, in words that say what to change."""

from __future__ import annotations

import re

from ruamel.yaml.error import MarkedYAMLError, StringMark

from stratumd.config.report import Report, Span

_CHARACTER = re.compile(r"found character '(?P<character>.+)' that cannot start any token")


def explain(error: MarkedYAMLError, report: Report) -> None:
    """Add to `report` what made the parser stop, at the place that a person has to edit."""
    if _tabs(error, report):
        return
    for words, tell in _KNOWN:
        if words in f"{error.context or ''} {error.problem or ''}":
            tell(error, report)
            return
    problem = error.problem or error.context or "this cannot be read"
    report.add(_at(error.problem_mark, report), f"YAML: {problem}")


def _tabs(error: MarkedYAMLError, report: Report) -> bool:
    """Name every line that is indented with a tab, where a tab made the parser stop."""
    stopped = error.problem_mark or error.context_mark
    if stopped is None or "\t" not in report.line(stopped.line + 1):
        return False
    indented = [
        number for number in range(1, report.lines + 1) if "\t" in report.line(number)[: _indent(report.line(number))]
    ]
    for number in indented:
        column = report.line(number).index("\t") + 1
        width = _indent(report.line(number)) - column + 1
        report.add(Span(number, column, width), "a tab in the indentation", hint="YAML is indented with spaces only")
    return bool(indented)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _colon(error: MarkedYAMLError, report: Report) -> None:
    place = _at(error.problem_mark, report)
    before = _line_before(place.line, report)
    key = report.line(before).rstrip()
    # A key without its colon runs on into the next line, and YAML complains only about the colon there.
    if key and ":" not in key and not key.lstrip().startswith("-") and _indent(key) < _indent(report.line(place.line)):
        column = _indent(key) + 1
        report.add(Span(before, column, len(key) - column + 1), "expected ':' after this key", hint="end it with ':'")
    else:
        hint = "put what follows on its own line, indented, or in {braces}; quote it if it is one text"
        report.add(place, "a second ':' in one line", hint=hint)


def _line_before(number: int, report: Report) -> int:
    """Return the last line before `number` that says anything, or 0."""
    before = number - 1
    while before > 0 and not report.line(before).partition("#")[0].strip():
        before -= 1
    return before


def _no_colon(error: MarkedYAMLError, report: Report) -> None:
    start = _at(error.context_mark or error.problem_mark, report)
    width = max(1, len(report.line(start.line).rstrip()) - start.column + 1)
    report.add(
        Span(start.line, start.column, width),
        "expected ':' after this key",
        hint="write 'key: value', with a space",
    )


def _quote(error: MarkedYAMLError, report: Report) -> None:
    report.add(_at(error.context_mark, report), "this quote is never closed", hint="close it with the same sign")


def _flow(error: MarkedYAMLError, report: Report) -> None:
    opened, stopped = _at(error.context_mark, report), _at(error.problem_mark, report)
    sign = report.line(opened.line)[opened.column - 1 : opened.column]
    closing = "]" if sign == "[" else "}"
    if stopped.line == opened.line and stopped.column <= len(report.line(stopped.line).rstrip()):
        hint = "separate entries with commas, and quote a text that has one of [ ] { } , : in it"
        report.add(stopped, f"expected ',' or {closing!r} before this", hint=hint)
    else:
        report.add(opened, f"{sign!r} is never closed", hint=f"close it with {closing!r} in the same line")


def _flow_node(error: MarkedYAMLError, report: Report) -> None:
    stopped = _at(error.problem_mark, report)
    report.add(stopped, "expected a value before this", hint="remove a comma or colon too many, or quote the text")


def _indentation(error: MarkedYAMLError, report: Report) -> None:
    place = _at(error.problem_mark, report)
    before = _line_before(place.line, report)
    hint = f"line {before} begins in column {_indent(report.line(before)) + 1}, this one in column {place.column}"
    report.add(place, "this line is not indented like its neighbours", hint=hint if before else "check its indentation")


def _character(error: MarkedYAMLError, report: Report) -> None:
    match = _CHARACTER.search(error.problem or "")
    sign = match["character"] if match else "this sign"
    report.add(_at(error.problem_mark, report), f"a text cannot begin with {sign!r}", hint="put the text in quotes")


def _alias(error: MarkedYAMLError, report: Report) -> None:
    report.add(
        _at(error.problem_mark, report),
        "'*' begins an alias, and nothing is anchored under its name",
        hint="put the text in quotes, if it is one",
    )


def _second_document(error: MarkedYAMLError, report: Report) -> None:
    report.add(
        _at(error.problem_mark, report),
        "a second document begins here",
        hint="a configuration is one document: remove the '---'",
    )


def _at(mark: StringMark | None, report: Report) -> Span:
    """Return a mark's place; one behind the last line is shown at the end of the text."""
    if mark is None:
        return Span(1, 1)
    line, column = mark.line + 1, mark.column + 1
    while line > 1 and not report.line(line).strip():
        line -= 1
        column = len(report.line(line).rstrip()) + 1
    return Span(line, column)


_KNOWN = (
    ("mapping values are not allowed", _colon),
    ("could not find expected ':'", _no_colon),
    ("while scanning a quoted scalar", _quote),
    ("while parsing a flow node", _flow_node),
    ("while parsing a flow", _flow),
    ("expected <block end>", _indentation),
    ("cannot start any token", _character),
    ("undefined alias", _alias),
    ("expected a single document", _second_document),
)
