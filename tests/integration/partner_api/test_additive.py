"""Answers only grow: what the last release promised is still there.

`STRATUMD_UPDATE=1` writes the promise anew, where something was added; it refuses to where something is gone.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from tests.integration.partner_api.world import world
from tests.support import ROOT
from tests.support.openapi import followed, parameters

pytestmark = pytest.mark.anyio

PROMISED = ROOT / "plugins" / "partner-api" / "openapi.json"


def broken(old: Any, new: Any, at: str = "") -> list[str]:
    """Return what a client of `old` would miss in `new`, two OpenAPI documents."""
    found: list[str] = []
    for path, verbs in old["paths"].items():
        for verb, before in verbs.items():
            after = new["paths"].get(path, {}).get(verb)
            if after is None:
                found.append(f"{verb.upper()} {path} is gone")
            else:
                found += _operation(before, after, f"{verb.upper()} {path}", old, new)
    return found


def _operation(before: Any, after: Any, at: str, old: Any, new: Any) -> list[str]:
    found = []
    if before["operationId"] != after["operationId"]:
        found.append(f"{at}: another operationId")
    asked = {each["name"]: each for each in parameters(new, after)}
    for each in parameters(old, before):
        if each["name"] not in asked:
            found.append(f"{at}: the parameter {each['name']} is gone")
        elif asked[each["name"]]["required"] and not each["required"]:
            found.append(f"{at}: the parameter {each['name']} is required now")
    known = {each["name"] for each in parameters(old, before)}
    found += [f"{at}: the new parameter {n} is required" for n, p in asked.items() if n not in known and p["required"]]
    for status, answer in before["responses"].items():
        now = after["responses"].get(status)
        if now is None:
            found.append(f"{at}: the answer {status} is gone")
            continue
        gone = answer.get("headers", {}).keys() - now.get("headers", {}).keys()
        found += [f"{at}: {status} is without the header {name}" for name in sorted(gone)]
        for media, content in answer.get("content", {}).items():
            if media not in now.get("content", {}):
                found.append(f"{at}: {status} is no {media} any more")
            else:
                given = now["content"][media].get("schema", {})
                found += _schema(content.get("schema", {}), given, f"{at} {status}", old, new)
    return found


def _schema(before: Any, after: Any, at: str, old: Any, new: Any, depth: int = 0) -> list[str]:
    before, after = followed(old, before), followed(new, after)
    if depth > 8 or not isinstance(before, dict):
        return []
    if "anyOf" in before or "anyOf" in after:
        return _union(before, after, at, old, new, depth)
    if before.get("type") != after.get("type"):
        return [f"{at}: {before.get('type')} became {after.get('type')}"]
    found = []
    for name, schema in before.get("properties", {}).items():
        if name not in after.get("properties", {}):
            found.append(f"{at}.{name} is gone")
        else:
            found += _schema(schema, after["properties"][name], f"{at}.{name}", old, new, depth + 1)
    found += [
        f"{at}.{name} may be missing now" for name in set(before.get("required", ())) - set(after.get("required", ()))
    ]
    if "items" in before:
        found += _schema(before["items"], after.get("items", {}), f"{at}[]", old, new, depth + 1)
    return found


def _union(before: Any, after: Any, at: str, old: Any, new: Any, depth: int) -> list[str]:
    kinds = [
        {followed(doc, each).get("type") for each in found.get("anyOf", [found])}
        for found, doc in ((before, old), (after, new))
    ]
    more = kinds[1] - kinds[0]
    return [f"{at}: may be {', '.join(map(str, more))} now"] if more else []


async def test_what_was_promised_is_there(tmp_path: Path) -> None:
    async with world(f"sqlite:///{tmp_path}/s.db") as held:
        document = (await held.get("openapi.json")).json()
    document["info"]["version"] = "any"
    text = json.dumps(document, indent=1, sort_keys=True) + "\n"
    promised = json.loads(PROMISED.read_text()) if PROMISED.exists() else document
    assert broken(promised, document) == []
    if os.environ.get("STRATUMD_UPDATE"):
        PROMISED.write_text(text)
    assert PROMISED.read_text() == text, "something was added: write it down with STRATUMD_UPDATE=1"


def test_what_is_taken_away_is_found() -> None:
    def document(
        properties: dict[str, Any], required: list[str], parameters: list[Any] | None = None, *headers: str
    ) -> Any:
        schema = {"type": "object", "properties": properties, "required": required}
        content = {"application/json": {"schema": {"$ref": "#/components/schemas/A"}}}
        answers = {"200": {"content": content, "headers": {name: {} for name in headers}}}
        get = {"operationId": "a", "parameters": parameters or [], "responses": answers}
        return {"paths": {"/a": {"get": get}}, "components": {"schemas": {"A": schema}}}

    text, number = {"type": "string"}, {"type": "integer"}
    nullable = {"anyOf": [text, {"type": "null"}]}
    old = document({"x": text, "y": number}, ["x"])
    assert broken(old, document({"x": text, "y": number, "z": text}, ["x", "z"])) == []
    assert broken(old, document({"x": text}, ["x"])) == ["GET /a 200.y is gone"]
    assert broken(old, document({"x": number, "y": number}, ["x"])) == ["GET /a 200.x: string became integer"]
    assert broken(old, document({"x": text, "y": number}, [])) == ["GET /a 200.x may be missing now"]
    assert broken(old, document({"x": nullable, "y": number}, ["x"])) == ["GET /a 200.x: may be null now"]
    assert broken(document({"x": nullable}, []), document({"x": text}, [])) == []
    asked = [{"name": "p", "required": True}]
    assert broken(old, document({"x": text, "y": number}, ["x"], asked)) == ["GET /a: the new parameter p is required"]
    tagged = document({"x": text, "y": number}, ["x"], None, "etag")
    assert broken(old, tagged) == []
    assert broken(tagged, old) == ["GET /a: 200 is without the header etag"]


TIMES = re.compile(r".*_(at|until|since|update|seen)|until|hour|as_of|since")


async def test_every_time_says_that_it_is_one(tmp_path: Path) -> None:
    """A generated client reads it as a time then, not as any text."""
    async with world(f"sqlite:///{tmp_path}/s.db") as held:
        document = (await held.get("openapi.json")).json()
    unsaid = []
    for name, schema in document["components"]["schemas"].items():
        for field, told in schema.get("properties", {}).items():
            kinds = [each for each in told.get("anyOf", [told]) if each.get("type") == "string"]
            if TIMES.fullmatch(field) and any(each.get("format") != "date-time" for each in kinds):
                unsaid.append(f"{name}.{field}")
    assert unsaid == []
