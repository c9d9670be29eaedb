"""Keys and session tokens as texts, what is remembered of them, and what is sealed."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratumd.plugin import MINUTE, SECOND, Secret
from stratumd.plugin.routes import Identity, Refused, network_of
from stratumd_accounts import tokens
from stratumd_accounts.memory import TRUSTED, Known, Memory
from stratumd_accounts.rights import FOREVER
from stratumd_accounts.sealing import Sealer
from stratumd_accounts.throttle import Guesses

CHARACTERS = tokens.ALPHABET + "_-. "


def test_a_key_says_what_it_is_and_holds_its_id() -> None:
    made = tokens.make(tokens.KEY)
    assert made.token.startswith(f"strm_live_{made.id}_")
    assert tokens.id_of(made.token, tokens.KEY) == made.id
    assert tokens.id_of(made.token, tokens.SESSION) is None
    assert made.token not in repr(made)
    assert made.hash == tokens.digest(made.token)
    assert len(made.token) == len("strm_live_") + 16 + 1 + 32 + 6


def test_no_two_credentials_are_the_same() -> None:
    assert len({tokens.make(tokens.KEY).token for _ in range(200)}) == 200


def test_a_hundred_thousand_tampered_keys_are_not_accepted() -> None:
    """Whatever passes the checksum, which one in four thousand million does, has another hash."""
    dice = random.Random(7)
    made = [tokens.make(tokens.KEY) for _ in range(20)]
    hashes = {each.id: each.hash for each in made}
    accepted = 0
    for number in range(100_000):
        token = _tampered(made[number % len(made)].token, dice)
        id = tokens.id_of(token, tokens.KEY)
        accepted += id is not None and hashes.get(id) == tokens.digest(token)
    assert accepted == 0


def _tampered(token: str, dice: random.Random) -> str:
    """Return another text: a character changed, left out, put in, or two of them swapped."""
    place, found = dice.randrange(len(token)), token
    while found == token:
        character = dice.choice(CHARACTERS)
        kind = dice.randrange(4)
        if kind == 0:
            found = token[:place] + character + token[place + 1 :]
        elif kind == 1:
            found = token[:place] + token[place + 1 :]
        elif kind == 2:
            found = token[:place] + character + token[place:]
        else:
            other = dice.randrange(len(token))
            letters = list(token)
            letters[place], letters[other] = letters[other], letters[place]
            found = "".join(letters)
        place = dice.randrange(len(token))
    return found


def test_a_mistyped_key_is_found_out_without_a_look_up() -> None:
    """CRC-32 finds every change of one character."""
    made = tokens.make(tokens.KEY)
    for place in range(len("strm_live_"), len(made.token)):
        for character in "0aZ":
            if made.token[place] != character:
                assert tokens.id_of(made.token[:place] + character + made.token[place + 1 :], tokens.KEY) is None


@given(st.text(max_size=200))
def test_any_text_is_looked_at_without_an_error(text: str) -> None:
    assert tokens.id_of(text, tokens.KEY) is None
    assert len(tokens.digest(text)) == 64


# ---- sealing

SEALER = Sealer(Secret("a-secret-of-at-least-32-characters"))


@given(st.text(max_size=300).filter(lambda text: text.isprintable()), st.text(max_size=20))
def test_what_is_sealed_opens_for_the_same_purpose_alone(text: str, about: str) -> None:
    about = about.encode("utf-8", "replace").decode()
    sealed = SEALER.seal(text, about)
    assert SEALER.open(sealed, about) == text
    assert SEALER.open(sealed, about + "x") is None
    assert len(text) < 4 or text not in sealed


def test_a_sealed_text_that_was_changed_or_belongs_to_another_secret_does_not_open() -> None:
    import base64

    sealed = SEALER.seal("JBSWY3DPEHPK3PXP", "totp:a")
    raw = base64.urlsafe_b64decode(sealed)
    for place in range(len(raw)):
        changed = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
        assert SEALER.open(base64.urlsafe_b64encode(changed).decode(), "totp:a") is None
    assert Sealer(Secret("another-secret-of-32-characters!!!")).open(sealed, "totp:a") is None
    assert SEALER.seal("JBSWY3DPEHPK3PXP", "totp:a") != sealed


# ---- what is remembered


class Time:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def remembering(version: int = 1) -> tuple[Memory, Time]:
    time = Time()
    memory = Memory(time)
    memory.confirm(version, time())
    return memory, time


def known(version: int = 1, until: int = FOREVER) -> Known:
    return Known(Identity(scheme="key", account="a", credential="k"), 0, "", until, version)


def test_a_credential_is_remembered_while_the_version_stands() -> None:
    memory, time = remembering()
    memory.remember("h", known(), memory.generation)
    assert memory.find("h", 0) is not None
    memory.confirm(1, time())
    assert memory.find("h", 0) is not None
    memory.confirm(2, time())
    assert memory.find("h", 0) is None


def test_nothing_is_trusted_when_nobody_could_look_for_a_while() -> None:
    memory, time = remembering()
    memory.remember("h", known(), memory.generation)
    time.now += TRUSTED - 0.01
    assert memory.find("h", 0) is not None
    time.now += 0.02
    assert memory.find("h", 0) is None
    memory.confirm(1, time.now)
    assert memory.find("h", 0) is not None


def test_what_was_read_before_a_change_is_not_remembered_after_it() -> None:
    memory, time = remembering()
    generation = memory.generation
    memory.forget()
    memory.remember("h", known(), generation)
    assert memory.find("h", 0) is None
    memory.remember("h", known(version=0), memory.generation)
    assert memory.find("h", 0) is None, "read at an older version than the newest that was seen"
    assert time() == 100.0


def test_an_end_that_is_known_is_obeyed_to_the_microsecond() -> None:
    memory, _ = remembering()
    memory.remember("h", known(until=10), memory.generation)
    assert memory.find("h", 9) is not None
    assert memory.find("h", 10) is None


# ---- guesses


def test_who_guesses_at_a_key_is_stopped_and_others_are_not() -> None:
    guesses = Guesses(3)
    for number in range(3):
        guesses.check("192.0.2.1", "k", 0)
        assert guesses.count("192.0.2.1", "k", 0) == (number == 2)
    with pytest.raises(Refused) as refused:
        guesses.check("192.0.2.1", "k", 10 * SECOND)
    assert (refused.value.status, refused.value.headers["retry-after"]) == (429, "50")
    guesses.check("192.0.2.1", "other", 0)
    guesses.check("192.0.2.2", "k", 0)
    guesses.check("192.0.2.1", "k", MINUTE)


def test_who_guesses_at_many_keys_is_stopped_too() -> None:
    guesses = Guesses(3)
    for number in range(30):
        guesses.check("192.0.2.1", f"k{number}", 0)
        guesses.count("192.0.2.1", f"k{number}", 0)
    with pytest.raises(Refused):
        guesses.check("192.0.2.1", "k99", 0)


@pytest.mark.parametrize(
    ("client", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
        ("", ""),
    ],
)
def test_one_network_counts_as_one_client(client: str, counted: str) -> None:
    assert network_of(client) == counted


def test_an_old_window_is_forgotten() -> None:
    guesses: Any = Guesses(3)
    guesses.count("a", "k", 0)
    guesses.count("a", "k", MINUTE)
    assert guesses._counts == {("a", "k"): 1, ("a", ""): 1}
