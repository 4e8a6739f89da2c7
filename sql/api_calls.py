"""The SQL functions that only the HTTP API calls, one Python function for each; see :mod:`sql.calls`."""

from sql.api_rows import Acting, Group
from sql.call import Call, many, one


def act_as(hash: bytes) -> Call[Acting]:  # noqa: A002 - named as the parameter
    """Let the rest of the transaction act as the token with this SHA-256. Raises LD401 where there is none."""
    return Call("act_as", {"hash": hash}, one(Acting))


def list_groups_in_public() -> Call[list[Group]]:
    """Call list_groups() for what may leave: it is asked for no variable and no login of a group."""
    return Call("list_groups", {}, many(Group))
