"""Applies the rules of a tool to what it prints, line by line, and keeps what they come to."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from wrappers.activity import LONGEST as LONGEST_ACTIVITY
from wrappers.base import Activity, Event, Finished, Said, SessionStarted, Stuck, Usage, Waits
from wrappers.command.paths import fill_in, is_there, look_up, number_at, text_at
from wrappers.command.settings import Counts, EventRule, Scalar
from wrappers.command.times import seconds_since_epoch
from wrappers.text import ANSI_SEQUENCE, one_line

MOST_DENIALS = 100
MOST_TOKENS = 2**60
LONGEST_LINE = 4_000
"""Characters of a line in which patterns are searched: some patterns take the square of that."""
LONGEST_SAID = 20_000
"""Characters that are kept of what was said about an error."""
SESSION = re.compile("[^\\s\\x1b\ufffd{\\[-][^\\s\\x1b\ufffd]{0,199}")
"""What can be the id of a session. It becomes an argument, which must not be taken for an option."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What the output said of an error."""

    said: str = ""
    status: int | None = None
    error_class: str | None = None
    resets_in: float | None = None
    resets_at: float | None = None


@dataclass(slots=True)
class Story:
    """What a run has come to so far."""

    answer: str = ""
    failure: Failure | None = None
    waited_for: Failure | None = None
    ended: bool = False
    turns: int = 0
    rounds: int = 0
    session: str | None = None
    worked: bool = False
    last_words: str = ""
    denials: list[str] = field(default_factory=list)
    counts: dict[str, float] = field(default_factory=dict)

    @property
    def usage(self) -> Usage | None:
        if not self.counts.keys() - {"cost_usd"}:
            return None
        spent, cached, written = (
            int(min(self.counts.get(name, 0), MOST_TOKENS))
            for name in ("input_tokens", "cached_input_tokens", "output_tokens")
        )
        return Usage(input=max(spent, cached), cached_input=cached, output=written)

    @property
    def cost_usd(self) -> float | None:
        return self.counts.get("cost_usd")


def apply(rules: Sequence[EventRule], document: object, story: Story) -> Iterator[Event]:
    """Apply all rules that fit a JSON value, or the values of the list in it that a rule names."""
    before = story.failure
    for rule in rules:
        for value in [document] if rule.each is None else look_up(document, f"{rule.each}.*"):
            if fits(rule.when, value):
                yield from _apply(rule, value, story, before)


def fits(conditions: Mapping[str, Scalar | Sequence[Scalar] | None], document: object) -> bool:
    """Whether a JSON value meets all conditions of `when`."""
    for path, wanted in conditions.items():
        values = list(look_up(document, path))
        if wanted is None:
            if any(is_there(value) for value in values):
                return False
        elif wanted == "*":
            if not any(is_there(value) for value in values):
                return False
        elif not any(_is(value, one) for value in values for one in _alternatives(wanted)):
            return False
    return True


def apply_to_line(
    patterns: Sequence[tuple[re.Pattern[str], EventRule]], line: str, story: Story
) -> list[Event] | None:
    """Apply all rules whose pattern is in a line of :func:`plain` text; None if none is."""
    found = [(match, rule) for pattern, rule in patterns if (match := pattern.search(line))]
    if not found:
        return None
    before = story.failure
    return [
        event for match, rule in found for event in _apply(rule, match.groupdict(default=""), story, before)
    ]


def plain(line: bytes) -> str:
    """Return what patterns are searched in: the beginning of a line, without sequences for terminals."""
    text = (
        line[: 4 * LONGEST_LINE].decode(errors="replace")[:LONGEST_LINE].replace("\0", "\ufffd").rstrip("\r")
    )
    return ANSI_SEQUENCE.sub("", text) if "\x1b" in text else text


def _apply(rule: EventRule, document: object, story: Story, before: Failure | None) -> Iterator[Event]:
    """Apply a rule. ``before`` is the failure before this line, which an end overcomes unless its class is known."""
    if rule.begins:
        story.answer, story.failure, story.waited_for, story.ended = "", None, None, False
        story.turns += 1
    if rule.session is not None:
        yield from _begin_session(text_at(document, rule.session), story)
    if (activity := _first(rule.activity, document)) is not None:
        story.worked = True
        yield Activity(activity)
    if (said := text_at(document, rule.say)) is not None:
        story.worked = True
        yield Said(f"{said}\n")
    if (answer := text_at(document, rule.answer)) is not None:
        story.worked = True
        story.answer = answer
    _count(rule.add, document, story, to_sum=True)
    _count(rule.set, document, story, to_sum=False)
    if (failure := _failure(rule, document)) is not None:
        if rule.waits:
            story.waited_for = failure
        else:
            story.failure = failure
    elif rule.ends and story.failure is before and (before is None or before.error_class is None):
        story.failure = None
    if (denied := _first(rule.denied, document)) is not None and len(story.denials) < MOST_DENIALS:
        story.denials.append(denied)
    if rule.waits:
        yield Waits(story.worked)
    if rule.stuck is not None:
        story.rounds += 1
        if story.rounds >= rule.stuck:
            yield Stuck()
    if rule.ends:
        story.ended = True
        yield Finished()


def _begin_session(session: str | None, story: Story) -> Iterator[Event]:
    if session is not None and session != story.session and SESSION.fullmatch(session):
        story.session = session
        yield SessionStarted(session)


def _first(templates: str | Sequence[str] | None, document: object) -> str | None:
    for template in [templates] if isinstance(templates, str) else templates or ():
        if (filled := fill_in(template, document)) is not None:
            return one_line(filled, LONGEST_ACTIVITY)
    return None


def _count(counts: Counts | None, document: object, story: Story, *, to_sum: bool) -> None:
    if counts is None:
        return
    for name in ("input_tokens", "cached_input_tokens", "output_tokens", "cost_usd"):
        number = number_at(document, getattr(counts, name))
        if number is not None:
            story.counts[name] = number + (story.counts.get(name, 0) if to_sum else 0)


def _failure(rule: EventRule, document: object) -> Failure | None:
    said = text_at(document, rule.error)
    if said is None and (rule.error is not None or rule.error_class is None):
        return None
    status = number_at(document, rule.status)
    return Failure(
        said=(said or "")[:LONGEST_SAID],
        status=None if status is None else int(min(status, 999)),
        error_class=rule.error_class,
        resets_in=number_at(document, rule.resets_in),
        resets_at=seconds_since_epoch(text_at(document, rule.resets_at)),
    )


def _alternatives(wanted: Scalar | Sequence[Scalar]) -> Sequence[Scalar]:
    return wanted if isinstance(wanted, tuple) else [wanted]  # type: ignore[list-item]


def _is(value: object, wanted: Scalar) -> bool:
    return value == wanted and isinstance(value, bool) == isinstance(wanted, bool)
