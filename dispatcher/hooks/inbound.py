"""Requests of forges: whether they are signed, and the task that one of them becomes.

What a request holds is the text of strangers. It is put into the prompt, the name and the labels of a task as a whole,
and is never read as a template, an option or a path.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping

import msgspec
from standardwebhooks import Webhook

from dispatcher.configuration.sections.hooks import InboundHookSettings

MOST_TEXT = 64 * 2**10
"""Characters of one value in a prompt."""
MOST_LINE = 200
"""Characters of one value in a name or a label."""
CUT = " [cut]"

_PLACE = re.compile(r"\{\{\s*([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)\s*\}\}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_ID = re.compile(r"[!-~]{1,200}")
_IDS = {"github": "x-github-delivery", "gitlab": "x-gitlab-event-uuid", "standard": "webhook-id"}
_EVENTS = {"github": "x-github-event", "gitlab": "x-gitlab-event", "standard": ""}


class BadRequestError(Exception):
    """A request that is signed, but of which no task can be made. The message is for whoever configures it."""


def is_signed(kind: str, secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Return whether whoever sent ``body`` knows the secret. Names of ``headers`` are in small letters.

    GitHub signs the body (docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries); GitLab sends the
    secret; Standard Webhooks sign the body with id and time, which must be of the last 5 minutes.
    """
    if not secret:
        return False
    if kind == "github":
        expected = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        return hmac.compare_digest(expected.encode(), headers.get("x-hub-signature-256", "").encode())
    if kind == "gitlab":
        return hmac.compare_digest(secret.encode(), headers.get("x-gitlab-token", "").encode())
    try:
        Webhook(secret).verify(body, dict(headers), json_parse=False)
    except Exception:  # noqa: BLE001 - what it raises for a header that makes no sense is not told
        return False
    return True


def task_of(
    name: str, hook: InboundHookSettings, headers: Mapping[str, str], body: bytes
) -> dict[str, object] | None:
    """Return the task for submit_tasks(), or None when the hook is not about such a request.

    Raises :class:`BadRequestError`.
    """
    if hook.events and headers.get(_EVENTS[hook.kind]) not in hook.events:
        return None
    delivery = headers.get(_IDS[hook.kind], "")
    if not _ID.fullmatch(delivery):
        raise BadRequestError(f"the header {_IDS[hook.kind]} must hold the id of the delivery")
    try:
        told = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise BadRequestError("the body is not JSON") from error
    for path, expected in hook.when.items():
        if _text(_at(told, path)) != expected:
            return None
    task = {
        "permission": "read",
        "tenant_id": "default",
        **hook.task,
        "idempotency_key": f"hook:{name}:{delivery}",
    }
    task["prompt"] = _filled(str(hook.task["prompt"]), told, MOST_TEXT)
    if isinstance(given := hook.task.get("name"), str):
        task["name"] = _one_line(_filled(given, told, MOST_LINE))
    if isinstance(labels := hook.task.get("labels"), dict):
        task["labels"] = {
            key: _one_line(_filled(value, told, MOST_LINE)) if isinstance(value, str) else value
            for key, value in labels.items()
        }
    return task


def _filled(template: str, told: object, most: int) -> str:
    """Return the template with its places filled. A value is not looked at again, and opens no place of ours later."""

    def value(place: re.Match[str]) -> str:
        text = _text(_at(told, place[1])).replace("\0", "").replace("{{", "{ {")
        return text if len(text) <= most else text[:most] + CUT

    return _PLACE.sub(value, template)


def _at(told: object, path: str) -> object:
    """Return what stands at ``a.b.0``; None if nothing does."""
    for key in path.split("."):
        if isinstance(told, dict):
            told = told.get(key)
        elif isinstance(told, list) and key.isdecimal() and len(key) < 6 and int(key) < len(told):
            told = told[int(key)]
        else:
            return None
    return told


def _text(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _one_line(text: str) -> str:
    return _CONTROL.sub(" ", text)[: 2 * MOST_LINE]
