"""The rows of the SQL functions in api_calls.py."""

from collections.abc import Sequence

from msgspec import Struct


class Acting(Struct, frozen=True):
    """The row of act_as(): what the token may. ``tenants`` None stands for all."""

    name: str
    role: str
    tenants: Sequence[str] | None
