"""Words for states, priorities and numbers of tasks, as people see them. Imports nothing heavy."""

from collections.abc import Iterable

TOP = 10
"""The priority of a task that was put first: none can be submitted with it."""


def state_word(state: str) -> str:
    """Return the word of a state for people; JSON keeps ``leased``."""
    return "starting" if state == "leased" else state


def state_words(state: str, *, proven: bool | None) -> str:
    """Return the word of a task's state; a success that nothing shows is doubted."""
    return f"{state_word(state)}?" if proven is False else state_word(state)


def priority_word(priority: int) -> str:
    return "top" if priority == TOP else str(priority)


def ranges(numbers: Iterable[int], most: int = 20) -> str:
    """Return numbers as people type them: ``61-70, 75``; at most so many parts."""
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and number == parts[-1][-1] + 1:
            parts[-1][1:] = [number]
        else:
            parts.append([number])
    shown = ", ".join("-".join(map(str, part)) for part in parts[:most])
    return f"{shown}, …" if len(parts) > most else shown
