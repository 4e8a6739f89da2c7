"""The dialect Chat Completions, which is spoken by many CLIs with tools of their own."""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence

import pytest

from tests.model_server import ModelServer
from tests.model_server.chat import Chat
from tests.model_server.script import Ask, Run, Write
from tests.model_server.tools import Call, Schema, Tool, call_for

TITLE = "You are a title generator. You output ONLY a thread title."


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        yield running


def post(url: str, messages: Sequence[Mapping[str, object]], **fields: object) -> str:
    body = {"model": "m", "messages": messages, **fields}
    request = urllib.request.Request(f"{url}/v1/chat/completions", json.dumps(body).encode())
    request.add_header("Authorization", "Bearer sk-dummy")
    with urllib.request.urlopen(request) as response:
        return str(response.read().decode())


def user(text: str) -> Mapping[str, object]:
    return {"role": "user", "content": text}


def tool(tool_name: str, *required: str, **described: str) -> Tool:
    properties = {name: Schema(description=text) for name, text in described.items()}
    return Tool(tool_name, Schema(properties=properties, required=list(required)))


def test_an_answer_is_streamed_in_pieces_and_ends_with_what_it_used(server: ModelServer) -> None:
    lines = post(server.url, [user("[[say: a long answer]]")], stream=True).split("\n\n")
    chunks = [json.loads(line.removeprefix("data: ")) for line in lines[:-2]]
    pieces = [choice["delta"].get("content", "") for chunk in chunks for choice in chunk["choices"]]

    assert lines[-2:] == ["data: [DONE]", ""]
    assert "".join(pieces) == "a long answer"
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"
    assert chunks[-1]["usage"]["prompt_tokens_details"] == {"cached_tokens": 50}


def test_steps_are_done_by_the_tools_that_the_request_offers(server: ModelServer) -> None:
    function = {"name": "bash", "parameters": {"properties": {"command": {"type": "string"}}}}
    tools = [{"type": "function", "function": function}]
    messages: list[Mapping[str, object]] = [user("[[run: ls]] [[say: listed]]")]
    first = json.loads(post(server.url, messages, tools=tools))["choices"][0]
    messages += [first["message"], {"role": "tool", "tool_call_id": "x", "content": "a b"}]
    second = json.loads(post(server.url, messages, tools=tools))["choices"][0]

    assert first["finish_reason"] == "tool_calls"
    assert first["message"]["tool_calls"][0]["function"] == {"name": "bash", "arguments": '{"command":"ls"}'}
    assert second["message"]["content"] == "listed"


def test_without_tools_files_are_written_in_the_answer(server: ModelServer) -> None:
    answer = json.loads(post(server.url, [user("[[write a.md: well]] [[run: ls]] [[say: Written.]]")]))

    assert answer["choices"][0]["message"]["content"] == "a.md\n```\nwell\n```\n\nWritten."


@pytest.mark.parametrize(
    ("tools", "arguments"),
    [
        ([tool("write", filePath="must be absolute", content="")], {"filePath": "/w/a", "content": "x"}),
        ([tool("create", path="absolute path", file_text="")], {"path": "/w/a", "file_text": "x"}),
        ([tool("save", path="of the file", content="")], {"path": "a", "content": "x"}),
        ([tool("editor", path="", old_text="", new_text="")], {"path": "a", "new_text": "x"}),
        ([tool("shell", command="")], {"command": "printf %s 'x' > 'a'"}),
    ],
)
def test_a_file_is_written_as_each_cli_names_it(tools: list[Tool], arguments: Mapping[str, object]) -> None:
    assert call_for(Write("a", "x"), tools, "/w") == Call(tools[0].name, arguments)


def test_what_is_required_besides_is_filled_in_by_its_type() -> None:
    properties = {
        "commands": Schema(type="array"),
        "riskLevel": Schema(enum=["low", "high"]),
        "background": Schema(type=["boolean", "null"]),
        "timeout": Schema(type="number"),
    }
    schema = Schema(properties=properties, required=["commands", "riskLevel", "background"])

    assert call_for(Run("ls"), [Tool("run_commands", schema)], "").arguments == {
        "commands": ["ls"],
        "riskLevel": "low",
        "background": False,
    }


def test_a_step_that_no_tool_can_do_calls_one_that_is_not_there() -> None:
    assert call_for(Write("a", "x"), [tool("read", path="")], "").name == "write"
    assert call_for(Ask("Which?", ("a", "b")), [], "").name == "question"


@pytest.mark.parametrize(
    "text",
    [
        "<current_datetime>2026-11-26</current_datetime>\n\nhello\n",
        "````stdin\nhello\n\n````",
        "hello\n\n\nTo suggest changes to a file you MUST return the entire content of the updated file.\nYou",
    ],
)
def test_the_prompt_is_what_the_user_said(text: str) -> None:
    context = user("<environment_details>\nWorking directory: /w\n</environment_details>")
    body = {"model": "m", "messages": [user("earlier"), user(text), context]}
    turn = Chat().read("", json.dumps(body).encode())

    assert turn.prompt == "hello\n"
    assert turn.directory == "/w"


def test_what_a_cli_asks_for_itself_uses_up_no_failure_and_is_no_prompt(server: ModelServer) -> None:
    prompt = user("[[fail 503 first=1]] [[say: at last]]")
    title = post(server.url, [{"role": "system", "content": TITLE}, prompt])
    with pytest.raises(urllib.error.HTTPError, match="503"):
        post(server.url, [prompt])

    assert "at last" in post(server.url, [prompt])
    assert "A task" in title
    assert [bool(request.prompt) for request in server.requests] == [False, True, True]


@pytest.mark.parametrize(
    ("failure", "status", "error", "headers"),
    [
        ("429 retry-after=7", 429, {"code": "rate_limit_exceeded"}, {"retry-after": "7"}),
        ("429", 429, {"type": "rate_limit_error"}, {"retry-after-ms": "20"}),
        ("402", 402, {"message": "Insufficient Balance"}, {}),
        ("quota resets=60", 429, {"type": "usage_limit_reached", "resets_in_seconds": 60}, {}),
        ("credit", 429, {"code": "insufficient_quota"}, {}),
        ("context", 400, {"code": "context_length_exceeded"}, {}),
        ("500: out of order", 500, {"message": "out of order"}, {}),
    ],
)
def test_failures_have_the_shape_of_openai(
    server: ModelServer, failure: str, status: int, error: Mapping[str, object], headers: Mapping[str, str]
) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        post(server.url, [user(f"[[fail {failure}]]")])

    assert caught.value.code == status
    assert error.items() <= json.load(caught.value)["error"].items()
    assert headers.items() <= dict(caught.value.headers.items()).items()


def test_it_lists_models(server: ModelServer) -> None:
    with urllib.request.urlopen(f"{server.url}/v1/models") as response:
        assert json.load(response)["data"][0]["id"] == "test-model"


@pytest.mark.parametrize("key", ["", "Bearer ", "Bearer ${KEY}"])
def test_a_request_without_a_key_is_refused(server: ModelServer, key: str) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
    request = urllib.request.Request(f"{server.url}/v1/chat/completions", json.dumps(body).encode())
    request.add_header("Authorization", key)

    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)
    assert caught.value.code == 401


def test_a_dropped_stream_breaks_off_in_the_middle_of_the_transfer(server: ModelServer) -> None:
    """opencode would take a mere end of the connection for the end of a step, and ask again for ever."""
    with pytest.raises(http.client.IncompleteRead) as caught:
        post(server.url, [user("[[say: a long answer]] [[drop]]")], stream=True)

    assert b'"content":"a"' in caught.value.partial
    assert b"[DONE]" not in caught.value.partial


def test_a_dropped_answer_that_is_not_streamed_breaks_off_as_well(server: ModelServer) -> None:
    with pytest.raises(http.client.IncompleteRead) as caught:
        post(server.url, [user("[[say: a long answer]] [[drop]]")])

    assert b"chat.completion" in caught.value.partial
