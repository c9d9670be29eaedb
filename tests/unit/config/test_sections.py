"""The file's own sections: database, log, http, schedules, conditions."""

from datetime import timedelta
from pathlib import Path

import pytest

from stratumd.config import When
from stratumd.testing.samples import signal
from tests.unit.config.reading import ENV, RIGHT, Reading, changed, place


def test_the_smallest_file_has_defaults(reading: Reading) -> None:
    config = reading.config()
    assert config.database.connect_url() == "sqlite:///stratumd.db"
    assert (config.log.level, config.log.format) == ("info", "auto")
    assert config.http is None
    assert config.warnings == ()
    assert list(config.enabled_sources()) == ["nba"]


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///a.db",
        "sqlite:////var/lib/a.db",
        "postgresql://u@h/db",
        "postgresql:///db",
        "postgresql://[::1]:5432/x",
    ],
)
def test_database_urls(reading: Reading, url: str) -> None:
    assert reading.config(f"database: {url}\n{RIGHT}").database.connect_url() == url


def test_the_password_is_put_into_the_url_and_quoted(reading: Reading) -> None:
    text = f"database: {{url: 'postgresql://u@h:6432/db', password: '${{env:DB}}'}}\n{RIGHT}"
    database = reading.config(text, {**ENV, "DB": "p@ss/w:rd"}).database
    assert database.connect_url() == "postgresql://u:p%40ss%2Fw%3Ard@h:6432/db"
    assert "p@ss" not in repr(database)
    assert database.shown_url() == "postgresql://u@h:6432/db"


def test_a_password_in_the_url_is_not_shown(reading: Reading) -> None:
    database = reading.config(f"database: postgresql://u:pw@h/db\n{RIGHT}").database
    assert database.shown_url() == "postgresql://u:***@h/db"


@pytest.mark.parametrize(
    ("database", "message", "hint"),
    [
        ("sqlit:///a.db", "expected sqlite:///path or postgresql://user@host/name", "did you mean 'sqlite'?"),
        ("postgres://u@h/db", "expected sqlite:///path or", "begin it with postgresql://"),
        ("postgresql+psycopg://u@h/db", "expected sqlite:///path or", "begin it with postgresql://"),
        ("sqlite:a.db", "expected sqlite:///path or", "write sqlite:///a.db"),
        ("stratumd.db", "expected sqlite:///path or", "write sqlite:///stratumd.db"),
        ("sqlite://", "a SQLite URL names a file after three slashes", "write sqlite:///stratumd.db"),
        ("sqlite:///", "a SQLite URL names a file after three slashes", "write sqlite:///stratumd.db"),
        ("postgresql://u@h", "the URL names no database", "write postgresql://user@host/name"),
        (
            "postgresql://u@h:x/db",
            "the host or port of this URL cannot be read",
            "write postgresql://user@host:5432/name",
        ),
        ("5", "expected a text", 'quote it: "5"'),
    ],
)
def test_wrong_database_urls(reading: Reading, database: str, message: str, hint: str) -> None:
    problem = reading.problem(f"database: {database}\n{RIGHT}")
    assert problem.message.startswith(f"'database': {message}")
    assert place(problem) == database
    assert problem.hint == hint


@pytest.mark.parametrize(
    ("database", "message"),
    [
        ("{url: sqlite:///a.db, password: x}", "a SQLite database has no password"),
        ("{url: 'postgresql://h/db', password: x}", "a password needs a user in the URL"),
        ("{url: 'postgresql://u:p@h/db', password: x}", "the URL already has a password"),
    ],
)
def test_passwords_that_do_not_fit(reading: Reading, database: str, message: str) -> None:
    assert reading.problem(f"database: {database}\n{RIGHT}").message == f"'database': {message}"


@pytest.mark.parametrize(
    ("listen", "host", "port"), [("127.0.0.1:8080", "127.0.0.1", 8080), ("'[::1]:0'", "::1", 0), ("a.b:1", "a.b", 1)]
)
def test_where_http_is_served(reading: Reading, listen: str, host: str, port: int) -> None:
    http = reading.config(f"http: {{listen: {listen}}}\n{RIGHT}").http
    assert http is not None
    assert (http.host, http.port) == (host, port)


@pytest.mark.parametrize("off", ["off", "false"])
def test_http_may_be_off(reading: Reading, off: str) -> None:
    assert reading.config(f"http: {off}\n{RIGHT}").http is None


@pytest.mark.parametrize("listen", ["8080", "localhost", "a:b", "a:70000", "':8080'", "http://x:1", "[1]"])
def test_wrong_addresses(reading: Reading, listen: str) -> None:
    problem = reading.problem(f"http: {{listen: {listen}}}\n{RIGHT}")
    assert "expected host:port" in problem.message
    assert problem.hint is not None
    assert problem.hint.startswith("write 127.0.0.1:")


def schedule(text: str) -> str:
    return changed("{every: 60s}", text)


def test_schedules(reading: Reading) -> None:
    every = reading.config(schedule("{every: 90s, jitter: 5s}")).sources["nba"].schedule
    cron = reading.config(schedule('{cron: "*/5 9-17 * * 1-5", timezone: America/New_York}')).sources["nba"].schedule
    assert every is not None
    assert cron is not None
    assert (every.every, every.jitter, every.cron) == (timedelta(seconds=90), timedelta(seconds=5), None)
    assert (cron.cron, cron.zone.key) == ("*/5 9-17 * * 1-5", "America/New_York")


@pytest.mark.parametrize(
    ("text", "message", "at"),
    [
        ("{}", "a schedule has either 'every', 'cron' or 'cadence'", "schedule"),
        ('{every: 60s, cron: "* * * * *"}', "a schedule has either 'every', 'cron' or 'cadence'", "schedule"),
        ("{every: 60s, timezone: UTC}", "'timezone' belongs to 'cron'", "schedule"),
        ("{every: 60s, jitter: 60s}", "'jitter' must be shorter than 'every'", "schedule"),
        ("{every: 0s}", "must be longer than nothing", "0s"),
        ("{every: 60}", "expected a duration", "60"),
        ('{cron: "* * * *"}', "expected the five fields of cron", '"* * * *"'),
        ('{cron: "* * * * * *"}', "expected the five fields of cron", '"* * * * * *"'),
        ('{cron: "61 * * * *"}', "'61' is no minute of cron: these are 0 to 59", '"61 * * * *"'),
        ('{cron: "0 9-24 * * *"}', "'9-24' is no hour of cron: these are 0 to 23", '"0 9-24 * * *"'),
        ('{cron: "0 9 0 * *"}', "'0' is no day of cron: these are 1 to 31", '"0 9 0 * *"'),
        ('{cron: "0 9 * 13 *"}', "'13' is no month of cron: these are 1 to 12, or jan to dec", '"0 9 * 13 *"'),
        ('{cron: "0 9 * * x"}', "'x' is no weekday of cron: these are 0 to 7, or sun to sat", '"0 9 * * x"'),
        ('{cron: "* * * * *", timezone: America/NewYork}', "no time zone 'America/NewYork'", "America/NewYork"),
        ("60s", "schedule of source 'nba': expected a mapping", "60s"),
        ("{cadence: close}", "no cadence 'close' is known", "close"),
    ],
)
def test_wrong_schedules(reading: Reading, text: str, message: str, at: str) -> None:
    problem = reading.problems(schedule(text))[-1]
    assert message in problem.message
    assert place(problem) == at


def test_a_zone_is_suggested(reading: Reading) -> None:
    problem = reading.problem(schedule('{cron: "* * * * *", timezone: America/NewYork}'))
    assert problem.hint == "did you mean 'America/New_York'?"


@pytest.mark.parametrize(
    ("condition", "env", "enabled"),
    [
        ("true", {}, True),
        ("false", {}, False),
        ("if-env A", {"A": "1"}, True),
        ("if-env A", {}, False),
        ("if-env A", {"A": ""}, False),
        ("unless-env A", {"A": "1"}, False),
        ("unless-env A", {}, True),
    ],
)
def test_conditions(reading: Reading, condition: str, env: dict[str, str], enabled: bool) -> None:
    """A variable that is set to nothing counts as not set."""
    config = reading.config(changed("use: feed", f"use: feed\n    enabled: {condition}"), ENV | env)
    assert config.sources["nba"].enabled is enabled
    assert config.pipelines["nba"].sources == (("nba",) if enabled else ())


@pytest.mark.parametrize("condition", ["maybe", "if-env", "if-env 1X", "[true]", "if ODDS", "1"])
def test_wrong_conditions(reading: Reading, condition: str) -> None:
    problem = reading.problem(changed("use: feed", f"use: feed\n    enabled: {condition}"))
    assert (problem.message, place(problem)) == ("'enabled' cannot be read", condition)
    assert problem.hint == "write true, false, if-env NAME or unless-env NAME"


@pytest.mark.parametrize(
    ("when", "admitted"),
    [
        (When(), True),
        (When(types=("STEAM",), markets=("spreads",), sports=("basketball_nba",), events=("e1",)), True),
        (When(types=("MOVE",)), False),
        (When(markets=("totals",)), False),
        (When(sports=("basketball_wnba",)), False),
        (When(events=("e2",)), False),
        (When(min_strength=60), True),
        (When(min_strength=61), False),
    ],
)
def test_which_signals_a_sink_gets(when: When, admitted: bool) -> None:
    assert when.admits(signal(type="STEAM", strength=60)) is admitted


@pytest.mark.parametrize(
    ("when", "admitted"),
    [
        (When(), False),
        (When(min_strength=60), False),
        (When(types=("STEAM",)), True),
        (When(types=("STEAM", "MOVE")), True),
        (When(types=("MOVE",)), False),
    ],
)
def test_a_type_in_shadow_is_admitted_only_by_name(when: When, admitted: bool) -> None:
    """Types that are given are exactly those that are admitted; others than the shadowed are not touched."""
    assert when.admits(signal(type="STEAM", strength=60), frozenset({"STEAM"})) is admitted
    assert When().admits(signal(type="STEAM", strength=60), frozenset({"GAP"}))


def test_the_log_goes_to_a_file_only_where_one_is_named(reading: Reading) -> None:
    assert reading.config().log.file is None
    assert reading.config("log: {file: logs/stratumd.log}\n" + RIGHT).log.file == Path("logs/stratumd.log")
    problem = reading.problem('log: {file: ""}\n' + RIGHT)
    assert problem.hint == "write /var/log/stratumd/stratumd.log, for example"


def test_origins_are_exact(reading: Reading) -> None:
    http = reading.config(
        f"http: {{cors: [https://app.example.com, 'http://localhost:3000', 'http://[::1]:5173']}}\n{RIGHT}"
    ).http
    assert http is not None
    assert http.cors == ("https://app.example.com", "http://localhost:3000", "http://[::1]:5173")


@pytest.mark.parametrize(
    ("origin", "hint"),
    [
        ("'*'", "list the origins, such as https://app.example.com"),
        ("app.example.com", "write https://app.example.com"),
        ("https://App.example.com/", "write https://app.example.com"),
        ("https://app.example.com:443", "write https://app.example.com"),
        ("https://user@example.com", "write https://app.example.com, for example"),
        ("'null'", "write https://null"),
        ("https://*.example.com", "write https://app.example.com, for example"),
        ("ftp://example.com", "write https://app.example.com, for example"),
        ("https://bücher.example", "write https://app.example.com, for example"),
        ("https://example.com:70000", "write https://app.example.com, for example"),
    ],
)
def test_wrong_origins(reading: Reading, origin: str, hint: str) -> None:
    assert reading.problem(f"http: {{cors: [{origin}]}}\n{RIGHT}").hint == hint
