"""Backfill: the past of a source, asked for within hard limits and kept as what it is."""

from stratumd.runtime.backfill.plan import Limits, Wanted, choose, sample
from stratumd.runtime.backfill.probe import Outlook, credits_left, outlook
from stratumd.runtime.backfill.run import Backfill, Progress, history_of

__all__ = [
    "Backfill",
    "Limits",
    "Outlook",
    "Progress",
    "Wanted",
    "choose",
    "credits_left",
    "history_of",
    "outlook",
    "sample",
]
