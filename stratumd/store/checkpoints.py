"""Copying what commits left in the log of a SQLite file into the file itself, while nobody waits for it.

A commit is on the disk once it is in the log. SQLite by itself copies the log at the end of the commit that finds a
thousand pages in it: with 192,000 quotes a cycle that was every one.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

from stratumd.store.engines import BUSY_TIMEOUT
from stratumd.store.errors import StoreError, mapped

ROWS = 1000
"""Rows written since the last time, from which on the log is copied: about as many pages of it."""
PAGES = 16_384
"""Pages of the log, 64 MiB, from which on a commit copies it all the same. So it stays finite while one commit follows
the other: only where nobody writes meanwhile can SQLite begin it anew."""
PAUSE = 0.5
"""Seconds between a commit and the copying: what follows from the commit is sent first, and commits that follow are
copied with it."""


class Checkpoints:
    """A thread, from the first large commit to `close`. It keeps neither readers nor the writer waiting."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._turn = threading.Condition()
        self._thread: threading.Thread | None = None
        self._rows = 0
        self._copying = False
        self._closed = False
        self._failure: StoreError | None = None
        self.seconds = 0.0
        """How long all the copying took."""

    def written(self, rows: int) -> None:
        """Say that a commit of so many rows has returned."""
        with self._turn:
            self._rows += rows
            if self._due and self._thread is None:
                self._thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)
                self._thread.start()
            self._turn.notify_all()

    def check(self) -> None:
        """Raise what the newest copying failed with, once. It is tried again after the next commit."""
        with self._turn:
            failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def settle(self) -> None:
        """Wait until there is nothing to copy: for those who measure."""
        with self._turn:
            self._turn.wait_for(lambda: self._closed or not (self._due or self._copying))

    def close(self) -> None:
        """End the thread. What is left in the log is copied when the last connection is closed."""
        with self._turn:
            self._closed = True
            self._turn.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join()

    @property
    def _due(self) -> bool:
        return self._rows >= ROWS

    # ---- in the thread

    def _run(self) -> None:
        while self._waited():
            began = time.perf_counter()
            done, failure = False, None
            try:
                with mapped():
                    done = _copy(self._path)
            except StoreError as error:
                failure = error
            with self._turn:
                self.seconds += time.perf_counter() - began
                self._copying, self._failure = False, failure
                if not done:
                    self._rows = max(self._rows, ROWS - 1)  # the next commit lets it be tried again
                self._turn.notify_all()

    def _waited(self) -> bool:
        """Wait until it is time. Returns False at the end."""
        with self._turn:
            self._turn.wait_for(lambda: self._closed or self._due)
            self._turn.wait_for(lambda: self._closed, PAUSE)
            self._copying, self._rows = not self._closed, 0
            return self._copying


def _copy(path: Path) -> bool:
    """Copy as much of the log as no reader still needs to be as it was. Returns whether that was all of it."""
    with closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA schema_version").fetchone()  # only who has read knows that there is a log
        busy, pages, copied = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    return not busy and pages == copied
