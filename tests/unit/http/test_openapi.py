"""What the document says of headers."""

from __future__ import annotations

from typing import Any

from stratumd.http.openapi import document
from stratumd.plugin.routes import Answer, Call, Endpoint, Header


async def call(call: Call) -> Answer:
    return Answer()


def endpoint(path: str, **more: Any) -> Endpoint:
    return Endpoint(method="GET", path=path, call=call, name=path, summary="A page", **more)


def test_what_two_plugins_send_under_one_name_is_told_apart() -> None:
    left = Header(about="How many are left.", kind=int, problems=True)
    other = Header(about="Who left.")
    found = document(
        [
            endpoint("/one", headers={"x-left": left}),
            endpoint("/two", headers={"x-left": left}, answers={200: None, 304: None}),
            endpoint("/three", headers={"x-left": other}),
        ],
        {},
        "1",
    )
    one, two, three = [found["paths"][f"/{name}"]["get"] for name in ("one", "two", "three")]
    reference = {"$ref": "#/components/headers/x-left"}
    assert found["components"]["headers"]["x-left"] == {
        "description": "How many are left.",
        "schema": {"type": "integer"},
    }
    assert one["responses"]["200"]["headers"]["x-left"] == two["responses"]["304"]["headers"]["x-left"] == reference
    assert one["responses"]["default"]["headers"]["x-left"] == reference
    assert three["responses"]["200"]["headers"]["x-left"] == {"description": "Who left.", "schema": {"type": "string"}}
    assert "x-left" not in three["responses"]["default"]["headers"]


def test_who_answers_by_tag_says_so() -> None:
    found = document([endpoint("/one", answers={200: None, 304: None}), endpoint("/two")], {}, "1")
    one, two = found["paths"]["/one"]["get"], found["paths"]["/two"]["get"]
    assert one["parameters"] == [{"$ref": "#/components/parameters/IfNoneMatch"}]
    assert found["components"]["parameters"]["IfNoneMatch"]["name"] == "if-none-match"
    assert {status: "etag" in answer["headers"] for status, answer in one["responses"].items()} == {
        "200": True,
        "304": True,
        "default": False,
    }
    assert "parameters" not in two
    assert "etag" not in two["responses"]["200"]["headers"]
