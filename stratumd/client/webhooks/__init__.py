"""Posting to receivers of webhooks: signed as Standard Webhooks says, and to checked addresses only.

```python
posting = Endpoint(url, Guard(tls=True))
answer = await posting.post(body, signed((secret,), id, at, body))
judge(answer.status, answer.retry_after, at)
```
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from stratumd.client.webhooks.addresses import Network
from stratumd.client.webhooks.answers import judge
from stratumd.client.webhooks.guard import Guard
from stratumd.client.webhooks.posting import Answer, Endpoint
from stratumd.client.webhooks.signing import key, signatures
from stratumd.client.webhooks.urls import endpoint, mistake
from stratumd.plugin import SECOND, Micros, Secret

__all__ = ["SCHEDULE", "Answer", "Endpoint", "Guard", "Network", "endpoint", "judge", "key", "mistake", "signed"]

SCHEDULE = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""The waits that Standard Webhooks recommends after the first attempt, which is made at once."""


def signed(secrets: Iterable[Secret], id: str, at: Micros, body: bytes) -> dict[str, str]:
    """Return the headers of a request with `body`, signed at `at` by each of `secrets`."""
    timestamp = at // SECOND
    return {
        "content-type": "application/json",
        "user-agent": "stratumd",
        "webhook-id": id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signatures(secrets, id, timestamp, body),
    }
