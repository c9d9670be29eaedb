"""The effective configuration: every value with its origin, no secret, and YAML that reads back the same."""

from io import StringIO

import pytest
from ruamel.yaml import YAML

from stratumd.config.effective import Value, effective
from stratumd.config.load import understand
from stratumd.config.render import as_yaml
from stratumd.config.secrets import uses
from tests.support.plugins import FAKES
from tests.unit.config.reading import ENV, RIGHT, Reading, changed

FULL = (
    "database: {url: 'postgresql://u@h/db', password: '${env:DB}'}\nhttp: {listen: '0.0.0.0:${env:PORT:-80}'}\n"
    + changed("use: feed", "use: feed\n    enabled: if-env KEY\n    limits: {a: 3}\n    quota: {daily: 7}")
    .replace("[basketball]", "[basketball, '${env:SPORT:-wnba}']")
    .replace("sources: [nba]", "sources: [nba]\n    operators: {x: [a, b]}")
    .replace('"${env:HOOK}"', '"${env:HOOK}", name: hook, when: {types: [GAP]}')
)


def shown(reading: Reading, text: str = FULL, env: dict[str, str] | None = None) -> dict[str, tuple[object, str]]:
    document = reading.document(text, env if env is not None else {**ENV, "DB": "pw-123456"})
    return {
        ".".join(value.path): (value.value, value.origin)
        for value in effective(document, understand(document, extra=FAKES))
    }


@pytest.mark.parametrize(
    ("path", "value", "origin"),
    [
        ("database.url", "postgresql://u@h/db", "c.yaml:1"),
        ("database.password", "***", "env:DB"),
        ("log.level", "info", "default"),
        ("http.listen", "0.0.0.0:80", "env:PORT"),
        ("sources.nba.use", "feed", "c.yaml:5"),
        ("sources.nba.enabled", True, "if-env KEY, c.yaml:6"),
        ("sources.nba.api_key", "***", "env:KEY"),
        ("sources.nba.sports", ["basketball", "wnba"], "env:SPORT"),
        ("sources.nba.timeout", "10s", "default"),
        ("sources.nba.host", None, "default"),
        ("sources.nba.quota.daily", 7, "c.yaml:8"),
        ("sources.nba.quota.pause", "1m", "default"),
        ("sources.nba.limits.a", 3, "c.yaml:7"),
        ("sources.nba.schedule.every", "60s", "c.yaml:11"),
        ("pipelines.nba.detectors.0.average.min_books", 5, "default"),
        ("pipelines.nba.detectors.1.gap.enabled", True, "c.yaml:16"),
        ("pipelines.nba.sinks.0.post.webhook", "***", "env:HOOK"),
        ("pipelines.nba.sinks.0.post.when.types", ["GAP"], "c.yaml:18"),
        ("pipelines.nba.pricing.three_way", "power", "default"),
        ("pipelines.nba.operators.x", ["a", "b"], "c.yaml:15"),
    ],
)
def test_values_and_origins(reading: Reading, path: str, value: object, origin: str) -> None:
    assert shown(reading)[path] == (value, origin)


def test_no_secret_is_shown(reading: Reading) -> None:
    text = str(shown(reading))
    for secret in (*ENV.values(), "pw-123456"):
        assert secret not in text


def test_a_disabled_component_is_shown_without_its_secrets(reading: Reading) -> None:
    values = shown(reading, FULL, {"DB": "x"})
    assert values["sources.nba.enabled"] == (False, "if-env KEY, c.yaml:6")
    assert values["sources.nba.api_key"] == ("***", "env:KEY")


def test_http_that_is_off(reading: Reading) -> None:
    assert shown(reading, RIGHT)["http"] == ("off", "default")
    assert shown(reading, f"http: off\n{RIGHT}")["http"] == ("off", "c.yaml:1")
    assert shown(reading, f"http:\n{RIGHT}")["http.listen"] == ("127.0.0.1:8080", "default")


def test_a_password_in_a_url_is_starred(reading: Reading) -> None:
    assert shown(reading, f"database: postgresql://u:pw@h/db\n{RIGHT}")["database.url"] == (
        "postgresql://u:***@h/db",
        "c.yaml:1",
    )


def test_the_yaml_is_a_configuration_of_the_same_effect(reading: Reading) -> None:
    """What is printed reads back as the same values, once its secrets are put back."""
    document = reading.document(FULL, {**ENV, "DB": "pw"})
    values = list(effective(document, understand(document, extra=FAKES)))
    again = as_yaml(values).replace("***", "'${env:KEY}'")
    second = reading.document(again)
    assert [value[:2] for value in effective(second, understand(second, extra=FAKES))] == [
        value[:2] for value in values
    ]


@pytest.mark.parametrize(
    "value",
    ["a", "a: b", "true", "off", "5", "1e3", "0x1f", "", " a", "a #b", "*a", "[a", "null", "é", "a'b\"c", "-", "- a",
     "~", "if-env X", "2026-07-15", "http://x:1/", "a:", "${x}", "\ttab",
     5, 2.5, True, None, [1, "a, b"], {"a": [True]}, {}],
)  # fmt: skip
def test_every_value_reads_back(value: object) -> None:
    text = as_yaml([Value(("a", "b"), value, "default")])
    assert YAML(typ="safe", pure=True).load(StringIO(text)) == {"a": {"b": value}}


def test_secrets_are_listed_with_their_state(reading: Reading) -> None:
    text = FULL.replace("enabled: if-env KEY", "enabled: if-env NEVER")
    found = {use.reference: use for use in uses(reading.document(text, {"DB": "x"}))}
    assert [(use.path, use.line) for use in found.values()] == [
        ("database.password", 1),
        ("http.listen", 2),
        ("sources.nba.api_key", 9),
        ("sources.nba.sports", 10),
        ("pipelines.nba.sinks.0.post.webhook", 18),
    ]
    assert [use.state for use in found.values()][:2] == ["resolves", "default"]
    assert found["${env:KEY}"].state == "environment variable KEY is not set"
    assert not any(use.missing for use in found.values())
    assert not found["${env:HOOK}"].enabled


def test_a_missing_secret_of_an_enabled_component_is_missing(reading: Reading) -> None:
    found = list(uses(reading.document(RIGHT, {"KEY": "x"})))
    assert [(use.reference, use.missing) for use in found] == [("${env:KEY}", False), ("${env:HOOK}", True)]


def test_secrets_are_listed_in_a_file_with_other_mistakes(reading: Reading) -> None:
    assert [use.line for use in uses(reading.document("sources: ['${file:a}', '${env:B']\npipelines: 5\n", {}))] == [
        1,
        1,
    ]
