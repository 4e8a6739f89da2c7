"""The file of a session, which says more about a failure than stdout does (measured with 0.169.0)."""

import msgspec

from wrappers.lines import decode


class HttpStatus(msgspec.Struct):
    http_status_code: int | None = None


class ErrorInfo(msgspec.Struct):
    """What went wrong, where codex names the HTTP status that it got."""

    http_connection_failed: HttpStatus | None = None
    response_stream_connection_failed: HttpStatus | None = None
    response_stream_disconnected: HttpStatus | None = None
    response_too_many_failed_attempts: HttpStatus | None = None

    @property
    def status(self) -> int | None:
        told = (
            self.http_connection_failed,
            self.response_stream_connection_failed,
            self.response_stream_disconnected,
            self.response_too_many_failed_attempts,
        )
        return next((one.http_status_code for one in told if one is not None), None)


class TurnError(msgspec.Struct):
    message: str = ""
    codex_error_info: str | ErrorInfo | None = None


class Window(msgspec.Struct):
    used_percent: float = 0.0
    resets_at: float | None = None


class RateLimits(msgspec.Struct):
    primary: Window | None = None
    secondary: Window | None = None


class Payload(msgspec.Struct):
    type: str = ""
    error: TurnError | None = None
    rate_limits: RateLimits | None = None


class RolloutEvent(msgspec.Struct, tag_field="type", tag="event_msg"):
    """A line of a session's file, CODEX_HOME/sessions/YYYY/MM/DD/rollout-TIME-THREAD.jsonl (0.169.0)."""

    payload: Payload


ROLLOUT_EVENT = msgspec.json.Decoder(RolloutEvent)


def told_by(rollout: bytes, sentence: str) -> tuple[str | ErrorInfo | None, float | None]:
    """Find why the turn failed that ended with this sentence, and when its limit ends, in the end of a session's file.

    The file of a resumed session also holds the failures of earlier turns. Of several exhausted windows, the one
    that is reset last counts.
    """
    info: str | ErrorInfo | None = None
    resets_at: float | None = None
    for line in rollout.splitlines():
        event = decode(line, ROLLOUT_EVENT)
        if event is None:
            continue
        limits, error = event.payload.rate_limits, event.payload.error
        if limits is not None:
            used_up = [w for w in (limits.primary, limits.secondary) if w and w.used_percent >= 100]
            resets_at = max((w.resets_at for w in used_up if w.resets_at is not None), default=None)
        if error is not None and error.message == sentence:
            info = error.codex_error_info
    return info, resets_at
