"""What `llmctl logs` makes of a log: text for standard output, and remarks for people."""

from collections.abc import Iterator

from cli.database.log_reading import CaughtUp, Missing, News, RunBegins, RunEnded
from cli.show.line_prefix import LinePrefix, prefix_of
from cli.show.tail import Tail
from cli.show.words import state_word
from dispatcher.log_views import Raw, View, remarks, view_of
from sql.rows.output import LogState


class LogText:
    """Makes text of the news of one log. With ``tail``, what is there at first is cut to so many lines."""

    def __init__(self, stream: str, *, raw: bool = False, tail: int | None = None) -> None:
        self.state: LogState | None = None
        """The last state of the task that came."""

        self._stream = stream
        self._raw = raw
        self._tail = None if tail is None else Tail(tail)
        self._view: View = Raw()
        self._has_ended_runs = False
        self._is_waiting = False

    def parts(self, news: News) -> Iterator[bytes | str]:
        """Yield bytes for standard output and, as text, remarks."""
        match news:
            case RunBegins(state):
                self._view = view_of(state.tool, self._stream, raw=self._raw)
                if self._has_ended_runs:
                    yield f"run {state.run_no}:"
            case bytes():
                yield from self._cut(self._view.feed(news))
            case CaughtUp(state):
                yield from self._rest_of_tail()
                if state.run_no is None and not self._is_waiting:
                    self._is_waiting = True
                    yield f"task {state.number} is {state_word(state.task_status)} and has not started yet"
            case RunEnded(state):
                self._has_ended_runs = True
                yield from self._cut(self._view.end())
                yield from self._rest_of_tail()
                option = "without --stderr" if self._stream == "stderr" else "with --stderr"
                yield from remarks(state, self._stream, shown_by=option)
        if isinstance(news, RunBegins | CaughtUp | RunEnded):
            self.state = news.state

    def _cut(self, shown: bytes) -> Iterator[bytes]:
        if self._tail is not None:
            self._tail.feed(shown)
        else:
            yield shown

    def _rest_of_tail(self) -> Iterator[bytes]:
        if self._tail is not None:
            yield from self._tail.lines()
            self._tail = None


class PrefixedText:
    """The text of one log of several: each line and each remark begins with the number of the task.

    With ``follow``, a line that has no end yet is kept back until it has one.
    """

    def __init__(self, text: LogText, number: str, *, follow: bool) -> None:
        self._text = text
        self._number = number
        self._follow = follow
        self._prefix = LinePrefix(prefix_of(number))

    def parts(self, news: News) -> Iterator[bytes | str]:
        """Yield what :meth:`LogText.parts` does; of bytes whole lines only."""
        for part in self._text.parts(news):
            if isinstance(part, bytes):
                yield self._prefix.feed(part)
            else:
                yield self._prefix.end()
                yield f"[{self._number}] {part}"
        if isinstance(news, RunEnded | Missing) or (isinstance(news, CaughtUp) and not self._follow):
            yield self._prefix.end()
