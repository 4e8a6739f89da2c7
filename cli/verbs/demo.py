"""`llmctl demo`: everything at work, with simulated agents."""

from cli.registry import family

app = family()


@app.command()
def demo() -> int:
    """Show it all at work: a database, a dispatcher and eight tasks, with simulated agents.

    No key and no CLI is needed, and nothing is left behind. It takes less than half a minute.
    """
    from cli.demo.demonstration import demonstrate

    return demonstrate()
