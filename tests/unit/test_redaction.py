"""What a configuration resolved as a secret is starred in every text, in whatever form it stands there."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratumd.plugin import PluginConfig, Secret
from stratumd.redaction import SHORTEST, Redactor

HOOK = "https://discord.com/api/webhooks/123456/t0ken-t0ken-t0ken"


class Nested(PluginConfig):
    password: Secret


class Options(PluginConfig):
    keys: tuple[Secret, ...] = ()
    hooks: dict[str, Secret] = {}
    login: Nested | None = None


def redactor(*secrets: str) -> Redactor:
    made = Redactor()
    made.learn([Secret(secret) for secret in secrets])
    return made


def test_secrets_are_found_wherever_they_stand_in_the_options() -> None:
    made = Redactor()
    made.learn(
        Options(keys=(Secret("first-1"),), hooks={"a": Secret("second-2")}, login=Nested(password=Secret("third-3")))
    )
    assert made.redact("first-1, second-2 and third-3") == "***, *** and ***"


@given(st.text(min_size=SHORTEST).filter(lambda secret: "*" not in secret), st.text(), st.text())
def test_no_text_holds_a_secret(secret: str, before: str, after: str) -> None:
    shown = redactor(secret).redact(f"{before}{secret}{after}")
    assert "***" in shown
    assert secret not in shown


@pytest.mark.parametrize(
    "text",
    [
        f"POST {HOOK} failed",
        "404 for /api/webhooks/123456/t0ken-t0ken-t0ken",
        "token t0ken-t0ken-t0ken is unknown",
        f"url={quote(HOOK, safe='')}",
    ],
)
def test_the_parts_of_a_secret_address_are_starred(text: str) -> None:
    assert "t0ken" not in redactor(HOOK).redact(text)


def test_a_secret_in_quotes_is_starred() -> None:
    secret = "tab\there'"
    assert redactor(secret).redact(f"refused {secret!r}") in ("refused '***'", 'refused "***"')


def test_what_is_too_short_to_be_a_secret_is_left_alone() -> None:
    assert redactor("a", "key").redact("a key is missing") == "a key is missing"


def test_secrets_add_up() -> None:
    """After a reload a part may still fail with the key that it had before."""
    made = redactor("first-1")
    made.learn(Secret("second-2"))
    assert made.redact("first-1 second-2") == "*** ***"


def test_an_error_is_described_without_secrets() -> None:
    assert redactor("hunter2").described(ValueError("refused hunter2")) == "ValueError: refused ***"
    assert redactor("hunter2").told(ValueError("refused hunter2")) == "refused ***"


def test_without_secrets_nothing_changes() -> None:
    assert Redactor().redact("hunter2") == "hunter2"
