"""What a prompt must be, wherever it comes from."""

from dispatcher.errors import UsageError

MOST_PROMPT_BYTES = 32 * 2**20
"""The longest prompt that tasks.prompt takes. CLIs take less: see `Wrapper.longest_prompt`."""


def require_prompt(prompt: str, what: str = "prompt") -> str:
    """Return the prompt if a task can have it. Raises UsageError."""
    if not prompt or prompt.isspace():
        raise UsageError(f"the {what} is empty")
    if "\0" in prompt:
        raise UsageError(f"the {what} contains a NUL character, which the database cannot store")
    if len(prompt) > MOST_PROMPT_BYTES // 4 and len(prompt.encode()) > MOST_PROMPT_BYTES:
        raise too_long(f"the {what}")
    return prompt


def too_long(what: str) -> UsageError:
    """Return the error for a text that is too long for a task."""
    return UsageError(
        f"{what} is longer than {MOST_PROMPT_BYTES // 2**20} MiB",
        hint="put long texts into files and name them in the prompt: --input FILE",
    )
