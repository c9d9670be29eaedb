"""Passwords, second factors, addresses, options: what needs no database."""

from __future__ import annotations

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from stratumd.plugin import MINUTE, SECOND
from stratumd.plugin.routes import Refused
from stratumd_accounts import texts
from stratumd_accounts.discord_api import Webhook, challenge, place_of
from stratumd_accounts.options import Argon2Options, Options
from stratumd_accounts.passwords import Passwords, check_password
from stratumd_accounts.plans import plans
from stratumd_accounts.second import CODES, STEP, new_codes, right_step

pytestmark = pytest.mark.anyio
CHEAP = Argon2Options(time=1, memory=8, lanes=1)
NEEDED = {"secret": "x" * 32, "public_url": "https://odds.example.com"}


# ---- passwords


async def test_a_password_is_right_however_a_keyboard_writes_its_accents() -> None:
    passwords = Passwords(CHEAP)
    hash = await passwords.hash("caf\u00e9 au lait")
    assert hash.startswith("$argon2id$")
    assert await passwords.matches(hash, "cafe\u0301 au lait")
    assert not await passwords.matches(hash, "cafe au lait")


@pytest.mark.parametrize("known", [None, ""])
async def test_without_an_account_as_much_is_computed_and_nothing_is_right(known: str | None) -> None:
    assert not await Passwords(CHEAP).matches(known, "nobody has this password")


async def test_a_hash_with_other_parameters_is_outdated() -> None:
    hash = await Passwords(CHEAP).hash("correct horse")
    assert not Passwords(CHEAP).is_outdated(hash)
    assert Passwords(Argon2Options(time=2, memory=8, lanes=1)).is_outdated(hash)


def test_the_default_is_the_second_choice_of_rfc_9106() -> None:
    options = Argon2Options()
    assert (options.time, options.memory, options.lanes) == (3, 64 * 1024, 4)


@pytest.mark.parametrize("password", ["short", "ann@example.org", "aaaaaaaaaaaaaaaa", "ANN@example.ORG"])
def test_what_anybody_would_try_is_no_password(password: str) -> None:
    with pytest.raises(Refused):
        check_password(password, "ann@example.org", 12)


# ---- the second factor


def test_a_code_is_right_for_its_step_and_one_more_on_each_side() -> None:
    secret, at = pyotp.random_base32(), 1_768_046_400 * SECOND
    code = pyotp.TOTP(secret).generate_otp(at // STEP)
    assert [right_step(secret, code, at + n * STEP) == at // STEP for n in (-2, -1, 0, 1, 2)] == [
        False, True, True, True, False,
    ]  # fmt: skip
    assert right_step(secret, f" {code[:3]} {code[3:]} ", at) == at // STEP


@given(st.text(max_size=40))
def test_any_text_as_a_code_is_wrong_without_an_error(text: str) -> None:
    secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
    at = 1_768_046_400 * SECOND
    right = {pyotp.TOTP(secret).generate_otp(at // STEP + n) for n in (-1, 0, 1)}
    assert (right_step(secret, text, at) is not None) == ("".join(text.split()) in right)


def test_recovery_codes_are_all_different() -> None:
    codes = new_codes()
    assert len(set(codes)) == CODES
    assert all(len(code) == 13 and code[6] == "-" for code in codes)


# ---- what people type


@pytest.mark.parametrize(
    ("typed", "kept"),
    [(" Ann@Example.ORG ", "ann@example.org"), ("JOS\u00c9@example.org", "jose\u0301@example.org")],
)
def test_one_address_is_written_in_one_way(typed: str, kept: str) -> None:
    assert texts.address(typed) == texts.address(kept)


@pytest.mark.parametrize(
    "typed", ["", "ann", "@example.org", "ann@", "ann@example", "a b@example.org", "a@b@example.org", "a\0@example.org",
              "ann@example.org\r\nbcc: x@example.org", "a\u202e@example.org", "a@.org", "a,b@example.org"]
)  # fmt: skip
def test_what_is_no_address_is_refused(typed: str) -> None:
    with pytest.raises(Refused) as refused:
        texts.address(typed)
    assert refused.value.status == 422


@given(st.text(max_size=100))
def test_any_text_as_an_address_or_name_is_taken_or_refused(text: str) -> None:
    for read in (texts.address, texts.name):
        try:
            found = read(text)
        except Refused:
            continue
        assert found == read(found), "what is kept is kept the same when it is read again"
        assert found.isprintable() or "\u200d" in found


# ---- options


def test_the_four_plans_are_there_and_can_be_changed() -> None:
    known = plans(Options.model_validate(NEEDED).policy())
    assert {*known} == {"free", "pro", "api_monthly", "api_annual"}
    free, pro, api = known["free"], known["pro"], known["api_monthly"]
    assert (free.delay, free.watchlist, free.discord) == (10 * MINUTE, 3, False)
    assert free.hidden == {"velocity", "components", "books"}
    assert "export:read" not in free.scopes
    assert (pro.delay, pro.hidden, pro.watchlist, pro.discord) == (0, frozenset(), None, True)
    assert (api.kind, api.overage, api.included) == ("api", True, 100_000)
    changed = {"free": {"kind": "web", "title": "Free", "delay": "1h"}, "team": {"kind": "api", "title": "Team"}}
    known = plans(Options.model_validate(NEEDED | {"plans": changed}).policy())
    assert known["free"].delay == 60 * MINUTE
    assert known["team"].kind == "api"
    assert "pro" in known


@pytest.mark.parametrize(
    "wrong",
    [
        {"secret": "canary-short"},
        {"public_url": "odds.example.com"},
        {"public_url": "https://odds.example.com/path"},
        {"plans": {"free": {"kind": "api", "title": "x"}}},
        {"plans": {"x": {"kind": "web", "title": "x", "scopes": ["all"]}}},
        {"argon2": {"memory": 8, "lanes": 4}},
        {"sign_up": "maybe"},
        {"unknown": 1},
    ],
)
def test_wrong_options_are_refused_without_showing_the_secret(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as error:
        Options.model_validate(NEEDED | wrong)
    assert "canary" not in str(error.value)


# ---- Discord


@pytest.mark.parametrize(
    "url",
    [
        "https://discord.com/api/webhooks/1199/canary-T0ken_never-to-be-seen",
        "https://discordapp.com/api/webhooks/1199/canary-T0ken_never-to-be-seen/",
        "https://ptb.discord.com/api/v10/webhooks/1199/canary-T0ken_never-to-be-seen",
        " https://canary.discord.com/api/webhooks/1199/canary-T0ken_never-to-be-seen\n",
    ],
)
def test_the_address_of_a_webhook_is_read(url: str) -> None:
    assert place_of(url) == "1199/canary-T0ken_never-to-be-seen"


@pytest.mark.parametrize(
    "url",
    [
        "http://discord.com/api/webhooks/1199/canary-T0ken_never-to-be-seen",
        "https://discord.com.evil.example/api/webhooks/1199/canary-T0ken_never-to-be-seen",
        "https://evil.example/discord.com/api/webhooks/1199/canary-T0ken_never-to-be-seen",
        "https://discord.com@evil.example/api/webhooks/1199/canary-T0ken_never-to-be-seen",
        "https://discord.com:444/api/webhooks/1199/canary-T0ken_never-to-be-seen",
        "https://discord.com/api/webhooks/1199/../../users/canary-T0ken_never",
        "https://discord.com/api/webhooks/1199/canary-T0ken_never-to-be-seen?wait=true",
        "https://discord.com/api/webhooks/1199/canary-T0ken_never-to-be-seen/slack",
        "https://127.0.0.1/api/webhooks/1199/canary-T0ken_never-to-be-seen",
        "https://discord.com/api/webhooks/１１９９/canary-T0ken_never-to-be-seen",
        "",
    ],
)
def test_no_other_address_is_taken(url: str) -> None:
    assert place_of(url) is None


def test_a_webhook_shows_its_place_to_nobody() -> None:
    assert "T0ken" not in repr(Webhook("1199/canary-T0ken", "signals", "7"))


def test_the_challenge_is_that_of_rfc_7636() -> None:
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert challenge(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
