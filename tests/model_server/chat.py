"""OpenAI's Chat Completions API, as most other agent CLIs call it."""

import re
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from tests.model_server.dialect import ErrorAnswer, Json, Turn, is_helper, is_prompt, own_words, server_sent
from tests.model_server.script import Ask, Failure, Refuse, Reply, Run, Say, Write
from tests.model_server.tools import Tool, call_for

# OpenAI sends this, too. Without it the CLIs that cannot be told to give up sooner wait a minute and more in all.
SOON = {"retry-after-ms": "20"}

INPUT_TOKENS = 100
CACHED_TOKENS = 50
DIRECTORY = re.compile(r"working (?:in the )?directory[^/\n]{0,20}(/[^\s<`'\")]+)", re.IGNORECASE)
INSTRUCTIONS = ("system", "developer")
DONE = "data: [DONE]\n\n"

# What OpenAI says, since some CLIs print nothing else of an error; 402 is DeepSeek's.
MESSAGES = {
    "401": "Incorrect API key provided. You can find your API key at https://platform.openai.com/account/api-keys.",
    "402": "Insufficient Balance",
    "403": "You are not allowed to sample from this model.",
    "404": "The model `test-model` does not exist or you do not have access to it.",
    "429": "Rate limit reached for requests. Please try again later.",
    "500": "The server had an error while processing your request. Sorry about that!",
    "503": "The engine is currently overloaded, please try again later.",
    "quota": "The usage limit has been reached",
    "credit": "You exceeded your current quota, please check your plan and billing details.",
    "context": "This model's maximum context length is 128000 tokens. However, your messages resulted in 250000.",
}
CODES = {
    "401": "invalid_api_key",
    "404": "model_not_found",
    "429": "rate_limit_exceeded",
    "credit": "insufficient_quota",
    "context": "context_length_exceeded",
}
TYPES = {"401": "authentication_error", "429": "rate_limit_error", "credit": "insufficient_quota"}


class Part(msgspec.Struct):
    text: str = ""


class Message(msgspec.Struct):
    role: str
    content: str | list[Part] | None = None

    @property
    def texts(self) -> list[str]:
        if isinstance(self.content, str):
            return [self.content]
        return [part.text for part in self.content or ()]


class Offered(msgspec.Struct):
    function: Tool


class ChatRequest(msgspec.Struct):
    model: str
    messages: list[Message]
    tools: list[Offered] | None = None
    stream: bool | None = False


class Chat:
    def read(self, path: str, body: bytes) -> Turn:
        request = msgspec.json.decode(body, type=ChatRequest)
        prompt, results = "", 0
        for message in request.messages:
            texts = [own_words(text) for text in message.texts if is_prompt(text)]
            if texts and message.role == "user":
                prompt, results = "\n".join(texts), 0
            results += message.role == "tool"
        instructions = (
            text for message in request.messages if message.role in INSTRUCTIONS for text in message.texts
        )
        return Turn(
            prompt=prompt,
            results=results,
            model=request.model,
            stream=bool(request.stream),
            helps=is_helper(instructions),
            has_tools=bool(request.tools),
            tools=[offered.function for offered in request.tools or ()],
            directory=directory_in(text for message in request.messages for text in message.texts),
        )

    def stream(self, turn: Turn, reply: Reply) -> Sequence[str]:
        head = heading(turn, "chat.completion.chunk")

        def chunk(delta: Json, finish: str | None = None) -> str:
            return server_sent({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})

        def frames() -> Iterator[str]:
            message, finish = message_of(turn, reply)
            yield chunk({"role": "assistant", "content": ""})
            if "tool_calls" in message:
                yield chunk(message)
            elif isinstance(reply, Say):
                for piece in reply.pieces or (str(message["content"]),):
                    yield chunk({"content": piece})
            yield chunk({}, finish)
            yield server_sent({**head, "choices": [], "usage": usage(reply)})
            yield DONE

        return list(frames())

    def whole(self, turn: Turn, reply: Reply) -> Json:
        message, finish = message_of(turn, reply)
        choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
        return {**heading(turn, "chat.completion"), "choices": [choice], "usage": usage(reply)}

    def failure(self, failure: Failure) -> ErrorAnswer:
        cause = failure.reason or str(failure.status)
        status = 429 if cause == "credit" else failure.status
        usual = f"the model server was told to answer {status}"
        kind = TYPES.get(cause, "server_error" if status >= 500 else "invalid_request_error")
        error: dict[str, object] = {
            "message": failure.said or MESSAGES.get(cause, usual),
            "type": kind,
            "param": None,
            "code": CODES.get(cause),
        }
        if cause == "quota":
            error |= {"type": "usage_limit_reached", "plan_type": "plus", "resets_in_seconds": failure.resets}
        headers = SOON if failure.retry_after is None else {"retry-after": str(failure.retry_after)}
        return ErrorAnswer(status=status, body={"error": error}, headers=headers)


def heading(turn: Turn, kind: str) -> Json:
    identity = f"chatcmpl-{uuid.uuid4().hex[:24]}"
    return {"id": identity, "object": kind, "created": int(time.time()), "model": turn.model}


def message_of(turn: Turn, reply: Reply) -> tuple[dict[str, object], str]:
    """Return the message of the assistant and why it ends."""
    match reply:
        case Say():
            return {"content": reply.text}, "stop"
        case Refuse():
            return {"content": None}, "content_filter"
        case Write() | Run() | Ask():
            call = call_for(reply, turn.tools, turn.directory)
            function = {"name": call.name, "arguments": msgspec.json.encode(call.arguments).decode()}
            identity = f"call_{uuid.uuid4().hex[:24]}"
            made = {"index": 0, "id": identity, "type": "function", "function": function}
            return {"content": None, "tool_calls": [made]}, "tool_calls"


def directory_in(texts: Iterable[str]) -> str:
    """Return the work directory that a CLI names in these texts, or nothing."""
    matches = (DIRECTORY.search(text) for text in texts)
    return next((match[1] for match in matches if match), "")


def usage(reply: Reply) -> Json:
    output = len(reply.text) // 4 + 1 if isinstance(reply, Say) else 20
    return {
        "prompt_tokens": INPUT_TOKENS,
        "completion_tokens": output,
        "total_tokens": INPUT_TOKENS + output,
        "prompt_tokens_details": {"cached_tokens": CACHED_TOKENS},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }
