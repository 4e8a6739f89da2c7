"""Fetching a prompt and input files: those that are too large for one statement piece by piece, into the workspace."""

import codecs
import os
import tempfile
from collections.abc import Sequence

import psycopg

from dispatcher.database.store import NOT_LEFT, NOT_OURS
from dispatcher.database.transfers import Transfers
from dispatcher.host.threads import in_thread
from dispatcher.run.context import RunContext
from dispatcher.run.preparation.prepare import around, prompt_of
from dispatcher.run.preparation.refusals import NotStartedError, cannot, check_length
from dispatcher.workspaces.stored_files import DamagedFileError
from dispatcher.workspaces.work_directory import Workspace
from sql.rows.dispatchers import ClaimedRun, InputFile
from wrappers.base import Wrapper


def is_missing(claimed: ClaimedRun, inputs: Sequence[InputFile]) -> bool:
    """Return whether anything is to be fetched in pieces."""
    return prompt_of(claimed) is None or any(file.content is None for file in inputs)


async def list_inputs(claimed: ClaimedRun, transfers: Transfers, most: int) -> Sequence[InputFile]:
    """List the input files of a task, also those that other tasks leave for it, of which it may have ``most`` bytes.

    Raises :class:`NotStartedError`.
    """
    try:
        inputs = await transfers.inputs(claimed.task_id)
    except psycopg.DatabaseError as error:
        raise _refusal(error) from error
    size = sum(file.size_bytes for file in inputs if file.host is not None)
    if size > most:
        raise NotStartedError(
            "invalid_request",
            f"the files that it is given by other tasks have {size:,} bytes together, and execution.max_output_bytes "
            f"allows {most:,}: raise that, or take fewer with --input-from",
        )
    return inputs


async def fetch(
    claimed: ClaimedRun,
    wrapper: Wrapper,
    workspace: Workspace,
    inputs: Sequence[InputFile],
    context: RunContext,
) -> None:
    """Fetch what the preparation could not lay out. Raises :class:`NotStartedError`."""
    try:
        if prompt_of(claimed) is None:
            await _fetch_prompt(claimed, wrapper, workspace, context.transfers)
        for file in inputs:
            if file.content is None:
                await _fetch_input(claimed, file, workspace, context)
    except OSError as error:
        raise cannot("the workspace could not be made", error) from error
    except DamagedFileError as error:
        raise NotStartedError("input_missing", str(error)) from error
    except psycopg.DatabaseError as error:
        raise _refusal(error) from error


def _refusal(error: psycopg.DatabaseError) -> Exception:
    """Return what the database's error means for a run that is to be started; that itself if it means nothing."""
    if error.sqlstate == NOT_OURS:
        return NotStartedError("interrupted", "another dispatcher has this run now")
    if error.sqlstate == NOT_LEFT:
        return NotStartedError("input_missing", str(error.diag.message_primary))
    return error


async def _fetch_prompt(
    claimed: ClaimedRun,
    wrapper: Wrapper,
    workspace: Workspace,
    transfers: Transfers,
) -> None:
    limit = wrapper.longest_prompt
    characters = codecs.getincrementaldecoder("utf-8")()
    length = 0

    def take(piece: bytes) -> None:
        nonlocal length
        if limit is not None:
            length += limit.length_of(characters.decode(piece))
        target.write(piece)

    descriptor = os.open(
        workspace.prompt, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
    )
    with os.fdopen(descriptor, "wb") as target:
        before, after = around(claimed)
        take(before.encode())
        await transfers.fetch_prompt(claimed.run_id, take)
        take(after.encode())
    if limit is not None:
        check_length(length, wrapper, limit)


async def _fetch_input(
    claimed: ClaimedRun,
    file: InputFile,
    workspace: Workspace,
    context: RunContext,
) -> None:
    """Put the file into the work directory only when it is complete, so that no attempt finds a part of it."""
    with tempfile.TemporaryFile(dir=workspace.directory) as draft:
        if file.storage_url is not None:
            await context.shared_files.fetch(claimed.run_id, file, draft)
        else:
            await context.transfers.fetch_input(claimed.run_id, file.path, draft.write)
        await in_thread(workspace.place, file.path, draft, file.mode)
