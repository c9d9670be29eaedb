"""Every exception of httpx that can come up becomes one of stratumd's."""

import ssl

import httpx
import pytest

from stratumd.client import FAILURES, mapped
from stratumd.errors import SourceError, TransientError

EXCEPTIONS = [kind for kind in vars(httpx).values() if isinstance(kind, type) and issubclass(kind, Exception)]


def made(kind: type[Exception]) -> Exception:
    """Return an exception of `kind`, whatever its constructor asks for, with a key in its words and its request."""
    error = kind.__new__(kind)
    Exception.__init__(error, "GET https://example.test/v4/sports?apiKey=canary")
    return error


@pytest.mark.parametrize("kind", EXCEPTIONS, ids=lambda kind: kind.__name__)
def test_each_has_its_reaction_and_a_short_name(kind: type[Exception]) -> None:
    error = mapped(made(kind))
    assert isinstance(error, SourceError)
    assert error.code
    assert "canary" not in str(error) + repr(error)


def test_the_list_of_exceptions_is_not_empty() -> None:
    assert len(EXCEPTIONS) > 20


def test_a_special_exception_comes_before_its_base() -> None:
    """The first line that fits decides, so a base before its subclass would hide it."""
    kinds = [kind for kind, _, _ in FAILURES]
    for number, kind in enumerate(kinds):
        assert not any(issubclass(later, kind) for later in kinds[number + 1 :])


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (httpx.ReadTimeout, "timeout"),
        (httpx.PoolTimeout, "timeout"),
        (httpx.ReadError, "network"),
        (httpx.ConnectError, "connect"),
    ],
)
def test_what_a_network_does_passes(kind: type[Exception], code: str) -> None:
    error = mapped(made(kind))
    assert isinstance(error, TransientError)
    assert error.code == code


def test_a_certificate_that_is_not_accepted_has_its_own_name() -> None:
    error = httpx.ConnectError("failed")
    error.__cause__ = ssl.SSLCertVerificationError("expired")
    assert mapped(error).code == "tls"


def test_a_mistake_of_ours_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        mapped(ZeroDivisionError())
