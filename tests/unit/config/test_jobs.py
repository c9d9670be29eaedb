"""Jobs in a file: listed by name, with a schedule of their own, and exchanged by a reload."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from stratumd.config import Config, load_config
from stratumd.errors import ConfigError
from stratumd.runtime.plan import Item, difference

TEXT = """\
sources:
  demo: {use: demo, schedule: {every: 2s}}
pipelines:
  demo:
    sources: [demo]
    detectors: [consensus]
    jobs: JOBS
    sinks: [log]
"""


def read(folder: Path, jobs: str) -> Config:
    path = folder / "c.yaml"
    path.write_text(TEXT.replace("JOBS", jobs))
    return load_config(path)


def test_a_bare_job_runs_as_often_as_it_says_itself(tmp_path: Path) -> None:
    (job,) = read(tmp_path, "[clv]").pipelines["demo"].jobs
    assert (job.name, job.use, job.schedule.every) == ("demo.clv", "clv", timedelta(hours=1))


def test_a_job_takes_every_or_cron(tmp_path: Path) -> None:
    (hourly,) = read(tmp_path, "[clv: {schedule: {every: 60m}, lookback_days: 3}]").pipelines["demo"].jobs
    assert (hourly.schedule.every, hourly.options.model_dump()["lookback_days"]) == (timedelta(hours=1), 3)
    (nightly,) = (
        read(tmp_path, '[clv: {schedule: {cron: "0 5 * * *", timezone: Europe/London}}]').pipelines["demo"].jobs
    )
    assert nightly.schedule.schedule().shown() == "cron 0 5 * * * Europe/London"


def test_a_job_that_is_not_enabled_is_left_out(tmp_path: Path) -> None:
    assert read(tmp_path, "[clv: {enabled: false}]").pipelines["demo"].jobs == ()


@pytest.mark.parametrize(
    ("jobs", "message"),
    [
        ("[clv, clv]", "pipeline 'demo' has two jobs named 'clv'"),
        ("[log]", "plugin 'log' has no job 'log'"),
        ("[clv: {schedule: {every: 1h, cron: '0 5 * * *'}}]", "either 'every', 'cron'"),
        ("[clv: {schedule: {cron: '0 5 * *'}}]", "expected the five fields of cron"),
        ("[clv: {convention: last_guess}]", "last_before_actual"),
        ("[clv: {lookback: 7}]", "unknown option 'lookback'"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, jobs: str, message: str) -> None:
    with pytest.raises(ConfigError, match="error:") as caught:
        read(tmp_path, jobs)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("before", "after", "fate"),
    [
        ("[]", "[clv]", "start"),
        ("[clv]", "[]", "stop"),
        ("[clv]", "[clv: {lookback_days: 3}]", "restart"),
        ("[clv]", "[clv: {schedule: {every: 2h}}]", "restart"),
        ("[clv]", "[clv: {lookback_days: 7}]", "keep"),
    ],
)
def test_a_reload_exchanges_jobs_and_leaves_the_pipeline_alone(
    tmp_path: Path, before: str, after: str, fate: str
) -> None:
    plan = difference(read(tmp_path, before), read(tmp_path, after))
    assert Item("job", "demo.clv") in getattr(plan, fate)
    assert Item("pipeline", "demo") in plan.keep
