"""References are resolved in the parsed value, each from where it says, and never change the file's structure."""

from pathlib import Path

import pytest

from stratumd.config.references import Surroundings, Unresolved, parts, references
from stratumd.plugin import Secret
from tests.support.plugins import FeedOptions, PostOptions
from tests.unit.config.reading import ENV, RIGHT, Reading, changed, place


def resolve(text: str, env: dict[str, str], folder: Path = Path()) -> str:
    surroundings = Surroundings(env, folder)
    return "".join(part.text if part.reference is None else surroundings.value(part.reference) for part in parts(text))


def why(text: str, env: dict[str, str] | None = None, folder: Path = Path()) -> Unresolved:
    with pytest.raises(Unresolved) as caught:
        resolve(text, env or {}, folder)
    return caught.value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${env:A}", "1"),
        ("x${env:A}y${env:B}z", "x1y2z"),
        ("${env:NONE:-d}", "d"),
        ("${env:EMPTY:-d}", "d"),
        ("${env:A:-d}", "1"),
        ("${env:NONE:-}", ""),
        ("${env:NONE:-a:-b}", "a:-b"),
        ("$${env:A}", "${env:A}"),
        ("$A and {env:A}", "$A and {env:A}"),
    ],
)
def test_a_text_with_references(text: str, value: str) -> None:
    assert resolve(text, {"A": "1", "B": "2", "EMPTY": ""}) == value


def test_a_file_is_relative_to_the_configuration_and_loses_its_last_line_end(tmp_path: Path) -> None:
    (tmp_path / "hook").write_text("https://x\r\n")
    assert resolve("${file:hook}", {}, tmp_path) == "https://x"
    assert resolve(f"${{file:{tmp_path}/hook}}", {}) == "https://x"


def test_a_credential_is_in_the_folder_that_systemd_names(tmp_path: Path) -> None:
    (tmp_path / "db").write_text("pw")
    assert resolve("${cred:db}", {"CREDENTIALS_DIRECTORY": str(tmp_path)}) == "pw"


@pytest.mark.parametrize(
    ("text", "message", "hint", "malformed"),
    [
        ("${env:NONE}", "environment variable NONE is not set", "export NONE=", False),
        ("${cred:db}", "credential 'db': CREDENTIALS_DIRECTORY is not set", "LoadCredential=db:/path", False),
        ("${file:/nowhere/x}", "file /nowhere/x cannot be read: No such file or directory", "create it", False),
        ("${ODDS_KEY}", "'${ODDS_KEY}' is no reference", "did you mean ${env:ODDS_KEY}?", True),
        ("${evn:ODDS_KEY}", "'${evn:ODDS_KEY}' is no reference", "did you mean ${env:ODDS_KEY}?", True),
        ("${}", "'${}' is no reference", "write ${env:NAME}", True),
        ("${env:1-2}", "'1-2' is no name of an environment variable", "write ${env:NAME}", True),
        ("${env:A", "this '${' is never closed", "write ${env:NAME}", True),
        ("${file:/x:-d}", "only ${env:…} takes a default", "write ${file:/x}", True),
        ("${cred:a/b}", "'a/b' is no name of a credential", "without a path", True),
    ],
)
def test_a_reference_that_gives_nothing_says_why(text: str, message: str, hint: str, malformed: bool) -> None:
    error = why(text)
    assert str(error) == message
    assert hint in error.hint
    assert error.malformed is malformed


def test_an_empty_file_and_bytes_that_are_no_text_give_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    assert str(why("${file:empty}", folder=tmp_path)) == "file empty is empty"
    assert "not readable as text" in str(why("${file:bytes}", folder=tmp_path))


def test_the_origin_names_no_default() -> None:
    assert [reference.origin for reference in references("${env:A:-secret} ${file:/x}")] == ["env:A", "file:/x"]


def test_values_reach_the_options(reading: Reading) -> None:
    config = reading.config()
    options = config.sources["nba"].options
    assert isinstance(options, FeedOptions)
    assert options.api_key == Secret(ENV["KEY"])
    post = config.pipelines["nba"].sinks[0].options
    assert isinstance(post, PostOptions)
    assert post.webhook.reveal() == ENV["HOOK"]


def test_a_resolved_value_stays_one_value(reading: Reading) -> None:
    """A variable with YAML in it is a text: it can neither add keys nor items."""
    text = changed("[basketball]", '["${env:SPORTS}"]')
    options = reading.config(text, {**ENV, "SPORTS": "a, b]\nhost: c"}).sources["nba"].options
    assert isinstance(options, FeedOptions)
    assert options.sports == ("a, b]\nhost: c",)


def test_a_number_may_come_from_the_environment(reading: Reading) -> None:
    text = changed("[average, gap]", "[{average: {min_books: '${env:N}', window: '${env:W}'}}]")
    (detector,) = reading.config(text, {**ENV, "N": "7", "W": "90s"}).pipelines["nba"].detectors
    assert detector.options.model_dump()["min_books"] == 7
    assert detector.options.model_dump()["window"].total_seconds() == 90


def test_a_missing_secret_is_named_at_its_place(reading: Reading) -> None:
    problem = reading.problem(changed("${env:KEY}", "'id-${env:KEY}'"), {"HOOK": "x"})
    assert (problem.line, place(problem)) == (4, "${env:KEY}")
    assert problem.message == "environment variable KEY is not set"


def test_a_component_that_is_not_enabled_needs_no_secret(reading: Reading) -> None:
    text = changed("use: feed", "use: feed\n    enabled: if-env KEY")
    config = reading.config(text, {"HOOK": "x"})
    assert config.sources["nba"].enabled is False
    assert config.sources["nba"].options is None
    assert config.pipelines["nba"].runs is False


def test_neither_do_the_sinks_of_a_pipeline_that_does_not_run(reading: Reading) -> None:
    text = changed("use: feed", "use: feed\n    enabled: if-env KEY")
    assert reading.config(text, {}).pipelines["nba"].sinks[0].options is None


def test_a_component_that_is_not_enabled_is_checked_otherwise(reading: Reading) -> None:
    text = changed("use: feed", "use: feed\n    enabled: false\n    timeout: soon")
    assert "timeout" in reading.problem(text, {}).message
    text = changed("use: feed", "use: feed\n    enabled: false\n    host: ${X}")
    assert "no reference" in reading.problem(text, {}).message


def test_a_list_with_a_missing_secret_is_one_mistake(reading: Reading) -> None:
    """What its plugin says of the list is not said: there would be nothing to correct."""
    routes = """
http:
  listen: 127.0.0.1:8080
  routes:
    - accounts: {secret: "0123456789012345678901234567890123456789", public_url: "https://odds.example.com"}
    - partner-api
    - stripe-billing:
        secret_key: sk_test_x
        webhook_secrets: ["${env:NEW}", "${env:OLD}"]
        offers: {pro: {cents: 1900}}
        success_url: https://odds.example.com/thanks
        cancel_url: https://odds.example.com/account
"""
    problem = reading.problem(RIGHT + routes, {**ENV, "OLD": "whsec_old"})
    assert problem.message == "environment variable NEW is not set"
