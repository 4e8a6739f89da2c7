"""A model server on loopback that answers the real agent CLIs as their vendors' services would.

What it answers stands in the prompt itself (see `script`), so that any number of tasks can run at the same
time and each does something else. Facts about the three protocols: observed from claude 2.1.330,
codex 0.169.0 and gemini 0.61.0; bodies of errors follow the vendors' published shapes.
"""

from tests.model_server.server import ModelServer, RecordedRequest

__all__ = ["ModelServer", "RecordedRequest"]
