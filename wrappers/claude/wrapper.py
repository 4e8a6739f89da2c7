"""How `claude -p` is called (measured with 2.1.330), and everything else that is known about it.

A prompt that begins with the name of one of claude's slash commands is that command, also on stdin.
"""

import signal
from collections.abc import Iterator

from wrappers.base import GentleStop, Login, PromptLimit, Request, Versions, Wrapper
from wrappers.claude import asking
from wrappers.claude.parser import ClaudeParser
from wrappers.modes import Permission

VERSION = "2.1.330"

# The profile read also takes the tools that write away: a refusal is not enough, a user may allow them in the settings.
PERMISSIONS: dict[Permission, tuple[str, ...]] = {
    "read": (
        "--permission-mode",
        "default",
    ),  # what earlier versions call it; the later `manual` stops 2.1.197
    "edit": ("--permission-mode", "acceptEdits"),
    "full": ("--dangerously-skip-permissions",),
}
WRITING = ("Edit", "Write", "NotebookEdit")

# The project's own settings could run commands, send the key to another address and start MCP servers. Without them
# claude reads neither CLAUDE.md nor the commands, agents and skills of the project.
IN_CLONE = ("--setting-sources", "user", "--strict-mcp-config")
CLONE = " You work in a clone of a git repository: if there is a CLAUDE.md at its top, read that before you begin."

# With its own settings it retries for three minutes. The dispatcher does the long waits, so that they hold no slot.
ENVIRONMENT = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    "CLAUDE_CODE_MAX_RETRIES": "2",
    **asking.ENVIRONMENT,
}

# This is the order in which claude takes them (`claude auth status`, 2.1.330). A cloud goes before all keys, and
# bills what is used.
LOGIN = Login(
    variables={
        "CLAUDE_CODE_USE_BEDROCK": "key",
        "CLAUDE_CODE_USE_VERTEX": "key",
        "CLAUDE_CODE_USE_FOUNDRY": "key",
        "ANTHROPIC_AUTH_TOKEN": "token",
        "ANTHROPIC_API_KEY": "key",
        "CLAUDE_CODE_OAUTH_TOKEN": "token",
    },
    suggested="ANTHROPIC_API_KEY",
    command="claude /login",
    status=("auth", "status"),
)


def arguments(request: Request) -> Iterator[str]:
    yield from ("-p", "--output-format", "stream-json", "--verbose")
    yield from PERMISSIONS[request.permission]
    withheld = (*WRITING, *asking.WITHHELD) if request.permission == "read" else asking.WITHHELD
    yield from ("--disallowedTools", ",".join(withheld))
    yield from asking.arguments()
    yield from ("--append-system-prompt", asking.SITUATION + (CLONE if request.is_untrusted else ""))
    if request.is_untrusted:
        yield from IN_CLONE
    if request.model:
        yield from ("--model", request.model)
    if request.fallback_model:
        yield from ("--fallback-model", request.fallback_model)
    if request.budget_usd is not None:
        yield from ("--max-budget-usd", f"{request.budget_usd:g}")
    yield from ("--resume", request.resume) if request.resume else ("--session-id", request.run_id)


WRAPPER = Wrapper(
    name="claude",
    program="claude",
    install_hint=f"npm install -g @anthropic-ai/claude-code@{VERSION}",
    arguments=arguments,
    parser=ClaudeParser,
    environment=ENVIRONMENT,
    # SIGTERM ends it with 143 within 0.1 s; the commands it runs took up to 1.6 s.
    stop=GentleStop(signal.SIGTERM, 3.0),
    config_home_variable="CLAUDE_CONFIG_DIR",
    default_config_home=".claude",
    takes_fallback_model=True,
    # claude counts the length of a JavaScript string, and says "piped stdin input exceeds 10MB" if it is longer.
    longest_prompt=PromptLimit(10 * 2**20, "UTF-16 units"),
    # With `-p` claude trusts every directory: settings there can send its key to another address, run commands
    # (hooks, MCP servers) and give permissions. It does not let the agent write them.
    steering_files=(".claude/", ".mcp.json"),
    versions=Versions("2.1.197", VERSION, ("2.1.197", "2.1.258", "2.1.332")),
    login=LOGIN,
    refuses_full_as_root=True,
)
