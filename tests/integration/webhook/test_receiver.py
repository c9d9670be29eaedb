"""The receiver of the tests does what real ones do, good and bad."""

from __future__ import annotations

from collections.abc import AsyncIterator

import anyio
import httpx
import pytest

from stratumd.testing.receiver import Receiver, verify

pytestmark = pytest.mark.anyio

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
HEADERS = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
BODY = b'{"test": 2432232314}'
AT = 1_614_265_330


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False, timeout=5) as found:
        yield found


async def test_keeps_what_arrives_and_answers_as_told(client: httpx.AsyncClient) -> None:
    async with Receiver() as receiver:
        receiver.answer_next(503, b"later", headers={"Retry-After": "2"})
        first = await client.post(receiver.url, content=b"one")
        second = await client.post(receiver.url, content=b"two")
    assert (first.status_code, first.text, first.headers["retry-after"], second.status_code) == (503, "later", "2", 200)
    assert [request.body for request in receiver.requests] == [b"one", b"two"]
    assert [request.body for request in receiver.taken] == [b"two"]


async def test_refuses_what_is_not_signed(client: httpx.AsyncClient) -> None:
    async with Receiver(SECRET, now=lambda: AT) as receiver:
        good = await client.post(receiver.url, content=BODY, headers=HEADERS)
        bad = await client.post(receiver.url, content=BODY + b" ", headers=HEADERS)
    assert (good.status_code, bad.status_code, bad.text) == (200, 400, "no signature fits")
    assert [request.verified for request in receiver.requests] == [True, False]
    assert len(receiver.taken) == 1


@pytest.mark.parametrize(
    ("changes", "now", "problem"),
    [
        ({}, AT + 300, None),
        ({}, AT - 300, None),
        ({}, AT + 301, "too old"),
        ({}, AT - 301, "from the future"),
        ({"webhook-id": "msg_other"}, AT, "no signature fits"),
        ({"webhook-timestamp": "1614265331"}, AT, "no signature fits"),
        ({"webhook-timestamp": "yesterday"}, AT, "a header is missing or malformed"),
        ({"webhook-signature": ""}, AT, "no signature fits"),
        ({"webhook-signature": "v1,ü " + HEADERS["webhook-signature"]}, AT, None),
        ({"webhook-signature": HEADERS["webhook-signature"].replace("v1,", "v1a,")}, AT, "no signature fits"),
    ],
)
def test_judges_as_standard_webhooks_says(changes: dict[str, str], now: float, problem: str | None) -> None:
    assert verify((SECRET,), HEADERS | changes, BODY, now) == problem


def test_a_missing_header_is_no_signature() -> None:
    for name in HEADERS:
        rest = {key: value for key, value in HEADERS.items() if key != name}
        assert verify((SECRET,), rest, BODY, AT) == "a header is missing or malformed"


async def test_may_break_off_or_never_answer(client: httpx.AsyncClient) -> None:
    async with Receiver() as receiver:
        receiver.reset_next()
        with pytest.raises(httpx.ReadError):
            await client.post(receiver.url)
        receiver.hang_next()
        with pytest.raises(httpx.ReadTimeout):
            await client.post(receiver.url, timeout=httpx.Timeout(30, read=0.5))
    assert (len(receiver.requests), receiver.taken) == (2, [])


@pytest.mark.parametrize("way", ["drip_next", "flood_next"])
async def test_may_answer_without_end(client: httpx.AsyncClient, way: str) -> None:
    async with Receiver() as receiver:
        getattr(receiver, way)(202)
        with anyio.fail_after(30):
            async with client.stream("POST", receiver.url) as response:
                read = 0
                async for chunk in response.aiter_raw():
                    read += len(chunk)
                    if read > 3:
                        break
        assert response.status_code == 202


async def test_may_take_its_time(client: httpx.AsyncClient) -> None:
    async with Receiver() as receiver:
        receiver.answer_next(200, delay=0.1)
        began = anyio.current_time()
        await client.post(receiver.url)
    assert anyio.current_time() - began >= 0.1
