"""A model server on loopback that answers the real agent CLIs as their vendors' services would.

The prompt itself says what the server answers (see `script`), so any number of tasks can run at the same time and each
can do something else. The protocols were observed with claude 2.1.330 (Messages), codex 0.169.0 (Responses), gemini
0.61.0 (generateContent), and the other CLIs of `tests/agents/homes/` (Chat Completions). Bodies of errors follow the
vendors' published shapes.
"""

from tests.model_server.server import ModelServer, RecordedRequest

__all__ = ["ModelServer", "RecordedRequest"]
