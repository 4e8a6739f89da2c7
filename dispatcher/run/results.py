"""Storing what a run made: its output files, and an answer that is too large for a report."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import psycopg
import structlog
import trio
from msgspec import structs

from dispatcher.database.store import NOT_OURS
from dispatcher.database.transfers import OutputFile, Transfers
from dispatcher.host.host_trouble import TASK_PAUSE, is_host_trouble
from dispatcher.host.threads import in_thread
from dispatcher.run.conclusion import STOPPED
from dispatcher.run.output.collect import CollectError, collect
from dispatcher.run.output.masking import Masking
from dispatcher.workspaces.large_files import LargeFiles
from dispatcher.workspaces.work_directory import Workspace
from sql.rows.dispatchers import ClaimedRun, Report
from wrappers.base import Outcome

log = structlog.get_logger()

LARGEST_ANSWER = 64 * 2**10
"""Bytes of an answer that go with the report of a run's end."""


class _CanceledError(Exception):
    """The run was canceled while a large result was being stored."""


class Results:
    """The results of one run. After :meth:`cancel` nothing large is stored or waited for."""

    def __init__(
        self, claimed: ClaimedRun, workspace: Workspace, transfers: Transfers, files: LargeFiles
    ) -> None:
        self._claimed = claimed
        self._workspace = workspace
        self._transfers = transfers
        self._files = files
        self._canceled = False
        self._storing = trio.CancelScope()

    def cancel(self) -> None:
        """Give up what is being stored now."""
        self._canceled = True
        self._storing.cancel()

    async def keep_files(
        self, outcome: Outcome, max_bytes: int, masking: Masking
    ) -> tuple[list[str], Outcome]:
        """Store the declared files that exist, also those of a failed run; a missing file fails a successful run.

        One of them is the file of what the agent spawns.

        While this host has no room for the files of a success, they wait: the agent's work is done and paid for.
        """
        claimed = self._claimed
        paths = list(dict.fromkeys([*claimed.output_files, *([claimed.spawns] if claimed.spawns else [])]))
        return await self._keep(outcome, self._workspace.work, paths, max_bytes, masking)

    async def keep_patch(
        self, directory: Path, path: str, max_bytes: int, masking: Masking
    ) -> tuple[str, ...]:
        """Store the patch of a change, and return its path; empty if it is too large: the change has a commit, too."""
        kept, outcome = await self._keep(Outcome(), directory, [path], max_bytes, masking)
        if not outcome.succeeded:
            log.warning("a patch is not kept", task=self._claimed.number, why=outcome.error_message)
        return tuple(kept)

    async def _keep(
        self, outcome: Outcome, directory: Path, paths: Sequence[str], max_bytes: int, masking: Masking
    ) -> tuple[list[str], Outcome]:
        kept: list[str] = []
        while paths:
            kept.clear()
            files = collect(
                directory,
                paths,
                max_bytes,
                self._files,
                masking.of_files,
                self._workspace.directory,
            )
            try:
                while (file := await in_thread(next, files, None)) is not None:
                    if await self._store(file):
                        kept.append(file.path)
                    else:
                        outcome = _canceled(outcome)
            except CollectError as error:
                if outcome.succeeded:
                    outcome = replace(outcome, error_class=error.error_class, error_message=str(error))
            except OSError as error:
                if outcome.succeeded and is_host_trouble(error) and not self._canceled:
                    log.warning("output files wait", task=self._claimed.number, error=str(error))
                    await trio.sleep(TASK_PAUSE)
                    continue
                if outcome.succeeded:
                    message = f"an output file could not be kept: {error}"
                    outcome = replace(outcome, error_class="output_missing", error_message=message)
            except psycopg.DatabaseError as error:
                if error.sqlstate != NOT_OURS:
                    raise
                log.error(
                    "outputs refused: the run is not ours any more",
                    task=self._claimed.number,
                    error=str(error),
                )
            break
        return kept, outcome

    async def send_answer(self, report: Report) -> Report:
        """Send an answer in pieces if it is too large for its report; return what is to be reported."""
        answer = (report.final_text or "").encode()
        if len(answer) <= LARGEST_ANSWER:
            return report
        report = structs.replace(report, final_text=None)
        try:
            with self._while_wanted():
                await self._transfers.store_answer(report.run_id, answer)
        except _CanceledError:
            return structs.replace(report, error_class="canceled", error_message=STOPPED["canceled"])
        except psycopg.DatabaseError as error:
            if error.sqlstate != NOT_OURS:
                raise
            return report  # the database refuses that as well
        return structs.replace(report, answer_bytes=len(answer))

    async def _store(self, file: OutputFile) -> bool:
        """Store a file; return False if a cancel made us give it up. A small file is always stored."""
        try:
            with self._while_wanted() if file.copy is not None else nullcontext():
                await self._transfers.store_file(self._claimed.run_id, file)
        except _CanceledError:
            return False
        return True

    @contextmanager
    def _while_wanted(self) -> Iterator[None]:
        """Give up what is stored inside when the run is canceled, and raise _CanceledError."""
        with trio.CancelScope() as self._storing:
            if self._canceled:
                self._storing.cancel()
            yield
        if self._storing.cancelled_caught:
            raise _CanceledError


def _canceled(outcome: Outcome) -> Outcome:
    if not outcome.succeeded:
        return outcome
    return replace(outcome, error_class="canceled", error_message=STOPPED["canceled"])
