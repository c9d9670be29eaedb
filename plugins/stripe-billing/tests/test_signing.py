"""Signatures: Stripe's own are good, and nothing else is."""

from __future__ import annotations

import hmac

import pytest
import stripe
from hypothesis import assume, given
from hypothesis import strategies as st

from stratumd.plugin import SECOND, Secret
from stratumd_stripe_billing import signing
from stratumd_stripe_billing.signing import good

NOW = 1_700_000_000
SECRETS = (Secret("whsec_new"), Secret("whsec_old"))


def header(body: bytes, secret: str = "whsec_new", at: int = NOW) -> str:
    return f"t={at},v1={hmac.digest(secret.encode(), b'%d.' % at + body, 'sha256').hex()}"


def check(given: str, body: bytes = b"{}") -> bool:
    return good(SECRETS, given, body, NOW * SECOND)


@given(st.text(), st.sampled_from(["whsec_new", "whsec_old"]), st.integers(-300, 300))
def test_what_the_official_client_signs_is_good(body: str, secret: str, off: int) -> None:
    signed = stripe.WebhookSignature.generate_signature_header(body, secret, NOW + off)
    assert check(signed, body.encode())


@given(st.binary(max_size=50), st.integers(0, 10_000), st.integers(0, 7))
def test_one_bit_makes_a_body_another(body: bytes, place: int, bit: int) -> None:
    assume(body)
    tampered = bytearray(body)
    tampered[place % len(body)] ^= 1 << bit
    assert not check(header(body), bytes(tampered))


@given(st.integers(0, 1_000), st.characters(max_codepoint=127))
def test_one_character_makes_a_header_another(place: int, character: str) -> None:
    whole = header(b"{}")
    place %= len(whole)
    tampered = whole[:place] + character + whole[place + 1 :]
    assume(tampered != whole)
    # White space around the parts says nothing.
    assume(tampered.strip() != whole and not (character.isspace() and whole[place] in ","))
    assert not check(tampered)


@given(st.integers(-(10**12), 10**12))
def test_the_age_counts_both_ways(off: int) -> None:
    """The official client takes any timestamp from the future."""
    assume(NOW + off >= 0)
    assert check(header(b"{}", at=NOW + off)) == (abs(off) <= 300)


@given(st.text())
def test_nonsense_is_no_signature_and_no_failure(nonsense: str) -> None:
    assert not check(nonsense)


@pytest.mark.parametrize("wrong", [
    "",
    "t=1",
    f"t={NOW}",
    f"t={NOW},v1=",
    header(b"{}").replace("v1", "v0"),
    header(b"{}").replace("v1", "V1"),
    header(b"{}").replace("t=", "t=-"),
    header(b"{}").replace("t=", "t=0x"),
    header(b"{}").replace("t=", "t=١"),
    header(b"{}").replace(f"t={NOW}", f"t={NOW}.0"),
    header(b"{}", "whsec_other"),
    header(b"{}")[:-1],
    header(b"{}") + "0",
    "t=1," + header(b"{}"),
])  # fmt: skip
def test_what_is_no_signature(wrong: str) -> None:
    assert not check(wrong)


def test_of_many_signatures_one_may_fit() -> None:
    """As while a secret is replaced; a flood of them is not looked at to its end."""
    stamp, fits = header(b"{}").split(",")
    other = "v1=" + "0" * 64
    assert check(",".join([stamp, other, other, fits]))
    assert check(",".join([stamp, *[other] * 15, fits]))
    assert not check(",".join([stamp, *[other] * 16, fits]))


@pytest.mark.parametrize(
    "given", ["", "nonsense", f"t={NOW},v1={'0' * 64}", header(b"{}"), ",".join(["v1=" + "1" * 64] * 40)]
)
def test_whatever_is_wrong_the_work_is_the_same(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    work = {"digest": 0, "compare_digest": 0}

    class Counting:
        @staticmethod
        def digest(*args: object) -> bytes:
            work["digest"] += 1
            return hmac.digest(*args)

        @staticmethod
        def compare_digest(*args: object) -> bool:
            work["compare_digest"] += 1
            return hmac.compare_digest(*args)

    monkeypatch.setattr(signing, "hmac", Counting)
    check(given)
    assert work == {"digest": 2, "compare_digest": 32}
