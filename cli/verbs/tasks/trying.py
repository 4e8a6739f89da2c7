"""`llmctl submit --tries`: queue several tries at one task, and wait for the one that is picked."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from cli.input.submit_options import SubmitOptions
from cli.input.tries import Tries
from cli.show.output import TextOrJson, complain, say, to_json, write
from cli.show.words import ranges
from dispatcher.errors import ExitCode

if TYPE_CHECKING:
    from sql.rows.people import Submitted


def submit_tries(task: Mapping[str, object], tries: Tries, options: SubmitOptions) -> ExitCode:
    """Queue the tries and their judge, and print their numbers; with ``options.wait``, the result that is picked."""
    if options.dry_run:
        return _show(task, tries, options.output)
    from cli.database.connection import opened
    from cli.input.granted import require_granted
    from sql import change_calls

    with opened() as db:
        require_granted(db, [task])
        queued = db.call(change_calls.submit_tries(task, tries.variants, tries.pick, tries.judge))
    if not all(one.same for one in queued):
        say(
            "warning: these tries have this key but another tool, model or prompt; what you asked for now is not queued"
        )
    if not options.wait:
        write(_announcement(queued, tries, options))
        return ExitCode.OK
    if options.output is TextOrJson.TEXT:
        say(_announcement(queued, tries, options))
    return _wait([one.number for one in queued], options)


def _show(task: Mapping[str, object], tries: Tries, output: TextOrJson) -> ExitCode:
    """Show what submit_tries() would be told."""
    shown = {"task": task, "variants": tries.variants, "pick": tries.pick, "judge": tries.judge}
    write(to_json(shown, indent=output is TextOrJson.TEXT))
    say(f"{len(tries.variants)} tries would be submitted; the database was not asked")
    return ExitCode.OK


def _announcement(queued: "Sequence[Submitted]", tries: Tries, options: SubmitOptions) -> str:
    numbers = [one.number for one in queued]
    if options.quiet:
        return "\n".join(map(str, numbers))
    if options.output is TextOrJson.JSON:
        return to_json(queued)
    known = "queued" if all(one.created for one in queued) else "known already"
    if tries.pick == "judge":
        *numbers, judge = numbers
        return f"tasks {ranges(numbers)} {known}: task {judge} chooses among these tries when all have ended"
    return f"tasks {ranges(numbers)} {known}: {tries.words}"


def _wait(numbers: Sequence[int], options: SubmitOptions) -> ExitCode:
    """Wait until all have ended, and print the result of the one that was picked."""
    from cli.database.connection import opened
    from cli.database.waiting import Waiter
    from cli.show.output import interrupts_say
    from cli.show.results import complain_of_timeout, show_result, waits_again
    from sql import calls

    waiter = Waiter([str(number) for number in numbers], options.wait_timeout)
    try:
        with interrupts_say(lambda: waits_again(numbers)):
            for _ in waiter.ended():
                pass
    except TimeoutError:
        complain_of_timeout(waiter.pending)
        return ExitCode.TIMEOUT
    with opened() as db:
        tries = db.call(calls.show_task(str(numbers[0]), 0, with_output=False)).tries
        if tries is None or tries.picked is None:
            complain("none of the tries was picked", f"`llmctl show {numbers[0]}` says what became of them")
            return ExitCode.FAILED
        if options.output is TextOrJson.TEXT:
            say(f"task {tries.picked} was picked")
        [result] = db.call(calls.read_results([str(tries.picked)]))
        return show_result(result, options.output)
