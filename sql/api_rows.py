"""The rows of the SQL functions that only the HTTP API calls. Lengths of time are in seconds, sizes in bytes."""

from collections.abc import Sequence

from msgspec import Struct


class Acting(Struct, frozen=True):
    """The row of act_as(): the token that acts in this transaction. ``tenants`` None: all those of the login."""

    name: str
    role: str
    tenants: Sequence[str] | None
