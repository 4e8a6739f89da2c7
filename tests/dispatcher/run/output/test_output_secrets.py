"""No secret of a run is stored, however the output that holds it is cut."""

import json
from collections.abc import Mapping

from tests.dispatcher.run.printed import printed
from tests.fixtures.dispatchers import Dispatcher, Site

SECRET = 'sk-test-"quoted"-0123456789abcdefghijklmnopqrstuvwxyz'
ENV = {"ACCOUNT_KEY": SECRET}


def give_secret(site: Site, *tools: str) -> None:
    for tool in tools:
        variables = {"SITE": str(site.directory), "KEY": "env:ACCOUNT_KEY"}
        site.configure("groups", **{tool: {"tool": tool, "env": variables}})


def all_text(site: Site) -> str:
    """Return everything that a run may have left in the tables, as text."""
    found = []
    for table in ("tasks", "task_runs", "worker_groups"):
        found += [str(row) for row in site.sql(f"SELECT * FROM {table}")]
    found += [str(bytes(row["content"])) for row in site.sql("SELECT content FROM run_output")]
    return "\n".join(found)


def shows_secret(text: str) -> bool:
    return any(form[:20] in text or form[-20:] in text for form in (SECRET, json.dumps(SECRET)[1:-1]))


def test_a_secret_that_is_printed_in_halves_is_masked(site: Site) -> None:
    give_secret(site, "sh")
    gate = site.gate()
    number = site.submit(
        f'printf "key %.12s" "$KEY"; {gate.pass_through}; printf "%s, done" "${{KEY#????????????}}"'
    )
    dispatcher = site.start("--until-empty", env=ENV)

    site.wait_until(lambda: printed(site, number) == b"key ")
    gate.open()

    assert dispatcher.wait() == 0
    assert printed(site, number) == b"key ***, done"
    assert site.task(number)["result"]["text"] == "key ***, done"
    assert not shows_secret(all_text(site) + dispatcher.story())


def test_a_secret_across_every_bound_is_masked(site: Site) -> None:
    """The bounds: the first 10,000 characters, the end of what is stored, and the beginning of the kept stderr."""
    give_secret(site, "python")
    site.configure("execution", max_log_bytes=20_000)
    number = site.submit(
        "import os, sys\n"
        "key = os.environ['KEY']\n"
        "sys.stdout.write('x' * 9_980 + key)\n"
        "sys.stdout.write('y' * (19_980 - len(key) - 9_980) + key + 'more')\n"
        "sys.stderr.write('é' * 1000 + key + 'z' * (40_000 - 20))\n"
        "sys.exit(1)",
        tool="python", max_attempts=1,
    )  # fmt: skip

    dispatcher = site.start("--until-empty", env=ENV)

    assert dispatcher.wait() == 0
    (run,) = site.runs(number)
    assert run["stdout_trunc"] == "x" * 9_980 + "***" + "y" * 17
    assert printed(site, number).endswith(b"y***")
    assert run["stdout_stored"] == 20_000
    assert not shows_secret(all_text(site) + dispatcher.story())


def adopter(site: Site, number: int, env: Mapping[str, str], event: str) -> Dispatcher:
    """Kill a dispatcher, and return its successor without ``env`` once that has logged ``event``."""
    first = site.start(env=env)
    site.wait_until(lambda: printed(site, number))
    first.kill()
    second = site.start("--until-empty")
    second.wait_for(event)
    return second


def test_the_password_of_a_proxy_is_masked_also_after_an_adoption(site: Site) -> None:
    gate = site.gate()
    number = site.submit(f'echo "$HTTPS_PROXY"; {gate.pass_through}; echo "$HTTPS_PROXY" >&2')
    second = adopter(site, number, {"HTTPS_PROXY": "http://me:open-sesame@proxy.test:8080"}, "run adopted")
    gate.open()

    assert second.wait() == 0
    (run,) = site.runs(number)
    assert (run["stdout_trunc"], run["stderr"]) == ("***\n", "***\n")
    assert "open-sesame" not in all_text(site) + second.story()


def test_a_secret_in_an_error_in_an_activity_and_in_json_is_masked(site: Site) -> None:
    give_secret(site, "claude")
    program = site.directory / "claude"
    uses = {"type": "tool_use", "name": "Bash", "input": {"command": f"{'curl -v ' * 20}{SECRET} {SECRET}"}}
    lines = [
        {"type": "assistant", "message": {"content": [uses]}},
        {"type": "result", "subtype": "error", "is_error": True, "result": f"no access with {SECRET * 20}"},
    ]
    (site.directory / "lines").write_text("".join(json.dumps(line) + "\n" for line in lines))
    program.write_text(f"#!/bin/sh\ncat {site.directory}/lines\necho $KEY >&2\nexit 1\n")
    program.chmod(0o755)
    site.configure("tools", claude={"command": str(program)})
    number = site.submit("test it", tool="claude", max_attempts=1)

    dispatcher = site.start("--until-empty", env=ENV)

    assert dispatcher.wait() == 0
    (run,) = site.runs(number)
    assert (run["activity"].count("***"), run["stderr"]) == (1, "***\n")
    assert "no access with ***" in run["error_message"]
    assert b"***" in printed(site, number)
    assert not shows_secret(all_text(site) + dispatcher.story())


def test_an_adopted_run_s_secrets_are_masked_too(site: Site) -> None:
    give_secret(site, "sh")
    gate = site.gate()
    number = site.submit(
        f'printf "%.12s" "$KEY"; {gate.pass_through}; printf "%s" "${{KEY#????????????}}"; echo; echo end'
    )
    first = site.start(env=ENV)
    site.wait_until(lambda: site.runs(number) and site.runs(number)[0]["stdout_bytes"] == 12)
    first.kill()
    second = site.start("--until-empty", env=ENV)
    second.wait_for("run adopted")
    gate.open()

    assert second.wait() == 0
    assert printed(site, number) == b"***\nend\n"


def test_a_key_of_which_its_group_knows_no_more_is_masked_as_long_as_the_agent_lives(site: Site) -> None:
    give_secret(site, "sh")
    gate = site.gate()
    number = site.submit(f'echo begun; {gate.pass_through}; echo "$KEY"')
    first = site.start(env=ENV)
    site.wait_until(lambda: printed(site, number))
    first.kill()
    site.config["groups"]["sh"] = {
        "tool": "sh",
        "env": {"SITE": str(site.directory), "OTHER_KEY": "env:THE_SECRET"},
    }
    site.configure("groups")
    second = site.start("--until-empty", env=ENV | {"THE_SECRET": "another one"})
    second.wait_for("run adopted")
    gate.open()

    assert second.wait() == 0
    assert printed(site, number) == b"begun\n***\n"
    assert not shows_secret(all_text(site) + second.story())


def test_a_secret_that_was_taken_away_is_masked_as_long_as_the_agent_lives(site: Site) -> None:
    give_secret(site, "sh")
    gate = site.gate()
    number = site.submit(f'echo begun; {gate.pass_through}; echo "$KEY"')
    second = adopter(site, number, ENV, "a secret of an adopted run is no longer known")
    gate.open()

    assert second.wait() == 0
    assert printed(site, number) == b"begun\n***\n"
    assert not shows_secret(all_text(site) + second.story())
