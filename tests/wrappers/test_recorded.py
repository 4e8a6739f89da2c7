"""What the parsers make of the recorded output of the real CLIs."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.wrappers.record import RECORDED
from tests.wrappers.replay import RECORDINGS, WRAPPERS, ending_of, replay
from wrappers.base import Activity, Asked, Ending, Finished, SessionStarted, Usage, Waits
from wrappers.command import presets
from wrappers.registry import BUILT_IN

ERROR_CLASSES = {
    ("claude", "ok"): None,
    ("claude", "write"): None,
    ("claude", "forbidden"): None,
    ("claude", "resumed"): None,
    ("claude", "resumed-in-vain"): "throttled",
    ("claude", "broken-off"): None,  # it asks again without streaming
    ("claude", "logged-out"): "auth",
    ("claude", "key-refused"): "auth",
    ("claude", "throttled"): "throttled",
    ("claude", "quota"): "throttled",  # with an API key there is no telling it from a limit of the moment
    ("claude", "subscription-limit"): "limit",
    ("claude", "subscription-throttled"): "throttled",
    ("claude", "credit"): "no_credit",
    ("claude", "server-error"): "overloaded",
    ("claude", "overloaded"): "overloaded",
    ("claude", "too-busy"): "overloaded",
    ("claude", "too-busy-by-default"): "overloaded",
    ("claude", "too-long"): "context_too_long",
    ("claude", "empty"): "empty_result",
    ("claude", "refused"): "invalid_request",
    ("claude", "told-to-wait"): "throttled",
    ("claude", "foreign-session"): "invalid_request",
    ("claude", "full-as-root"): "permission_denied",
    ("claude", "asks"): "question",
    ("claude", "asks-in-vain"): "question",
    ("codex", "ok"): None,
    ("codex", "write"): None,
    ("codex", "forbidden"): None,
    ("codex", "resumed"): None,
    ("codex", "broken-off"): "agent_error",
    ("codex", "logged-out"): "auth",
    ("codex", "key-refused"): "auth",
    ("codex", "throttled"): "throttled",
    ("codex", "quota"): "limit",
    ("codex", "credit"): "no_credit",
    ("codex", "server-error"): "overloaded",
    ("codex", "overloaded"): "overloaded",
    ("codex", "too-busy"): "overloaded",
    ("codex", "too-long"): "context_too_long",
    ("codex", "empty"): "empty_result",
    ("codex", "refused"): "invalid_request",
    ("codex", "told-to-wait"): "throttled",
    ("codex", "foreign-session"): "invalid_request",
    ("codex", "asks"): None,  # the model is told that nobody can be asked
    ("gemini", "ok"): None,
    ("gemini", "write"): None,
    ("gemini", "forbidden"): None,
    ("gemini", "resumed"): None,
    ("gemini", "broken-off"): "agent_error",
    ("gemini", "logged-out"): "auth",
    ("gemini", "key-refused"): "auth",
    ("gemini", "throttled"): "throttled",
    ("gemini", "quota"): "limit",
    ("gemini", "credit"): "auth",  # a 403, as for a key that may not do this
    ("gemini", "server-error"): "overloaded",
    ("gemini", "overloaded"): "overloaded",
    ("gemini", "too-busy"): "overloaded",
    ("gemini", "too-long"): "context_too_long",
    ("gemini", "empty"): "empty_result",
    ("gemini", "refused"): "invalid_request",
    ("gemini", "told-to-wait"): "throttled",
    ("gemini", "late-prompt"): "no_resources",
    ("gemini", "foreign-session"): "invalid_request",
    ("gemini", "in-a-loop"): "agent_error",
    ("gemini", "outside"): None,
    ("gemini", "asks"): None,  # the same; gemini does not even offer the tool
}

"""Of the tools that are built in. What presets make of theirs stands beside the recordings: see
test_recorded_presets.py."""

JSON = [cli for cli in WRAPPERS if cli in BUILT_IN or presets.preset(cli).output != "text"]
LINES = [cli for cli in WRAPPERS if cli in BUILT_IN or presets.preset(cli).output == "jsonl"]
SHOW_THEIR_END = [
    cli for cli in WRAPPERS if cli in BUILT_IN or any(rule.ends for rule in presets.preset(cli).events)
]
"""Tools whose output says that it has come to its end."""


def test_each_recording_has_a_known_class() -> None:
    found = {
        (path.parent.name, path.name): replay(path)[0].error_class
        for path in RECORDINGS
        if path.parent.name in BUILT_IN
    }

    assert found == ERROR_CLASSES


@pytest.mark.parametrize("recording", RECORDINGS, ids=str)
def test_a_success_has_an_answer_and_a_failure_has_a_message(recording: Path) -> None:
    outcome, events = replay(recording)

    if outcome.succeeded:
        assert outcome.final_text
        assert outcome.error_message is None
        assert Finished() in events or recording.parent.name not in SHOW_THEIR_END
    else:
        assert outcome.final_text == ""
        assert outcome.error_message is not None
        assert outcome.error_message.startswith(f"{recording.parent.name} ")


@pytest.mark.parametrize("cli", BUILT_IN)
def test_the_answer_session_and_tokens_are_read(cli: str) -> None:
    outcome, events = replay(f"{cli}/ok")

    assert outcome.final_text == "It is done — ça va 🎉"
    assert outcome.session_id is not None
    assert events[0] == SessionStarted(outcome.session_id)
    # claude counts apart what came from a cache; in its usage it is included, as it is by the others.
    assert outcome.usage == Usage(input=150 if cli == "claude" else 100, cached_input=50, output=6)


@pytest.mark.parametrize(
    ("recording", "denied"),
    [
        ("claude/forbidden", "runs ls; exit 3"),
        ("gemini/forbidden", "runs ls; exit 3"),
        ("gemini/outside", "edits /var/tmp/outside.md"),
    ],
)
def test_what_was_forbidden_is_listed_though_the_run_succeeded(recording: str, denied: str) -> None:
    outcome, _ = replay(recording)

    assert outcome.succeeded
    assert outcome.denials == (denied,)


@pytest.mark.parametrize("cli", ["claude", "codex"])
def test_a_cli_that_waits_in_its_slot_says_so_and_whether_it_has_worked(cli: str) -> None:
    told = (RECORDED / cli / "told-to-wait.out").read_bytes()
    worked = (RECORDED / cli / "write.out").read_bytes().splitlines(keepends=True)[:-1]
    parser = WRAPPERS[cli].parser()
    at_once = [event for event in parser.feed_stdout(told) if isinstance(event, Waits)]
    parser = WRAPPERS[cli].parser()
    later = [event for event in parser.feed_stdout(b"".join(worked) + told) if isinstance(event, Waits)]

    assert set(at_once) == {Waits(worked=False)}
    assert set(later) == {Waits(worked=True)}
    assert Waits(worked=False) not in replay(f"{cli}/server-error")[1]


@pytest.mark.parametrize("scene", ["asks", "asks-in-vain"])
def test_a_question_is_told_with_what_to_choose_from_and_never_answered(scene: str) -> None:
    outcome, _ = replay(f"claude/{scene}")

    assert outcome.question == "Which colour?\n- red: take red\n- blue: take blue"
    assert outcome.final_text == ""
    assert outcome.session_id is not None
    assert outcome.denials == ()
    assert outcome.usage is not None


def test_a_run_is_stopped_at_once_when_its_cli_goes_on_without_an_answer() -> None:
    lines = (RECORDED / "claude" / "asks-in-vain.out").read_bytes().splitlines(keepends=True)
    parser = WRAPPERS["claude"].parser()
    told = [line for line in lines if Asked() in parser.feed_stdout(line)]
    outcome = parser.finish(Ending(exit_code=143))

    assert len(told) == 1
    assert b"AbortError" in told[0]  # the result of the tool: the model has not gone on yet
    assert outcome.error_class == "question"
    assert Asked() not in replay("claude/asks")[1]  # claude ends by itself


@pytest.mark.parametrize("cli", ["claude", "codex"])
def test_a_session_that_is_not_known_is_called_so(cli: str) -> None:
    outcome, _ = replay(f"{cli}/foreign-session")

    assert outcome.error_message is not None
    assert outcome.error_message.startswith(f"{cli} no longer knows the session")


@pytest.mark.parametrize(
    ("cli", "activity"),
    [
        ("claude", "edits report.md"),
        ("codex", "runs printf %s 'all is well' > 'report.md'"),
        ("gemini", "edits report.md"),
    ],
)
def test_activities_say_what_the_agent_does(cli: str, activity: str) -> None:
    _, events = replay(f"{cli}/write")

    assert [event for event in events if isinstance(event, Activity)] == [Activity(activity)]


@pytest.mark.parametrize("cli", BUILT_IN)
def test_the_message_of_a_failed_login_says_how_to_log_in(cli: str) -> None:
    outcome, _ = replay(f"{cli}/logged-out")

    assert outcome.error_message is not None
    assert outcome.error_message.startswith(f"{cli} is not logged in")
    assert "_API_KEY" in outcome.error_message


@given(recording=st.sampled_from(RECORDINGS), data=st.data())
def test_it_does_not_matter_where_the_chunks_end(recording: Path, data: st.DataObject) -> None:
    length = (RECORDED / recording).with_suffix(".out").stat().st_size
    cuts = data.draw(st.lists(st.integers(0, length), max_size=60))

    assert replay(recording, cuts) == replay(recording)


@pytest.mark.parametrize("cli", WRAPPERS)
def test_one_byte_at_a_time_is_read_like_all_at_once(cli: str) -> None:
    length = (RECORDED / cli / "write.out").stat().st_size

    assert replay(f"{cli}/write", range(length)) == replay(f"{cli}/write")


@pytest.mark.parametrize("cli", SHOW_THEIR_END)
@given(share=st.floats(0, 0.999))
def test_output_that_was_cut_off_is_no_success(cli: str, share: float) -> None:
    output = up_to_its_end(cli, (RECORDED / cli / "ok.out").read_bytes())
    parser = WRAPPERS[cli].parser()
    parser.feed_stdout(output[: int(len(output) * share)])
    outcome = parser.finish(Ending(exit_code=0))

    assert outcome.error_class == "agent_error"
    assert outcome.error_message is not None
    assert "before it had a result" in outcome.error_message


def up_to_its_end(cli: str, output: bytes) -> bytes:
    """Return the output up to the line that says that the run has come to its end."""
    parser, seen = WRAPPERS[cli].parser(), b""
    for line in output.splitlines(keepends=True):
        seen += line
        if Finished() in parser.feed_stdout(line):
            break
    return seen.rstrip()


NOISE = st.one_of(
    st.binary(max_size=200),
    st.sampled_from(
        [
            b"null",
            b"[]",
            b"{}",
            b'"text"',
            b"12345",
            b"\x00\x00",
            b"\xff\xfe{",
            b'{"type":',
            b'{"type":"unheard_of","message":{}}',
            b'{"type":"result"',
            b'{"type":"assistant","message":null}',
            b'{"type":"system","subtype":7}',
            b'{"type":"item.completed","item":[]}',
            b'{"type":"message","role":"assistant","content":{}}',
            b"[" * 5000,
            b'{"a":' * 5000,
        ]
    ),
)


@pytest.mark.parametrize("cli", LINES)
@given(noise=st.lists(NOISE, max_size=8))
def test_noise_between_the_events_changes_nothing(cli: str, noise: list[bytes]) -> None:
    output = (RECORDED / cli / "write.out").read_bytes()
    lines = output.splitlines(keepends=True)
    parser = WRAPPERS[cli].parser()
    for number, line in enumerate(lines):
        for words in noise[number::3]:
            parser.feed_stdout(words.replace(b"\n", b" ") + b"\n")
        parser.feed_stdout(line)

    assert parser.finish(ending_of(f"{cli}/write")) == replay(f"{cli}/write")[0]


@settings(suppress_health_check=[HealthCheck.too_slow])
@pytest.mark.parametrize("cli", JSON)
@given(chunks=st.lists(NOISE | st.just(b"\n")), exit_code=st.none() | st.integers(-64, 255), tail=st.text())
def test_no_bytes_make_a_parser_raise_or_succeed(
    cli: str, chunks: list[bytes], exit_code: int | None, tail: str
) -> None:
    parser = WRAPPERS[cli].parser()
    for chunk in chunks:
        parser.feed_stdout(chunk)
    outcome = parser.finish(Ending(exit_code=exit_code, stderr_tail=tail))

    assert outcome.error_class is not None
    assert outcome.error_message is not None
    assert "\0" not in outcome.error_message


@pytest.mark.parametrize("cli", WRAPPERS)
def test_an_answer_of_megabytes_in_one_line_is_read(cli: str) -> None:
    answer = "word " * (1_000_000 if cli in JSON else 800_000)
    output = (RECORDED / cli / "ok.out").read_text()
    for written in ("It is done — ça va 🎉", json.dumps("It is done — ça va 🎉").strip('"')):
        output = output.replace(written, answer)
    if cli == "gemini":  # its answer comes in pieces
        before_the_first = '"role":"assistant","content":"'
        output = output.replace(before_the_first, before_the_first + answer, 1)
    parser = WRAPPERS[cli].parser()
    stream = output.encode()
    for start in range(0, len(stream), 65_536):
        parser.feed_stdout(stream[start : start + 65_536])

    assert answer.strip() in parser.finish(ending_of(f"{cli}/ok")).final_text
