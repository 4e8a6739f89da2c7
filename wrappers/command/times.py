"""When a service works again, as tools tell it."""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime

FACTORS = {"seconds": 1, "minutes": 60, "hours": 3600}


def seconds_since_epoch(text: str | None) -> float | None:
    """Return the moment that a text names: seconds or milliseconds since the epoch, or a time as in ISO 8601.

    A time without a zone is UTC. None for anything else.
    """
    if text is None:
        return None
    if re.fullmatch(r"[0-9]{9,13}(\.[0-9]{1,9})?", text):
        number = float(text)
        return number / 1000 if number >= 1e11 else number
    try:
        moment = datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def seconds_from_now(groups: Mapping[str, str | None]) -> float | None:
    """Return the sum of the groups `hours`, `minutes` and `seconds` of a pattern; None where there is none of them."""
    try:
        parts = [float(groups[name] or "") * factor for name, factor in FACTORS.items() if groups.get(name)]
    except ValueError:
        return None
    return sum(parts) if parts and sum(parts) < math.inf else None
