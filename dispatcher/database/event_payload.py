"""What the notifications `task_event` and `run_output` say."""

import msgspec
from psycopg import Notify


class EventPayload(msgspec.Struct):
    """``numbers`` are those of tasks; with None it may be about any task."""

    status: str = ""
    numbers: list[int] | None = None


def payload_of(event: Notify) -> EventPayload:
    """Read a notification. One that is not ours says nothing: everybody can notify."""
    try:
        return msgspec.json.decode(event.payload, type=EventPayload)
    except msgspec.MsgspecError:
        return EventPayload()
