"""`llmctl demo`: a demonstration with simulated agents."""

from cli.registry import family

app = family()


@app.command()
def demo() -> int:
    """See it work: a database, a dispatcher and eight tasks, with simulated agents.

    It needs no key and no CLI, leaves nothing behind, and takes less than half a minute.
    """
    from cli.demo.demonstration import demonstrate

    return demonstrate()
