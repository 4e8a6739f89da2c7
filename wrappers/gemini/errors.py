"""What `gemini` (0.61.0) says of a failure, the error classes of that, and the messages for people."""

import re
from collections.abc import Mapping

import msgspec

from wrappers import failure
from wrappers.base import Ending
from wrappers.gemini.output import ToolError
from wrappers.lines import decode
from wrappers.text import last_words

NOT_LOGGED_IN = (
    "is not logged in, or its key is refused: run `gemini` with the config home of this account "
    "and sign in, or give the group a valid GEMINI_API_KEY"
)
FAILURES = failure.Failures("gemini", {"auth": NOT_LOGGED_IN})

# The exit codes of its own failures.
EXITS: Mapping[int, tuple[str, str]] = {
    41: ("auth", NOT_LOGGED_IN),
    42: ("invalid_request", "refused its input, as it does with a session of another directory"),
    44: ("agent_error", "wants a sandbox of its own, which needs docker or podman"),
    53: ("agent_error", "reached the limit of turns in its settings (model.maxSessionTurns)"),
    55: ("invalid_request", "does not trust the work directory"),
}
# gemini waits half a second for its input, and then says this, as it does of an empty prompt. No task has an empty
# prompt, and the prompt file is there, so this host was too busy to read it in time.
NO_INPUT = "No input provided via stdin."
TOO_BUSY = "waited half a second for its prompt and gave up, because this host is too busy"

# The reasons that gemini gives when the profile withholds a tool, or when a path is not allowed.
DENIALS = ("tool_not_registered", "policy_violation", "path_not_in_workspace")
WITHHELD = ("write_file", "replace", "run_shell_command", "web_fetch")
NOT_IN_WORKSPACE = "Path not in workspace:"

# After a failed request the exit code is the HTTP status modulo 256.
STATUS_OF_EXIT = {status % 256: status for status in (400, *failure.CLASS_OF_STATUS)}

DAILY_QUOTA = re.compile(r"\[API Error: You have exhausted your daily quota on this model\.")
# gemini says this with a login. It also says so of a limit by the minute, and waits for its end. It does not wait for
# a limit that lasts longer than SHORTEST_LIMIT seconds (its MAX_RETRYABLE_DELAY_SECONDS).
EXHAUSTED = re.compile(
    r"^(?:\[API Error|Attempt \d+ failed): You have exhausted your capacity on this model\. "
    r"Your quota will reset after (?:(\d{1,4})h)?(?:(\d{1,4})m)?(?:(\d{1,4})s)?\."
)
SHORTEST_LIMIT = 300
API_ERROR = re.compile(r"\[API Error: (\{.*\})\]", re.DOTALL)
PROMPT_TOO_LONG = re.compile(r"The input token count \(?\d+\)? exceeds the maximum number of tokens allowed")
EMPTY = "The model returned an empty response with no text or thoughts."
BLOCKED = "The model response was blocked due to safety settings."
# stdout does not mention a 404, and the exit code is 1.
NO_SUCH_MODEL = re.compile(r"^Error when talking to Gemini API .* ModelNotFoundError: ", re.MULTILINE)


class Detail(msgspec.Struct):
    reason: str = ""


class ApiError(msgspec.Struct):
    code: int = 0
    message: str = ""
    details: list[Detail] = []


class ApiErrorBody(msgspec.Struct):
    error: ApiError


API_ERROR_BODY = msgspec.json.Decoder(ApiErrorBody)


def class_of(said: str, ending: Ending) -> str:
    """Return the class of an error: by the service's response if gemini passes it on, else by the exit code."""
    if DAILY_QUOTA.match(said) or limit_in(said) is not None:
        return "limit"
    if said.startswith(EMPTY):
        return "empty_result"
    if said == BLOCKED or NO_SUCH_MODEL.search(ending.stderr_tail):
        return "invalid_request"
    passed_on = API_ERROR.match(said)
    body = decode(passed_on[1].encode(), API_ERROR_BODY) if passed_on else None
    if body is not None:
        if PROMPT_TOO_LONG.match(body.error.message):
            return "context_too_long"
        if any(detail.reason == "API_KEY_INVALID" for detail in body.error.details):
            return "auth"
    status = body.error.code if body is not None else STATUS_OF_EXIT.get(ending.exit_code or 0, 0)
    return failure.CLASS_OF_STATUS.get(status, "agent_error")


def limit_in(said: str) -> float | None:
    """Return how many seconds a usage limit lasts; None if the text does not mention a limit with a duration."""
    told = EXHAUSTED.search(said)
    if told is None:
        return None
    hours, minutes, seconds = (int(part or 0) for part in told.groups())
    lasts = hours * 3600 + minutes * 60 + seconds
    return lasts if lasts > SHORTEST_LIMIT else None


def of_exit(ending: Ending) -> tuple[str, str]:
    """Return the class and the message of a run that ended without a result line."""
    error_class, predicate = EXITS.get(ending.exit_code or 0, ("agent_error", None))
    if ending.exit_code == 42 and NO_INPUT in ending.stderr_tail:
        error_class, predicate = "no_resources", TOO_BUSY
    if predicate is None:
        return error_class, FAILURES.no_final_event(ending)
    return error_class, FAILURES.message(error_class, last_words(ending.stderr_tail), predicate)


def is_denial(tool: str, error: ToolError) -> bool:
    """Whether the agent was not allowed to use the tool; any other error is its own mistake."""
    if error.message.startswith(NOT_IN_WORKSPACE):
        return True
    return error.type in DENIALS and (error.type != "tool_not_registered" or tool in WITHHELD)
