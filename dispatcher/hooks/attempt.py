"""What came of one attempt to deliver, and what is sent."""

from typing import NamedTuple

import msgspec

from sql.rows.hooks import Delivery, Outcome


class Attempt(NamedTuple):
    """``detail`` is for people. ``retry_after_s`` is what the receiver asked for, in seconds."""

    outcome: Outcome
    detail: str
    retry_after_s: float | None = None


def body_of(delivery: Delivery) -> bytes:
    """Return the event as JSON, in the form that Standard Webhooks suggests. It is the same at each attempt."""
    return msgspec.json.encode(
        {
            "id": delivery.event,
            "type": delivery.type,
            "timestamp": delivery.at,
            "data": delivery.payload,
        }
    )
