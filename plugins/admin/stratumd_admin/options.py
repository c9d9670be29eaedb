"""Options of `admin`."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field, model_validator

from stratumd.plugin import PluginConfig


class Options(PluginConfig):
    """Options of `admin`."""

    second_factor: bool = True
    """Whether staff has to log in with a second factor. Turn it off for a trial on one's own machine alone."""
    token_length: timedelta = Field(default=timedelta(days=90), gt=timedelta(), le=timedelta(days=366))
    """How long a service token works, unless it is asked for a shorter time; never longer."""
    overlap: timedelta = Field(default=timedelta(days=1), ge=timedelta(), le=timedelta(days=30))
    """How long a service token works on after it was rotated, unless the request says otherwise."""
    wrong_tokens: int = Field(default=20, ge=1)
    """Wrong service tokens from one network address in a minute; then it is told to wait."""
    claims_kept: timedelta = Field(default=timedelta(days=30), ge=timedelta(days=1))
    """How long an `Idempotency-Key` is remembered."""
    receipts_kept: timedelta = timedelta(days=366)
    """How long receipts are kept; the audit keeps what was done for ever."""

    @model_validator(mode="after")
    def _check_kept(self) -> Options:
        if self.receipts_kept < self.claims_kept:
            raise ValueError(
                "'receipts_kept' must not be shorter than 'claims_kept': a key is answered with its receipt"
            )
        return self
