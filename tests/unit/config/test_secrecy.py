"""No message shows a secret, wherever it stands and whatever is wrong."""

import pytest

from stratumd.config.report import names_secret
from stratumd.errors import ConfigError
from stratumd.redaction import redact
from tests.unit.config.reading import ENV, RIGHT, Reading, changed

SECRET = "hunter2-hunter2"


@pytest.mark.parametrize(
    "text",
    [
        changed("api_key: ${env:KEY}", f"api_key: {SECRET}\n    api_key: {SECRET}"),
        changed("api_key: ${env:KEY}", f"api_key: {SECRET}\n    api_kee: {SECRET}"),
        changed("api_key: ${env:KEY}", f"api_key: [{SECRET}]"),
        changed("api_key: ${env:KEY}", f"api_key: {{a: {SECRET}, b: {SECRET}}}"),
        changed("api_key: ${env:KEY}", f'api_key: "{SECRET}'),
        changed("api_key: ${env:KEY}", f"api_key: {SECRET}: {SECRET}"),
        changed("use: feed", f"use: fed\n    token: {SECRET}"),
        changed('"${env:HOOK}"}', f"{SECRET}, wehn: 3}}"),
        changed('webhook: "${env:HOOK}"', f"webhok: {SECRET}"),
        changed("      - post:", f"      - post: {{webhook: {SECRET}}}\n      - post:"),
        f"database: postgresql://me:{SECRET}@host\n" + changed("60s", "60"),
        f"database: {{url: mysql://me:{SECRET}@host/db}}\n" + changed("60s", "60"),
        f"database: {{url: 'postgresql://host/db', password: {SECRET}, port: 5}}\n" + changed("60s", "60"),
    ],
)
def test_a_secret_written_out_is_starred(reading: Reading, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        reading.config(text)
    assert SECRET not in str(caught.value)
    assert len({line for line in str(caught.value).splitlines() if "error:" in line})


def test_the_carets_stay_where_they_belong(reading: Reading) -> None:
    text = changed('"${env:HOOK}"}', f"{SECRET}, bach: 3}}")
    problem = reading.problem(text)
    assert problem.source == f"      - post: {{webhook: {'*' * len(SECRET)}, bach: 3}}"
    assert problem.source[problem.column - 1 :].startswith("bach")


def test_words_of_a_plugin_lose_what_came_from_the_surroundings(reading: Reading) -> None:
    text = changed("use: feed", "use: feed\n    host: ${env:URL}")
    problem = reading.problem(text, {**ENV, "URL": "http://user:pw@x"})
    assert problem.message == "option 'host' of source 'nba': *** must not have a scheme"


def test_an_error_about_a_secret_does_not_show_it(reading: Reading) -> None:
    text = changed("${env:KEY}", "[1]").replace("[basketball]", "${env:KEY}")
    for problem in reading.problems(text):
        assert ENV["KEY"] not in problem.render()


@pytest.mark.parametrize(
    ("canary", "text", "env"),
    [
        ("canary-71aa", RIGHT, ENV | {"KEY": "canary-71aa"}),
        ("canary-71ab", RIGHT, ENV | {"HOOK": "canary-71ab"}),
        ("canary-71ac", "database: postgresql://me:canary-71ac@host/db\n" + RIGHT, ENV),
        ("canary-71ad", "database: {url: 'postgresql://me@host/db', password: canary-71ad}\n" + RIGHT, ENV),
    ],
)
def test_what_was_read_as_a_secret_is_starred_from_then_on(
    reading: Reading, canary: str, text: str, env: dict[str, str]
) -> None:
    """A plugin may write it into an error."""
    reading.config(text, env)
    assert redact(f"refused {canary}") == "refused ***"


@pytest.mark.parametrize("name", ["api_key", "key", "webhook", "webhok", "auth-token", "PASSWORD", "client_secret"])
def test_names_of_secrets(name: str) -> None:
    assert names_secret(name)


@pytest.mark.parametrize("name", ["sports", "markets", "every", "min_books", "listen", "host", "regions", "timeout"])
def test_other_names(name: str) -> None:
    assert not names_secret(name)
