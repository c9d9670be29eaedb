"""The JSON Schema says what the reader says; the committed one is fresh."""

import json
from typing import Any

from stratumd.config.schema import file_schema
from stratumd.registry import discover, load
from tests.support import ROOT
from tests.support.plugins import FAKES

SCHEMA = file_schema(load([], extra=FAKES))


def source(name: str) -> dict[str, Any]:
    cases = SCHEMA["properties"]["sources"]["additionalProperties"]["allOf"]
    found: dict[str, Any] = next(case["then"] for case in cases if case["if"]["properties"]["use"]["const"] == name)
    return found


def items(kind: str) -> list[dict[str, Any]]:
    pipeline = SCHEMA["properties"]["pipelines"]["additionalProperties"]
    found: list[dict[str, Any]] = pipeline["properties"][kind]["items"]["anyOf"]
    return found


def test_the_committed_schema_is_fresh() -> None:
    """`stratumd schema > config/stratumd.schema.json` writes it anew."""
    bundled = [name for name, found in discover().items() if found.distribution == "stratumd"]
    fresh = json.dumps(file_schema(load(bundled)), indent=2, ensure_ascii=False)
    assert (ROOT / "config" / "stratumd.schema.json").read_text(encoding="utf-8") == fresh + "\n"


def test_durations_are_texts_with_a_pattern_and_readable_defaults() -> None:
    timeout = source("feed")["properties"]["timeout"]
    assert timeout["default"] == "10s"
    assert timeout["anyOf"][0]["type"] == "string"
    assert "pattern" in timeout["anyOf"][0]
    quota = source("feed")["properties"]["quota"]
    assert quota["default"] == {"daily": 100, "pause": "1m"}
    assert quota["properties"]["pause"]["default"] == "1m"


def test_an_option_that_is_no_plain_text_may_be_a_reference() -> None:
    options = items("detectors")[1]["properties"]["average"]["properties"]
    assert {"$ref": "#/$defs/reference"} in options["min_books"]["anyOf"]
    assert options["min_books"]["anyOf"][0] == {"maximum": 50, "minimum": 2, "type": "integer"}


def test_each_source_has_its_own_options_and_the_keys_of_core() -> None:
    feed, tape = source("feed"), source("tape")
    assert feed["required"] == ["api_key", "sports", "schedule"]
    assert {"use", "enabled", "schedule", "api_key"} <= feed["properties"].keys()
    assert "schedule" not in tape["properties"]
    assert feed["additionalProperties"] is False


def test_only_what_needs_no_option_can_be_a_bare_name() -> None:
    assert items("detectors")[0] == {"enum": ["average", "gap"]}
    assert items("sinks")[0] == {"enum": []}
    assert {"enabled", "name", "when", "webhook"} <= items("sinks")[1]["properties"]["post"]["properties"].keys()


def test_no_reference_leads_nowhere() -> None:
    def targets(schema: Any) -> set[str]:
        if isinstance(schema, list):
            return set().union(*map(targets, schema)) if schema else set()
        if not isinstance(schema, dict):
            return set()
        own = {schema["$ref"]} if isinstance(schema.get("$ref"), str) else set()
        return own.union(*map(targets, schema.values()))

    assert targets(SCHEMA) == {f"#/$defs/{name}" for name in SCHEMA["$defs"]}
