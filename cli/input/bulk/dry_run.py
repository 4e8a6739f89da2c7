"""`llmctl submit --dry-run`: show what would be queued, as far as that is known without the database."""

from collections.abc import Mapping

from cli.input.bulk.bad_rows import BadRows
from cli.input.bulk.row_tasks import TaskMaker
from cli.input.submit_options import SubmitOptions
from cli.input.task_fields import FIELDS
from cli.show.output import TextOrJson, say, to_json, write
from dispatcher.errors import ExitCode, UsageError
from dispatcher.quantities import plural, size
from dispatcher.task_rows.task_files import FileKind, TaskFile
from dispatcher.terminal import escaped

MOST_SHOWN = 3
"""How many tasks of a file are shown to people; programs get all."""


def show_file(
    path: str, kind: FileKind | None, defaults: Mapping[str, object], options: SubmitOptions
) -> ExitCode:
    """Check every row, and show the tasks of the first ones. Raises :class:`dispatcher.errors.UsageError`."""
    with TaskFile(path, kind) as file:
        maker = TaskMaker(file, defaults, options.allowed_columns)
        bad = BadRows()
        count = 0
        try:
            for row in file.rows():
                try:
                    encoded = maker.encode(row)
                except UsageError as error:
                    bad.add(error)
                    continue
                count += 1
                if options.output is TextOrJson.JSON:
                    write(escaped(encoded.decode()))
                elif count <= MOST_SHOWN:
                    write(f"{file.name}:{row.line}: {_for_people(maker.task(row))}")
        except UsageError as error:  # the file cannot be read any further
            bad.add(error)
    bad.require_none()
    if maker.unused:
        say(f"not used: {', '.join(maker.unused)}")
    say(f"{plural(count, 'task')} would be submitted; the database was not asked")
    return ExitCode.OK


def show_task(task: Mapping[str, object], output: TextOrJson) -> ExitCode:
    """Show the task of a command line."""
    write(to_json(task, indent=False) if output is TextOrJson.JSON else _for_people(task))
    say("1 task would be submitted; the database was not asked")
    return ExitCode.OK


def _for_people(task: Mapping[str, object]) -> str:
    """Return the task as submit_tasks() takes it, with sizes in place of the contents of files."""
    ordered = {field.key: task[field.key] for field in FIELDS.values() if field.key in task}
    files = task.get("input_files")
    if isinstance(files, list):
        ordered["input_files"] = [
            {**file, "content_base64": f"… {size(len(file['content_base64']) * 3 // 4)}"} for file in files
        ]
    return to_json(ordered)
