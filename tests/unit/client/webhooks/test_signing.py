"""The signatures are those that every library of Standard Webhooks expects."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratumd.client.webhooks.signing import key, signatures
from stratumd.plugin import Secret
from stratumd.testing.receiver import verify
from tests.support import shared

PUBLISHED = (
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "msg_p5jXN8AQM9LWM0D4loKWxJek",
    1614265330,
    b'{"test": 2432232314}',
    "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
)
"""The example that the specification's own libraries are tested with."""


def secret(length: int) -> Secret:
    return Secret("whsec_" + base64.b64encode(bytes(range(length))).decode())


def vectors() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(shared("vectors/standard_webhooks.json").read_text())["vectors"]
    assert len(found) == 11
    return found


def test_the_published_example() -> None:
    text, id, timestamp, body, expected = PUBLISHED
    assert signatures([Secret(text)], id, timestamp, body) == expected


def test_reference_signatures() -> None:
    for each in vectors():
        body = each["body"].encode()
        made = signatures([Secret(each["secret"])], each["webhook_id"], each["timestamp"], body)
        assert made == each["signature"], each["id"]


def test_reference_signatures_during_a_rotation() -> None:
    rotating = [each for each in vectors() if "rotation_header" in each]
    assert len(rotating) == 10
    for each in rotating:
        secrets = [Secret(each["secret"]), Secret(each["old_secret"])]
        made = signatures(secrets, each["webhook_id"], each["timestamp"], each["body"].encode())
        assert made == each["rotation_header"], each["id"]


def test_the_receiver_of_the_tests_judges_as_the_references_do() -> None:
    judged = [each for each in vectors() if "expect" in each]
    for each in judged:
        for header in ("signature", "rotation_header"):
            for known in (each["secret"], *([each["old_secret"]] if header == "rotation_header" else [])):
                found = verify((known,), headers(each, each[header]), each["body"].encode(), each["now"])
                assert (f"reject: {found}" if found else "accept") == each["expect"], each["id"]


def headers(vector: dict[str, Any], signature: str) -> dict[str, str]:
    return {
        "webhook-id": vector["webhook_id"],
        "webhook-timestamp": str(vector["timestamp"]),
        "webhook-signature": signature,
    }


@given(id=st.text("abcdef0123456789", min_size=1), timestamp=st.integers(0, 2**40), body=st.binary(), old=st.booleans())
def test_a_receiver_that_knows_either_secret_accepts(id: str, timestamp: int, body: bytes, old: bool) -> None:
    new_secret, old_secret = secret(32), secret(24)
    header = {
        "webhook-id": id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signatures([new_secret, old_secret], id, timestamp, body),
    }
    known = (old_secret if old else new_secret).reveal()
    assert verify((known,), header, body, timestamp) is None
    assert verify((known,), header, body + b" ", timestamp) == "no signature fits"
    assert verify((secret(48).reveal(),), header, body, timestamp) == "no signature fits"


@pytest.mark.parametrize("length", [24, 32, 64])
def test_keys_have_24_to_64_bytes(length: int) -> None:
    assert key(secret(length)) == bytes(range(length))


CANARY = "Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5LWNhbmFyeQ=="


@pytest.mark.parametrize("text", ["", "whsec_", CANARY, f"whsec_{CANARY}!", f"WHSEC_{CANARY}", "whsec_Y2FuYXJ5"])
def test_what_is_no_secret_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(ValueError, match="expected whsec_ and the base64 of 24 to 64 random bytes") as refused:
        key(Secret(text))
    assert "Y2Fu" not in str(refused.value)


@pytest.mark.parametrize("length", [23, 65])
def test_shorter_and_longer_keys_are_refused(length: int) -> None:
    with pytest.raises(ValueError, match="expected whsec_"):
        key(secret(length))


def test_a_line_break_at_the_end_of_a_secret_from_a_file_does_no_harm() -> None:
    assert key(Secret(secret(24).reveal() + "\n")) == bytes(range(24))
