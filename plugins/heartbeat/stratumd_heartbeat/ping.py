"""Asking for one URL, and for nothing that it leads to."""

from __future__ import annotations

import anyio
import httpcore

from stratumd.client import authorities
from stratumd.errors import DeliveryError
from stratumd.plugin import Secret
from stratumd_heartbeat.options import address

DEADLINE = 10.0
"""Seconds for a ping."""

_BROKEN = (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError)


class Ping:
    """A URL that is pinged: no redirect is followed, no proxy asked, and no answer's body read."""

    def __init__(self, url: Secret, *, deadline: float = DEADLINE) -> None:
        parts = address(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        self._url = httpcore.URL(scheme=parts.raw_scheme, host=parts.raw_host, port=port, target=parts.raw_path)
        self._headers = [(b"host", parts.netloc), (b"user-agent", b"stratumd")]
        self._deadline = deadline
        # Pings are too far apart for a connection to be worth keeping.
        self._pool = httpcore.AsyncConnectionPool(ssl_context=authorities(), max_keepalive_connections=0)

    async def send(self) -> None:
        """Ping. `DeliveryError` where the answer is not 2xx or does not come in time."""
        try:
            with anyio.fail_after(self._deadline):
                async with self._pool.stream("GET", self._url, headers=self._headers) as response:
                    status = response.status
        except TimeoutError:
            raise DeliveryError(f"the monitor did not answer within {self._deadline:g} s") from None
        except _BROKEN as error:
            reason = str(error) or "the connection broke"
            raise DeliveryError(f"the monitor cannot be reached ({type(error).__name__}: {reason})") from error
        if not 200 <= status < 300:
            raise DeliveryError(f"the monitor answered {status}")

    async def close(self) -> None:
        """Let go of the connection."""
        await self._pool.aclose()
