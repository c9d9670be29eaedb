"""Whatever a plugin raises, it can be told in one line."""

import pytest

from stratumd.errors import LONGEST, described, fit, told


class Mute(Exception):
    """Its text cannot be made."""

    def __str__(self) -> str:
        raise SystemExit(3)


def test_an_error_is_told_with_its_class() -> None:
    assert described(ValueError("no such line")) == "ValueError: no such line"
    assert described(MemoryError()) == "MemoryError"
    assert told(ValueError("no such line")) == "no such line"


def test_an_error_whose_text_raises_is_told_all_the_same() -> None:
    assert described(Mute()) == "Mute: (its text cannot be read)"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("two\n lines\t.", "two lines ."),
        ("\ud800", "\ufffd"),
        ("a\0b\x1b[2J\x9b", "a\ufffdb\ufffd[2J\ufffd"),
        ("é🏀", "é🏀"),
    ],
)
def test_a_text_becomes_one_line_that_every_place_takes(text: str, shown: str) -> None:
    assert told(ValueError(text)) == shown
    told(ValueError(text)).encode()


def test_a_longer_text_keeps_its_lines() -> None:
    assert fit("a\n\tb\ud800\x1b") == "a\n\tb\ufffd\ufffd"


def test_a_text_is_bounded() -> None:
    assert told(ValueError("x" * 10_000)) == "x" * (LONGEST - 1) + "…"
    assert len(described(ValueError("x" * LONGEST), longest=60)) < 80


def test_a_secret_is_taken_out_before_the_text_is_cut() -> None:
    """A half of it would be no match any more."""
    text = "x" * (LONGEST - 6) + "hunter2-hunter2"
    assert "hunter" not in told(ValueError(text), lambda text: text.replace("hunter2-hunter2", "***"))
