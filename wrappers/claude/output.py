"""The lines that `claude` prints with stream-json (measured with 2.1.330): the parts that are read."""

import msgspec

from wrappers.lines import decode


class System(msgspec.Struct, tag_field="type", tag="system"):
    subtype: str = ""
    session_id: str = ""
    cwd: str = ""
    attempt: int = 0
    max_retries: int = 0
    error: str | None = None


class Block(msgspec.Struct):
    """A part of a message. ``tool_use_id`` is the ``id`` of the use of which it is the result."""

    type: str = ""
    id: str = ""
    tool_use_id: str = ""
    text: str = ""
    name: str = ""
    input: msgspec.Raw = msgspec.Raw(b"{}")


class ToolInput(msgspec.Struct):
    file_path: str = ""
    notebook_path: str = ""
    command: str = ""
    pattern: str = ""
    query: str = ""
    url: str = ""
    description: str = ""


class Message(msgspec.Struct):
    content: list[Block] = []


class Assistant(msgspec.Struct, tag_field="type", tag="assistant"):
    message: Message
    error: str | None = None
    parent_tool_use_id: str | None = None


class Results(msgspec.Struct):
    content: list[Block] | str = ""


class User(msgspec.Struct, tag_field="type", tag="user"):
    """What claude itself tells the model: the results of tools."""

    message: Results


class Window(msgspec.Struct, rename="camel"):
    status: str | None = None
    resets_at: float | None = None


MODEL_WINDOWS = frozenset({"seven_day_opus", "seven_day_sonnet", "seven_day_overage_included"})
"""The windows that claude itself calls the limit of a model, the last one that of Fable (2.1.330)."""


class RateLimitInfo(msgspec.Struct, rename="camel"):
    """How much of the account's usage windows is used: of the one that the service applies, and of all by name.

    ``status`` is "rejected" after any 429, also after a short one, which claude calls "not your usage limit". A short
    one names neither a window nor a reset.
    """

    status: str = ""
    rate_limit_type: str | None = None
    resets_at: float | None = None
    unified_windows: msgspec.Raw = msgspec.Raw(b"{}")

    @property
    def is_reached(self) -> bool:
        return self.status == "rejected" and (self.rate_limit_type or self.resets_at) is not None

    @property
    def is_of_model(self) -> bool:
        """Whether all windows that are exhausted are those of a model."""
        return self.is_reached and {self.rate_limit_type or "", *self._exhausted()} <= MODEL_WINDOWS

    @property
    def reset(self) -> float | None:
        """When the last of the exhausted windows opens again."""
        told = (self.resets_at, *(window.resets_at for window in self._exhausted().values()))
        return max((at for at in told if at is not None), default=None)

    def _exhausted(self) -> dict[str, Window]:
        windows = decode(self.unified_windows, WINDOWS) or {}
        return {name: window for name, window in windows.items() if window.status == "rejected"}


class RateLimit(msgspec.Struct, tag_field="type", tag="rate_limit_event"):
    """Only accounts with a subscription get these."""

    rate_limit_info: RateLimitInfo


class Tokens(msgspec.Struct):
    input_tokens: int = 0
    cache_creation_input_tokens: int = 0
    cache_read_input_tokens: int = 0
    output_tokens: int = 0


class ModelUsage(msgspec.Struct, rename="camel"):
    input_tokens: int = 0
    cache_creation_input_tokens: int = 0
    cache_read_input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = msgspec.field(default=0.0, name="costUSD")


class Denial(msgspec.Struct):
    tool_name: str = ""
    tool_input: msgspec.Raw = msgspec.Raw(b"{}")


class Deferred(msgspec.Struct):
    name: str = ""
    input: msgspec.Raw = msgspec.Raw(b"{}")


class Result(msgspec.Struct, tag_field="type", tag="result"):
    """How a turn ended; the last one counts.

    ``subtype`` is "success" also for errors of the API, so ``is_error`` decides. ``total_cost_usd`` counts from the
    beginning of a resumed session and ``usage`` leaves out subagents; ``model_usage_since_last_result`` is what this
    run used.
    """

    is_error: bool = True
    subtype: str = ""
    result: str | None = None
    errors: list[str] = []
    session_id: str = ""
    api_error_status: int | None = None
    api_error_type: str | None = None
    api_error: str | None = None
    terminal_reason: str | None = None
    total_cost_usd: float | None = None
    usage: Tokens | None = None
    model_usage_since_last_result: dict[str, ModelUsage] | None = None
    permission_denials: list[Denial] = []
    queued_turn_count: int = 0
    deferred_tool_use: Deferred | None = None

    @property
    def said(self) -> str:
        return self.result or "; ".join(self.errors)


Line = System | Assistant | User | RateLimit | Result
LINE: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)
TOOL_INPUT = msgspec.json.Decoder(ToolInput)
WINDOWS = msgspec.json.Decoder(dict[str, Window])
