"""Anthropic's Messages API, as claude calls it."""

import time
import uuid
from collections.abc import Iterator, Sequence

import msgspec

from tests.model_server.dialect import ErrorAnswer, Json, Turn, event, is_prompt
from tests.model_server.script import Ask, Failure, Refuse, Reply, Run, Say, Write

ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}
MESSAGES = {
    "quota": "This request would exceed your account's rate limit. Please try again later.",
    "model": "This request would exceed your account's rate limit. Please try again later.",
    "credit": "Your credit balance is too low to access the Anthropic API.",
    "context": "prompt is too long: 250000 tokens > 200000 maximum",
}
INPUT_TOKENS = 100
CACHED_TOKENS = 50


class Block(msgspec.Struct):
    type: str
    text: str = ""


class Message(msgspec.Struct):
    role: str
    content: str | list[Block]

    @property
    def blocks(self) -> list[Block]:
        return [Block("text", self.content)] if isinstance(self.content, str) else self.content


class MessagesRequest(msgspec.Struct):
    model: str
    messages: list[Message]
    stream: bool = False


class Anthropic:
    def read(self, path: str, body: bytes) -> Turn:
        request = msgspec.json.decode(body, type=MessagesRequest)
        prompt, results = "", 0
        for message in request.messages:
            if message.role != "user":
                continue
            texts = [block.text for block in message.blocks if block.type == "text" and is_prompt(block.text)]
            if texts:
                prompt, results = "\n".join(texts), 0
            results += sum(block.type == "tool_result" for block in message.blocks)
        return Turn(prompt=prompt, results=results, model=request.model, stream=request.stream)

    def stream(self, turn: Turn, reply: Reply) -> Sequence[str]:
        def events() -> Iterator[str]:
            message = {**self.whole(turn, reply), "content": [], "stop_reason": None}
            yield event("message_start", message=message)
            content = block_of(reply)
            if content is not None:
                yield event("content_block_start", index=0, content_block=hollow(content))
                for delta in deltas(reply, content):
                    yield event("content_block_delta", index=0, delta=delta)
                yield event("content_block_stop", index=0)
            yield event("message_delta", delta={"stop_reason": stop_reason(reply)}, usage=usage(reply))
            yield event("message_stop")

        return list(events())

    def whole(self, turn: Turn, reply: Reply) -> Json:
        content = block_of(reply)
        return {
            "id": f"msg_{uuid.uuid4().hex[:24]}",
            "type": "message",
            "role": "assistant",
            "model": turn.model,
            "content": [] if content is None else [content],
            "stop_reason": stop_reason(reply),
            "stop_sequence": None,
            "usage": usage(reply),
        }

    def failure(self, failure: Failure) -> ErrorAnswer:
        kind = ERROR_TYPES.get(failure.status, "api_error")
        usual = f"the model server was told to answer {failure.status}"
        message = failure.said or MESSAGES.get(failure.reason, usual)
        headers: dict[str, str] = {}
        if failure.retry_after is not None:
            headers["retry-after"] = str(failure.retry_after)
        if failure.reason in ("quota", "model"):
            window = "five_hour" if failure.reason == "quota" else "seven_day_opus"
            five_hours = "rejected" if failure.reason == "quota" else "allowed"
            reset = int(time.time()) + failure.resets
            headers |= {
                "anthropic-ratelimit-unified-status": "rejected",
                "anthropic-ratelimit-unified-reset": str(reset),
                "anthropic-ratelimit-unified-representative-claim": window,
                "anthropic-ratelimit-unified-5h-status": five_hours,
                "anthropic-ratelimit-unified-5h-reset": str(reset),
                "x-should-retry": "false",
            }
            if failure.week is not None:
                headers |= {
                    "anthropic-ratelimit-unified-5h-utilization": "1.0",
                    "anthropic-ratelimit-unified-7d-status": "rejected",
                    "anthropic-ratelimit-unified-7d-reset": str(int(time.time()) + failure.week),
                    "anthropic-ratelimit-unified-7d-utilization": "1.0",
                }
        body = {"type": "error", "error": {"type": kind, "message": message}}
        return ErrorAnswer(status=failure.status, body=body, headers=headers)


def block_of(reply: Reply) -> dict[str, object] | None:
    match reply:
        case Write(path, content):
            return tool_use("Write", {"file_path": path, "content": content})
        case Run(command):
            return tool_use("Bash", {"command": command})
        case Ask(text, options):
            choices = [{"label": option, "description": f"take {option}"} for option in options]
            question = {"question": text, "header": "Choice", "options": choices, "multiSelect": False}
            return tool_use("AskUserQuestion", {"questions": [question]})
        case Say():
            return {"type": "text", "text": reply.text} if reply.pieces else None
        case Refuse():
            return None


def tool_use(name: str, arguments: Json) -> dict[str, object]:
    return {"type": "tool_use", "id": f"toolu_{uuid.uuid4().hex[:24]}", "name": name, "input": arguments}


def hollow(content: Json) -> Json:
    """The block as it is announced, before its text or its arguments come."""
    return {**content, "input": {}} if content["type"] == "tool_use" else {**content, "text": ""}


def deltas(reply: Reply, content: Json) -> Iterator[Json]:
    if isinstance(reply, Say):
        for piece in reply.pieces:
            yield {"type": "text_delta", "text": piece}
    else:
        arguments = msgspec.json.encode(content["input"]).decode()
        yield {"type": "input_json_delta", "partial_json": arguments}


def stop_reason(reply: Reply) -> str:
    match reply:
        case Write() | Run() | Ask():
            return "tool_use"
        case Refuse():
            return "refusal"
        case Say():
            return "end_turn"


def usage(reply: Reply) -> Json:
    return {
        "input_tokens": INPUT_TOKENS,
        "cache_read_input_tokens": CACHED_TOKENS,
        "cache_creation_input_tokens": 0,
        "output_tokens": len(reply.text) // 4 + 1 if isinstance(reply, Say) else 20,
    }
