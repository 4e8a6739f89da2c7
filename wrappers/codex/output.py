"""The lines that `codex exec --json` prints (measured with 0.169.0): the parts that are read."""

import msgspec


class ThreadStarted(msgspec.Struct, tag_field="type", tag="thread.started"):
    thread_id: str


class Change(msgspec.Struct):
    path: str = ""


class Item(msgspec.Struct):
    type: str = ""
    text: str = ""
    command: str = ""
    changes: list[Change] = []
    server: str = ""
    tool: str = ""
    query: str = ""


class ItemStarted(msgspec.Struct, tag_field="type", tag="item.started"):
    item: Item


class ItemCompleted(msgspec.Struct, tag_field="type", tag="item.completed"):
    item: Item


class Tokens(msgspec.Struct):
    input_tokens: int = 0
    cached_input_tokens: int = 0
    output_tokens: int = 0


class TurnCompleted(msgspec.Struct, tag_field="type", tag="turn.completed"):
    """The end of a turn that went well. ``usage`` counts from the beginning of a resumed session."""

    usage: Tokens | None = None


class Failure(msgspec.Struct):
    message: str = ""


class TurnFailed(msgspec.Struct, tag_field="type", tag="turn.failed"):
    error: Failure


class Error(msgspec.Struct, tag_field="type", tag="error"):
    """A retry, or what `turn.failed` is going to repeat."""

    message: str = ""


Line = ThreadStarted | ItemStarted | ItemCompleted | TurnCompleted | TurnFailed | Error
LINE: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)
