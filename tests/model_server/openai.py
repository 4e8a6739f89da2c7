"""OpenAI's Responses API, as codex calls it."""

import time
import uuid
from collections.abc import Iterator, Sequence

import msgspec

from tests.model_server.dialect import ErrorAnswer, Json, Turn, event, is_prompt
from tests.model_server.script import Ask, Failure, Refuse, Reply, Run, Say, Write

INPUT_TOKENS = 100
CACHED_TOKENS = 50
CODES = {
    "401": "invalid_api_key",
    "404": "model_not_found",
    "429": "rate_limit_exceeded",
    "503": "server_is_overloaded",
    "context": "context_length_exceeded",
}
RESULT_ITEMS = ("function_call_output", "custom_tool_call_output")


class Part(msgspec.Struct):
    text: str = ""


class Item(msgspec.Struct):
    type: str = "message"
    role: str = ""
    content: str | list[Part] | None = None

    @property
    def texts(self) -> list[str]:
        if isinstance(self.content, str):
            return [self.content]
        return [part.text for part in self.content or ()]


class ResponsesRequest(msgspec.Struct):
    model: str
    input: list[Item]
    stream: bool = False


class OpenAI:
    def read(self, path: str, body: bytes) -> Turn:
        request = msgspec.json.decode(body, type=ResponsesRequest)
        prompt, results = "", 0
        for item in request.input:
            if item.type in RESULT_ITEMS:
                results += 1
            elif item.type == "message" and item.role == "user":
                texts = [text for text in item.texts if is_prompt(text)]
                if texts:
                    prompt, results = "\n".join(texts), 0
        return Turn(prompt=prompt, results=results, model=request.model, stream=request.stream)

    def stream(self, turn: Turn, reply: Reply) -> Sequence[str]:
        def events() -> Iterator[str]:
            response = self.whole(turn, reply)
            yield event("response.created", response={**response, "status": "in_progress", "output": []})
            item = item_of(reply)
            if item is not None:
                yield event("response.output_item.added", output_index=0, item=hollow(item))
                if isinstance(reply, Say):
                    for piece in reply.pieces:
                        yield event(
                            "response.output_text.delta", item_id=item["id"], output_index=0, delta=piece
                        )
                yield event("response.output_item.done", output_index=0, item=item)
            final = "response.incomplete" if isinstance(reply, Refuse) else "response.completed"
            yield event(final, response=response)

        return list(events())

    def whole(self, turn: Turn, reply: Reply) -> Json:
        item = item_of(reply)
        refused = isinstance(reply, Refuse)
        return {
            "id": f"resp_{uuid.uuid4().hex}",
            "object": "response",
            "created_at": int(time.time()),
            "model": turn.model,
            "status": "incomplete" if refused else "completed",
            "incomplete_details": {"reason": "content_filter"} if refused else None,
            "output": [] if item is None else [item],
            "usage": usage(reply),
        }

    def failure(self, failure: Failure) -> ErrorAnswer:
        usual = f"the model server was told to answer {failure.status}"
        error: dict[str, object] = {"message": failure.said or usual}
        headers = {} if failure.retry_after is None else {"retry-after": str(failure.retry_after)}
        if failure.reason == "credit":
            error |= {"code": "insufficient_quota"}
            body = {"type": "response.failed", "response": {"id": identity("resp"), "error": error}}
            return ErrorAnswer(status=200, body=body, event="response.failed")
        if failure.reason == "quota":
            reset = int(time.time()) + failure.resets
            error |= {"type": "usage_limit_reached", "plan_type": "plus", "resets_at": reset}
            headers |= {
                "x-codex-primary-used-percent": "100.0",
                "x-codex-primary-window-minutes": "300",
                "x-codex-primary-reset-at": str(reset),
            }
        else:
            kind = "server_error" if failure.status >= 500 else "invalid_request_error"
            error |= {"type": kind, "code": CODES.get(failure.reason or str(failure.status))}
        return ErrorAnswer(status=failure.status, body={"error": error}, headers=headers)


def item_of(reply: Reply) -> dict[str, object] | None:
    match reply:
        case Write(path, content):
            return shell_call(f"printf %s {quoted(content)} > {quoted(path)}")
        case Run(command):
            return shell_call(command)
        case Ask(text, options):
            choices = [{"label": option, "description": f"take {option}"} for option in options]
            question = {"id": "choice", "header": "Choice", "question": text, "options": choices}
            return function_call("request_user_input", {"questions": [question]})
        case Say():
            if not reply.pieces:
                return None
            part = {"type": "output_text", "text": reply.text, "annotations": []}
            return {"type": "message", "id": identity("msg"), "role": "assistant", "content": [part]}
        case Refuse():
            return None


def shell_call(command: str) -> dict[str, object]:
    """A call of the tool that codex 0.169 offers to a model unknown to it; there is none for files."""
    return function_call("exec_command", {"cmd": command, "login": False})


def function_call(name: str, arguments: Json) -> dict[str, object]:
    return {
        "type": "function_call",
        "id": identity("fc"),
        "call_id": identity("call"),
        "name": name,
        "arguments": msgspec.json.encode(arguments).decode(),
    }


def hollow(item: Json) -> Json:
    """The item as it is announced, before its text or its arguments come."""
    return {**item, "content": []} if item["type"] == "message" else {**item, "arguments": ""}


def usage(reply: Reply) -> Json:
    output = len(reply.text) // 4 + 1 if isinstance(reply, Say) else 20
    return {
        "input_tokens": INPUT_TOKENS,
        "input_tokens_details": {"cached_tokens": CACHED_TOKENS},
        "output_tokens": output,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": INPUT_TOKENS + output,
    }


def identity(prefix: str) -> str:
    return f"{prefix}_{uuid.uuid4().hex[:24]}"


def quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
