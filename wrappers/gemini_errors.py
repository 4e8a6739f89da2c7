"""What `gemini` (0.61.0) says of a failed request, and which class of error that is."""

import re

import msgspec

from wrappers import failure
from wrappers.base import Ending
from wrappers.lines import decode

# Failed requests end the process with the HTTP status modulo 256.
STATUS_OF_EXIT = {status % 256: status for status in (400, *failure.CLASS_OF_STATUS)}

DAILY_QUOTA = re.compile(r"\[API Error: You have exhausted your daily quota on this model\.")
# So say accounts with a login. Of a limit by the minute they say the same, and wait for it; what lasts longer than this
# they do not call retryable (its MAX_RETRYABLE_DELAY_SECONDS).
EXHAUSTED = re.compile(
    r"^(?:\[API Error|Attempt \d+ failed): You have exhausted your capacity on this model\. "
    r"Your quota will reset after (?:(\d{1,4})h)?(?:(\d{1,4})m)?(?:(\d{1,4})s)?\."
)
SHORTEST_LIMIT = 300
API_ERROR = re.compile(r"\[API Error: (\{.*\})\]", re.DOTALL)
PROMPT_TOO_LONG = re.compile(r"The input token count \(?\d+\)? exceeds the maximum number of tokens allowed")
EMPTY = "The model returned an empty response with no text or thoughts."
BLOCKED = "The model response was blocked due to safety settings."
# Of a 404 there is no word on stdout, and the exit code is 1.
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
    """The class of an error: by what the service answered, if gemini passes it on, else by the exit code."""
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
    """How many seconds the usage limit lasts that gemini tells of; None if it does not, or of none."""
    told = EXHAUSTED.search(said)
    if told is None:
        return None
    hours, minutes, seconds = (int(part or 0) for part in told.groups())
    lasts = hours * 3600 + minutes * 60 + seconds
    return lasts if lasts > SHORTEST_LIMIT else None
