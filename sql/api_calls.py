"""The SQL functions that only the API and its tokens need, one Python function for each, as in calls.py."""

from sql.api_rows import Acting
from sql.call import Call, one


def act_as(hash: bytes) -> Call[Acting]:  # noqa: A002
    """Act with the rights of a token, named by the SHA-256 of its secret, for the rest of the transaction."""
    return Call("act_as", {"hash": hash}, one(Acting))
