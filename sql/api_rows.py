"""The rows of the SQL functions that only the HTTP API calls. Lengths of time are in seconds, sizes in bytes."""

from msgspec import Struct


class FacetCount(Struct, frozen=True):
    """One row of facets(): so many tasks of the selection have this ``value`` of the ``facet``."""

    facet: str
    value: str
    tasks: int
