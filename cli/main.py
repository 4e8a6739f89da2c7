"""`llmctl`: the verbs, and what a failure of any of them looks like.

Nothing slow is imported here or at the top of a verb's module: the help and the shell's completion must come
within half the time that importing the database driver takes.
"""

import os
import sys
from typing import Annotated, Literal

import typer

from cli.registry import Verbs, announce
from dispatcher import __version__
from dispatcher.errors import DispatchError, ExitCode
from dispatcher.host import standard_streams

app = typer.Typer(
    cls=Verbs,
    help="Submit tasks to LLM agents, follow their progress, and limit how many run.",
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    add_completion=False,  # cli/completion does it: typer's scripts evaluate what they are told
)
announce(app)

Shell = Literal["bash", "zsh", "fish"]


def _show_version(wanted: bool) -> None:
    if wanted:
        # The package's metadata say the same, but reading them costs more than all other imports of the help.
        typer.echo(f"llmctl {__version__}")
        raise typer.Exit


def _show_completion(shell: Shell | None) -> None:
    if shell is not None:
        from cli.completion.install import script

        typer.echo(script(shell), nl=False)
        raise typer.Exit


def _install_completion(shell: Shell | None) -> None:
    if shell is not None:
        from cli.completion.install import install

        typer.echo(f"completion installed in {install(shell)}; open a new {shell} to use it")
        raise typer.Exit


@app.callback()
def options(
    config: Annotated[
        str | None,
        typer.Option("--config", metavar="FILE", help="Read FILE instead of the usual config.yaml."),
    ] = None,
    _version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version and exit."),
    ] = False,
    _install: Annotated[
        Shell | None,
        typer.Option(
            "--install-completion",
            metavar="SHELL",
            is_eager=True,
            callback=_install_completion,
            help="Let bash, zsh or fish complete verbs, options, tasks, groups, labels, …",
        ),
    ] = None,
    _show: Annotated[
        Shell | None,
        typer.Option(
            "--show-completion",
            metavar="SHELL",
            is_eager=True,
            callback=_show_completion,
            help="Print the script that --install-completion installs.",
        ),
    ] = None,
) -> None:
    # The settings read this variable, and the dispatcher of the demo inherits it.
    if config is not None:
        os.environ["LLMCTL_CONFIG"] = config


def main() -> None:
    """Run the command line. Only here failures become exit codes, see :class:`ExitCode`."""
    standard_streams.make_usable()
    if "_LLMCTL_COMPLETE" in os.environ:
        _answer_shell()
    try:
        code = app(sys.argv[1:] or ["--help"], prog_name="llmctl", standalone_mode=False)
        sys.stdout.flush()
    except typer.TyperException as error:
        code = _complain(error.format_message(), _help_hint(error), ExitCode.USAGE)
    except DispatchError as error:
        code = _complain(str(error), error.hint, error.exit_code)
    except UnicodeEncodeError as error:
        code = _complain(_about_encoding(error), None, ExitCode.USAGE)
    except typer.Abort:
        code = ExitCode.INTERRUPTED
    except BrokenPipeError:
        code = ExitCode.FAILED  # the reader of our output has closed the pipe
    except OSError as error:
        # Our own files raise errors that say more. This is usually a full disk, which has no room for our output.
        code = _complain(error.strerror or str(error), None, ExitCode.FAILED)
    except (MemoryError, RuntimeError) as error:
        from dispatcher.host.host_trouble import is_host_trouble

        if not is_host_trouble(error):
            raise
        said = str(error) or "no memory is left"
        code = _complain(f"this host has no room for the command: {said}", None, ExitCode.FAILED)
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
    # Not sys.exit(): everything is closed and flushed by now, and taking a thousand modules apart costs a short
    # command a tenth of its time (measured: 25 of 250 ms of a submit).
    os._exit(code or ExitCode.OK)


def _answer_shell() -> None:
    """Print what a shell asks for. Errors go where its script sends them: nowhere."""
    from cli.completion.answer import answer

    typer.echo(answer(typer.main.get_command(app), sys.argv[1:], os.environ))
    sys.stdout.flush()
    os._exit(ExitCode.OK)


def _complain(message: str, hint: str | None, code: ExitCode) -> ExitCode:
    from cli.show.output import complain

    complain(message, hint)
    return code


def _about_encoding(error: UnicodeEncodeError) -> str:
    """Say which argument is not UTF-8, or which name the locale cannot encode. Our own output never fails like this."""
    if error.encoding == "utf-8":
        return f"{os.fsencode(error.object)!r} is not UTF-8"
    return (
        f"the locale's encoding ({error.encoding}) cannot write {error.object[:200]!a}: "
        "use another locale, such as LC_ALL=C.UTF-8"
    )


def _help_hint(error: typer.TyperException) -> str | None:
    command = getattr(getattr(error, "ctx", None), "command_path", None)  # of usage errors only
    return f"`{command} --help` shows how" if command else None


if __name__ == "__main__":
    main()
