"""Google's generateContent and streamGenerateContent, as gemini calls them."""

import re
from collections.abc import Iterator, Sequence

import msgspec

from tests.model_server.dialect import ErrorAnswer, Json, Turn, is_prompt, server_sent
from tests.model_server.script import Ask, Failure, Refuse, Reply, Run, Say, Write

PATH = re.compile(r"/models/(?P<model>[^/:]+):(?P<method>\w+)")
INPUT_TOKENS = 100
CACHED_TOKENS = 50
STATUS_NAMES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}


class Part(msgspec.Struct, rename="camel"):
    text: str = ""
    function_response: msgspec.Raw = msgspec.Raw()


class Content(msgspec.Struct):
    role: str = "user"
    parts: list[Part] = []


class GenerateRequest(msgspec.Struct):
    contents: list[Content]


class Gemini:
    def read(self, path: str, body: bytes) -> Turn:
        request = msgspec.json.decode(body, type=GenerateRequest)
        address = PATH.search(path)
        prompt, results = "", 0
        for content in request.contents:
            if content.role != "user":
                continue
            texts = [part.text for part in content.parts if is_prompt(part.text)]
            answered = sum(bool(bytes(part.function_response)) for part in content.parts)
            if texts and not answered:
                prompt, results = "\n".join(texts), 0
            results += answered
        return Turn(
            prompt=prompt,
            results=results,
            model=address["model"] if address else "",
            stream=address is not None and address["method"] == "streamGenerateContent",
        )

    def stream(self, turn: Turn, reply: Reply) -> Sequence[str]:
        def chunks() -> Iterator[Json]:
            if isinstance(reply, Say):
                for piece in reply.pieces:
                    yield {"candidates": [{"index": 0, "content": model_says({"text": piece})}]}
                yield ending(turn, reply, [])
            else:
                yield self.whole(turn, reply)

        return [server_sent(chunk) for chunk in chunks()]

    def whole(self, turn: Turn, reply: Reply) -> Json:
        match reply:
            case Write(path, content):
                return ending(turn, reply, [call("write_file", {"file_path": path, "content": content})])
            case Run(command):
                return ending(turn, reply, [call("run_shell_command", {"command": command})])
            case Ask(text, options):
                choices = [{"label": option, "description": f"take {option}"} for option in options]
                question = {"question": text, "header": "Choice", "type": "choice", "options": choices}
                return ending(turn, reply, [call("ask_user", {"questions": [question]})])
            case Say():
                return ending(turn, reply, [{"text": reply.text}] if reply.pieces else [])
            case Refuse():
                return ending(turn, reply, [])

    def failure(self, failure: Failure) -> ErrorAnswer:
        code = 403 if failure.reason == "credit" else failure.status
        message = f"the model server was told to answer {code}"
        details: list[Json] = []
        if failure.reason == "quota":
            message = "You exceeded your current quota, please check your plan and billing details."
            violation = {
                "quotaMetric": "generativelanguage.googleapis.com/generate_content_free_tier_requests",
                "quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier",
                "quotaValue": "250",
            }
            details.append(
                {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]}
            )
        if failure.reason == "context":
            message = (
                "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."
            )
        if failure.status == 401:
            message = "API key not valid. Please pass a valid API key."
        message = failure.said or message
        if failure.retry_after is not None:
            delay = f"{failure.retry_after}s"
            details.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay})
        status = STATUS_NAMES.get(code, "UNKNOWN")
        error = {"code": code, "message": message, "status": status, "details": details}
        return ErrorAnswer(status=code, body={"error": error})


def call(name: str, arguments: Json) -> Json:
    return {"functionCall": {"name": name, "args": arguments}}


def model_says(*parts: Json) -> Json:
    return {"role": "model", "parts": list(parts)}


def ending(turn: Turn, reply: Reply, parts: Sequence[Json]) -> Json:
    reason = "SAFETY" if isinstance(reply, Refuse) else "STOP"
    output = len(reply.text) // 4 + 1 if isinstance(reply, Say) else 20
    return {
        "candidates": [{"index": 0, "content": model_says(*parts), "finishReason": reason}],
        "modelVersion": turn.model,
        "usageMetadata": {
            "promptTokenCount": INPUT_TOKENS,
            "cachedContentTokenCount": CACHED_TOKENS,
            "candidatesTokenCount": output,
            "totalTokenCount": INPUT_TOKENS + output,
        },
    }
