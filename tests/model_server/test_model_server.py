"""The model server itself. The tests of the wrappers show that the real CLIs accept its answers."""

import http.client
import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.model_server import ModelServer
from tests.model_server.script import Failure, Refuse, Run, Say, ScriptError, Write, read


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        yield running


def ask(url: str, prompt: str) -> str:
    """Return the answer to a prompt, by the simplest of the protocols."""
    body = {"model": "m", "messages": [{"role": "user", "content": prompt}]}
    request = urllib.request.Request(f"{url}/v1/messages", json.dumps(body).encode())
    with urllib.request.urlopen(request) as response:
        content = json.load(response)["content"]
    return "".join(block["text"] for block in content)


def test_a_prompt_without_directives_is_answered_with_its_beginning(server: ModelServer) -> None:
    assert ask(server.url, "hello " * 100) == ("hello " * 100)[:200]


def test_directives_are_followed_in_their_order() -> None:
    script = read("[[write a/b.txt: one\ntwo]] then [[run: ls [a-z]*]] and [[say: all done: yes]]")

    assert [script.reply(done) for done in range(3)] == [
        Write("a/b.txt", "one\ntwo"),
        Run("ls [a-z]*"),
        script.answer,
    ]
    assert isinstance(script.answer, Say)
    assert script.answer.text == "all done: yes"


def test_options_of_failures_are_read() -> None:
    assert read("[[fail 429 retry-after=600 first=2]]").failure == Failure(
        status=429, retry_after=600, first=2
    )
    assert read("[[fail quota resets=60]]").failure == Failure(status=429, reason="quota", resets=60)
    assert read("[[fail html]]").failure == Failure(status=502, reason="html")
    assert read("[[fail 400: at 00:00]]").failure == Failure(status=400, said="at 00:00")
    assert read("[[slow 2.5]] [[silent 1]]").slow == 2.5
    assert read("[[refuse]]").answer == Refuse()


@pytest.mark.parametrize(
    "prompt", ["[[explode]]", "[[fail]]", "[[fail soon]]", "[[slow down]]", "[[fail 429 x=1]]"]
)
def test_a_directive_that_makes_no_sense_is_refused(server: ModelServer, prompt: str) -> None:
    with pytest.raises(ScriptError):
        read(prompt)
    with pytest.raises(urllib.error.HTTPError, match="400"):
        ask(server.url, prompt)


def test_a_prompt_can_fail_a_number_of_times_and_then_succeed(server: ModelServer) -> None:
    for _ in range(2):
        with pytest.raises(urllib.error.HTTPError, match="503"):
            ask(server.url, "[[fail 503 first=2]] [[say: at last]]")

    assert ask(server.url, "[[fail 503 first=2]] [[say: at last]]") == "at last"
    with pytest.raises(urllib.error.HTTPError, match="503"):
        ask(server.url, "another task [[fail 503 first=2]]")


def test_each_request_is_recorded(server: ModelServer) -> None:
    ask(server.url, "[[say: one]]")
    ask(server.url, "[[say: two]]")

    assert [request.prompt for request in server.requests] == ["[[say: one]]", "[[say: two]]"]


def test_a_waiting_answer_does_not_keep_the_server_from_stopping() -> None:
    with ModelServer() as server:
        host, port = server.url.removeprefix("http://").split(":")
        connection = http.client.HTTPConnection(host, int(port))
        body = {
            "model": "m",
            "stream": True,
            "messages": [{"role": "user", "content": "[[silent 3600]]"}],
        }
        connection.request("POST", "/v1/messages", json.dumps(body))
        response = connection.getresponse()
        assert response.readline().startswith(b"event: message_start")

    assert b"message_stop" in response.read()


def test_started_as_a_program_it_prints_its_address_and_ends_with_its_input(tmp_path: Path) -> None:
    journal = tmp_path / "requests.jsonl"
    with subprocess.Popen(
        [sys.executable, "-m", "tests.model_server", "--while-stdin-is-open", "--record", str(journal)],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert ask(url, "[[say: hello]]") == "hello"
        process.stdin.close()
        assert process.wait() == 0

    assert json.loads(journal.read_text())["prompt"] == "[[say: hello]]"
