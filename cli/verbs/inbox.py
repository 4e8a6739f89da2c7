"""`llmctl inbox`: what waits for a person."""

from cli.input.selectors import Selector, selecting
from cli.registry import family
from cli.show.output import Format, FormatOption, say, show_table, write_rows

app = family()


@app.command()
@selecting(without={"state", "failed", "waiting", "group", "all_"})
def inbox(selector: Selector, output: FormatOption = Format.TABLE) -> None:
    """List what waits for you, with the commands that resolve it.

    These are questions of agents, results to approve, accounts that were refused, are empty, paused or have spent the
    budget of the day, and tasks that failed within the last 7 days. Options select tasks; accounts are listed without
    any.
    """
    from cli.database.connection import opened
    from cli.show.people.inbox import INBOX, commands
    from sql import change_calls
    from sql.rows.changes import InboxRow

    with opened() as db:
        rows = db.call(change_calls.inbox(None if selector.is_empty else selector.selection()))
    if output is not Format.TABLE:
        write_rows(InboxRow.__struct_fields__, [rows], output)
    elif rows:
        show_table(rows, INBOX, below=commands)
    else:
        say("nothing waits for you")
