"""What the API takes is explained, on its page and in its OpenAPI document."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from stratumd.testing.house import serving
from tests.support.openapi import parameters

pytestmark = pytest.mark.anyio

ROUTES: Mapping[str, Mapping[str, Any]] = {
    "accounts": {"secret": "0123456789" * 4, "public_url": "https://odds.example.com"},
    "partner-api": {},
    "admin": {},
    "stripe-billing": {
        "secret_key": "sk_test_x",
        "webhook_secrets": ["whsec_x"],
        "base_url": "http://127.0.0.1:9",
        "offers": {"pro": {"cents": 1_900}},
        "success_url": "https://odds.example.com/thanks",
        "cancel_url": "https://odds.example.com/account",
    },
}


@pytest.fixture
async def document(tmp_path: Path) -> dict[str, Any]:
    async with serving(f"sqlite:///{tmp_path}/s.db", ROUTES, background=False) as house:
        found: dict[str, Any] = (await house.client.get("/api/v1/openapi.json")).json()
        return found


def operations(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for verbs in document["paths"].values():
        yield from verbs.values()


async def test_everything_that_is_asked_is_described(document: dict[str, Any]) -> None:
    def fields(found: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        for each in parameters(document, found):
            yield each["name"], each
        for content in found.get("requestBody", {}).get("content", {}).values():
            name = content["schema"].get("$ref", "").rpartition("/")[2]
            yield from document["components"]["schemas"].get(name, {}).get("properties", {}).items()

    def told(field: dict[str, Any]) -> bool:
        return "description" in field or any("description" in each for each in field.get("anyOf", []))

    every = [
        (found["operationId"], name, told(field)) for found in operations(document) for name, field in fields(found)
    ]
    assert len(every) > 100
    assert [(operation, name) for operation, name, described in every if not described] == []


async def test_summaries_are_written_alike(document: dict[str, Any]) -> None:
    for found in operations(document):
        assert found["summary"][0].isupper()
        assert not found["summary"].endswith(".")
        assert found["tags"][0][0].isupper()


async def test_no_part_of_a_list_may_hold_a_comma(document: dict[str, Any]) -> None:
    """Many clients write the comma between two parts as they would write one inside of a part."""
    lists = [
        (found["operationId"], each["schema"]["items"])
        for found in operations(document)
        for each in parameters(document, found)
        if each["schema"].get("type") == "array"
    ]
    assert len(lists) > 4
    takes = [name for name, item in lists if "enum" not in item and re.search(item.get("pattern", ""), "a,b")]
    assert takes == []
