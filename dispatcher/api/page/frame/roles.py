"""What a page offers to a token. Whether it may do so is decided by the database, when it does."""

from sql.rows.api import Acting


def may_submit(acting: Acting) -> bool:
    """Return whether the token may submit tasks, and act on those of its tenants."""
    return acting.role in ("producer", "operator", "admin")


def may_operate(acting: Acting) -> bool:
    """Return whether the token may pause groups and set limits."""
    return acting.role in ("operator", "admin")


def may_see_host(acting: Acting) -> bool:
    """Return whether the token may know what is on this host: only who operates it for all tenants."""
    return may_operate(acting) and acting.tenants is None
