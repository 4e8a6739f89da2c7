"""The lines that `gemini` prints with stream-json (measured with 0.61.0): the parts that are read."""

import msgspec


class Init(msgspec.Struct, tag_field="type", tag="init"):
    session_id: str = ""


class Message(msgspec.Struct, tag_field="type", tag="message"):
    """A piece of the conversation; the prompt comes back, too, with the role "user"."""

    role: str = ""
    content: str = ""


class Parameters(msgspec.Struct):
    file_path: str = ""
    absolute_path: str = ""
    dir_path: str = ""
    command: str = ""
    pattern: str = ""
    query: str = ""
    prompt: str = ""


class ToolUse(msgspec.Struct, tag_field="type", tag="tool_use"):
    tool_name: str = ""
    tool_id: str = ""
    parameters: msgspec.Raw = msgspec.Raw(b"{}")


class ToolError(msgspec.Struct):
    type: str = ""
    message: str = ""


class ToolResult(msgspec.Struct, tag_field="type", tag="tool_result"):
    tool_id: str = ""
    error: ToolError | None = None


class Error(msgspec.Struct, tag_field="type", tag="error"):
    severity: str = ""
    message: str = ""


class Failure(msgspec.Struct):
    message: str = ""


class Stats(msgspec.Struct):
    total_tokens: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached: int = 0


class Result(msgspec.Struct, tag_field="type", tag="result"):
    status: str = ""
    error: Failure | None = None
    stats: Stats | None = None


Line = Init | Message | ToolUse | ToolResult | Error | Result
LINE: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)
PARAMETERS = msgspec.json.Decoder(Parameters)
