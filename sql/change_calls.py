"""The SQL functions about what tasks changed, one Python function for each; see :mod:`sql.calls`."""

from collections.abc import Sequence

from sql.call import Call, as_array, given, many
from sql.calls import LARGEST_TEXT
from sql.change_rows import ChangeRow


def list_changes(tasks: Sequence[str], *, with_stat: bool | None = None) -> Call[list[ChangeRow]]:
    """Return the newest change of each task, lowest number first; unless told otherwise with its first files."""
    arguments = {"tasks": as_array(tasks), **given(with_stat=with_stat)}
    return Call("list_changes", arguments, many(ChangeRow), result_size=LARGEST_TEXT)
