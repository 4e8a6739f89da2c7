"""The SQL functions that only the HTTP API calls, one Python function for each; see :mod:`sql.calls`."""

from sql.api_rows import Acting
from sql.call import Call, one


def act_as(hash: bytes) -> Call[Acting]:  # noqa: A002 - named as the parameter
    """Let the rest of the transaction act as the token with this SHA-256. Raises LD401 where there is none."""
    return Call("act_as", {"hash": hash}, one(Acting))
