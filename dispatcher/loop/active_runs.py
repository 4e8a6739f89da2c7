"""The runs in this dispatcher's hands."""

from collections.abc import Iterator, Sequence

import trio

from dispatcher.run.life import Run
from dispatcher.workspaces.run_record import StopReason


class ActiveRuns:
    """All runs from their claim or adoption until the database knows their end.

    ``adopted`` is set once those that our predecessor left are among them: from then on nobody else uses a workspace.
    ``draining`` says that no new agent may be started.
    """

    def __init__(self) -> None:
        self.adopted = trio.Event()
        self.draining = False
        self._stopping: StopReason | None = None
        self._runs: dict[str, Run] = {}

    def __iter__(self) -> Iterator[Run]:
        return iter(list(self._runs.values()))

    def __len__(self) -> int:
        return len(self._runs)

    def __contains__(self, run_id: str) -> bool:
        return run_id in self._runs

    def add(self, run: Run) -> None:
        self._runs[run.claimed.run_id] = run
        if self._stopping is not None:
            run.stop(self._stopping)

    def pop(self, run_id: str) -> Run | None:
        return self._runs.pop(run_id, None)

    def numbers(self) -> list[int]:
        """Return the numbers of their tasks, in order."""
        return sorted(run.claimed.number for run in self)

    def stop_all(self, reason: StopReason) -> None:
        """Stop these runs, and each one that is added later."""
        self._stopping = reason
        for run in self:
            run.stop(reason)

    def stop_canceled(self, run_ids: Sequence[str]) -> None:
        for run_id in run_ids:
            if run_id in self._runs:
                self._runs[run_id].stop("canceled")
