"""What the parsers make of the recorded output of the real CLIs."""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.wrappers.record import RECORDED
from wrappers.base import Activity, Ending, Event, Finished, Outcome, SessionStarted, Usage, Waits
from wrappers.registry import built_in

WRAPPERS = built_in()
RECORDINGS = sorted(path.relative_to(RECORDED).with_suffix("") for path in RECORDED.glob("*/*.out"))


def replay(
    recording: str | Path, cuts: Iterable[int] = (), extra: bytes = b""
) -> tuple[Outcome, list[Event]]:
    """Feed a recording, cut at these places, to the parser of its CLI."""
    path = RECORDED / recording
    output = path.with_suffix(".out").read_bytes() + extra
    ending = msgspec.json.decode(path.with_suffix(".ending.json").read_bytes(), type=Ending)
    parser = WRAPPERS[path.parent.name].parser()
    places = [0, *sorted(cuts), len(output)]
    events = [event for start, end in pairwise(places) for event in parser.feed_stdout(output[start:end])]
    return parser.finish(ending), events


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
    ("claude", "too-long"): "context_too_long",
    ("claude", "empty"): "empty_result",
    ("claude", "refused"): "invalid_request",
    ("claude", "told-to-wait"): "throttled",
    ("claude", "foreign-session"): "invalid_request",
    ("claude", "full-as-root"): "permission_denied",
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
    ("codex", "too-long"): "context_too_long",
    ("codex", "empty"): "empty_result",
    ("codex", "refused"): "invalid_request",
    ("codex", "told-to-wait"): "throttled",
    ("codex", "foreign-session"): "invalid_request",
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
    ("gemini", "too-long"): "context_too_long",
    ("gemini", "empty"): "empty_result",
    ("gemini", "refused"): "invalid_request",
    ("gemini", "told-to-wait"): "throttled",
    ("gemini", "late-prompt"): "no_resources",
    ("gemini", "foreign-session"): "invalid_request",
    ("gemini", "in-a-loop"): "agent_error",
    ("gemini", "outside"): None,
}


def test_each_recording_has_a_known_class() -> None:
    found = {(path.parent.name, path.name): replay(path)[0].error_class for path in RECORDINGS}

    assert found == ERROR_CLASSES


@pytest.mark.parametrize("recording", RECORDINGS, ids=str)
def test_a_success_has_an_answer_and_a_failure_has_a_message(recording: Path) -> None:
    outcome, events = replay(recording)

    if outcome.succeeded:
        assert outcome.final_text
        assert outcome.error_message is None
        assert Finished() in events
    else:
        assert outcome.final_text == ""
        assert outcome.error_message is not None
        assert outcome.error_message.startswith(f"{recording.parent.name} ")


@pytest.mark.parametrize("cli", WRAPPERS)
def test_the_answer_session_and_tokens_are_read(cli: str) -> None:
    outcome, events = replay(f"{cli}/ok")

    assert outcome.final_text == "It is done — ça va 🎉"
    assert outcome.session_id is not None
    assert events[0] == SessionStarted(outcome.session_id)
    # claude counts apart what came from a cache; in its usage it is included, as it is by the others.
    assert outcome.usage == Usage(input=150 if cli == "claude" else 100, cached_input=50, output=6)


def test_claude_tells_the_cost_of_the_run_and_not_of_the_session() -> None:
    first, _ = replay("claude/ok")
    resumed, _ = replay("claude/resumed")
    in_vain, _ = replay("claude/resumed-in-vain")

    assert first.cost_usd == pytest.approx(0.000405)
    assert resumed.cost_usd == pytest.approx(0.00036)  # its own total is 0.000705
    assert in_vain.cost_usd == 0  # its own total is 0.000345, which the run before cost
    assert in_vain.usage == Usage()


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


@pytest.mark.parametrize("cli", ["claude", "codex"])
def test_a_session_that_is_not_known_is_called_so(cli: str) -> None:
    outcome, _ = replay(f"{cli}/foreign-session")

    assert outcome.error_message is not None
    assert outcome.error_message.startswith(f"{cli} no longer knows the session")


def test_gemini_says_on_stderr_that_it_waits_and_for_which_limit() -> None:
    limit = b"You have exhausted your capacity on this model. Your quota will reset after 3h12m5s."
    told = b"Attempt 1 failed: " + limit + b". Retrying after 11525600ms...\n"
    parser = WRAPPERS["gemini"].parser()
    assert [*parser.feed_stderr(told[:60]), *parser.feed_stderr(told[60:])] == [Waits(worked=False)]
    waited = parser.finish(Ending(exit_code=0))
    assert (waited.error_class, waited.limit_lasts_s) == ("limit", 11525)
    assert waited.error_message is not None
    assert waited.error_message.endswith(f"(gemini said: {limit.decode()})")

    parser = WRAPPERS["gemini"].parser()
    parser.feed_stdout(b'{"type":"message","role":"assistant","content":"I am going to look."}\n')
    assert parser.feed_stderr(told) == [Waits(worked=True)]
    assert parser.feed_stderr(b"Attempt 2 failed: fetch failed. Retrying after 5000ms...\n") == []
    assert parser.finish(Ending(exit_code=1)).error_class == "agent_error"

    parser = WRAPPERS["gemini"].parser()
    parser.feed_stderr(told)
    parser.feed_stdout(b'{"type":"message","role":"assistant","content":"I am back."}\n')
    assert parser.finish(Ending(exit_code=1)).error_class == "agent_error"


def test_gemini_that_hears_its_prompt_too_late_blames_the_host() -> None:
    late, _ = replay("gemini/late-prompt")
    foreign, _ = replay("gemini/foreign-session")

    assert late.error_message is not None
    assert late.error_message.startswith(
        "gemini waited half a second for its prompt and gave up, because this host is too busy"
    )
    assert foreign.error_message is not None
    assert foreign.error_message.startswith("gemini refused its input")


def test_an_answer_that_gemini_cut_off_in_a_loop_is_no_success() -> None:
    outcome, _ = replay("gemini/in-a-loop")

    assert outcome.final_text == ""
    assert outcome.error_message == "gemini stopped the model, which repeated itself"


UNUSUAL = [
    ("invalid_request", "provider_credentials", "auth"),
    ("invalid_request", "gateway_signin_required", "auth"),
    ("authentication_failed", "gateway_session_expired", "auth"),
    ("invalid_request", "message_over_context_limit", "context_too_long"),
    ("rate_limit", "model_requires_usage_credits", "invalid_request"),
    ("rate_limit", "usage_limit_reached", "limit"),
    ("rate_limit", "a kind of a later version", "throttled"),
    ("account_on_hold", None, "auth"),
    ("verification_required", None, "auth"),
    ("a class of a later version", None, "agent_error"),
]
"""What no server of ours makes claude say, in the words of its own description: error, api_error, and their class."""


@pytest.mark.parametrize(("error", "kind", "error_class"), UNUSUAL)
def test_the_kind_of_an_error_of_claude_decides(error: str, kind: str | None, error_class: str) -> None:
    outcome = said(
        "claude",
        {"type": "assistant", "message": {"content": []}, "error": error},
        {"type": "result", "is_error": True, "subtype": "success", "result": "why", "api_error": kind},
    )

    assert (outcome.error_class, outcome.limit_resets_at) == (error_class, None)


def said(cli: str, *lines: Mapping[str, object]) -> Outcome:
    parser = WRAPPERS[cli].parser()
    parser.feed_stdout(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    return parser.finish(Ending(exit_code=0))


def test_a_prompt_that_gemini_did_not_even_send_is_too_long_and_not_without_an_answer() -> None:
    nothing = {"type": "result", "status": "success", "stats": {"total_tokens": 0}}
    spent = {"type": "result", "status": "success", "stats": {"total_tokens": 7}}

    def prompt(length: int) -> dict[str, object]:
        return {"type": "message", "role": "user", "content": "x" * length}

    assert said("gemini", prompt(5_000_000), nothing).error_class == "context_too_long"
    assert said("gemini", prompt(1_000), nothing).error_class == "empty_result"
    assert said("gemini", prompt(5_000_000), spent).error_class == "empty_result"


def test_what_gemini_said_before_its_last_tool_is_no_answer() -> None:
    outcome = said(
        "gemini",
        {"type": "message", "role": "assistant", "content": "I am going to look."},
        {"type": "tool_use", "tool_name": "read_file", "tool_id": "1", "parameters": {}},
        {"type": "result", "status": "success", "stats": {"total_tokens": 7}},
    )

    assert (outcome.error_class, outcome.final_text) == ("empty_result", "")


def test_the_limit_of_a_subscription_says_when_it_ends() -> None:
    outcome, _ = replay("claude/subscription-limit")

    assert outcome.limit_resets_at is not None
    assert outcome.limit_resets_at > 1_700_000_000


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


@pytest.mark.parametrize("cli", WRAPPERS)
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


@pytest.mark.parametrize("cli", WRAPPERS)
@given(share=st.floats(0, 0.999))
def test_output_that_was_cut_off_is_no_success(cli: str, share: float) -> None:
    output = (RECORDED / cli / "ok.out").read_bytes().rstrip()
    parser = WRAPPERS[cli].parser()
    parser.feed_stdout(output[: int(len(output) * share)])
    outcome = parser.finish(Ending(exit_code=0))

    assert outcome.error_class == "agent_error"
    assert outcome.error_message is not None
    assert "before it had a result" in outcome.error_message


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


@pytest.mark.parametrize("cli", WRAPPERS)
@given(noise=st.lists(NOISE, max_size=8))
def test_noise_between_the_events_changes_nothing(cli: str, noise: list[bytes]) -> None:
    output = (RECORDED / cli / "write.out").read_bytes()
    lines = output.splitlines(keepends=True)
    parser = WRAPPERS[cli].parser()
    for number, line in enumerate(lines):
        for words in noise[number::3]:
            parser.feed_stdout(words.replace(b"\n", b" ") + b"\n")
        parser.feed_stdout(line)

    assert parser.finish(Ending(exit_code=0)) == replay(f"{cli}/write")[0]


@settings(suppress_health_check=[HealthCheck.too_slow])
@pytest.mark.parametrize("cli", WRAPPERS)
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
    answer = "word " * 1_000_000
    output = (RECORDED / cli / "ok.out").read_text().replace("It is done — ça va 🎉", answer)
    if cli == "gemini":  # its answer comes in pieces
        before_the_first = '"role":"assistant","content":"'
        output = output.replace(before_the_first, before_the_first + answer, 1)
    parser = WRAPPERS[cli].parser()
    stream = output.encode()
    for start in range(0, len(stream), 65_536):
        parser.feed_stdout(stream[start : start + 65_536])

    assert answer in parser.finish(Ending(exit_code=0)).final_text


@pytest.mark.parametrize("escape", ["\\ud83d", "\\udc00", "\\u0000"])
def test_an_answer_that_no_database_would_take_is_made_storable(escape: str) -> None:
    output = (RECORDED / "codex" / "ok.out").read_text().replace("ça va", f"ça{escape} va")
    parser = WRAPPERS["codex"].parser()
    parser.feed_stdout(output.encode())
    text = parser.finish(Ending(exit_code=0)).final_text

    assert text.startswith("It is done — ça")
    assert text.endswith("va 🎉")
    assert "\0" not in text
    text.encode()
