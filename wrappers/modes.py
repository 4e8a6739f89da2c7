"""The modes in which an agent CLI runs, as tasks and config.yaml name them."""

from typing import Literal

Permission = Literal["read", "edit", "full"]
"""What an agent may do without asking: read files, change those of its work directory, or everything."""
AuthMode = Literal["key", "token", "login"]
"""How an agent proves who it is: by an API key, by a token, or by the login in its config home."""
