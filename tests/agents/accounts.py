"""Accounts of the real CLIs on a site, each with one group, that talk to the model server."""

from pathlib import Path

from tests.agents.real_agents import Agents
from tests.fixtures.dispatchers import Dispatcher, Site

KEY = "sk-dummy-0c51e2d7aa"
MODELS = {"gemini": "gemini-2.5-flash"}
"""Without a model gemini asks a second one first, which should answer."""


def open_account(site: Site, agents: Agents, cli: str, **variables: str) -> Path:
    """Give the site an account of this CLI with these variables besides; return its config home."""
    account = agents.account(cli, site.directory / "accounts" / cli, KEY)
    env = {name: "env:ACCOUNT_KEY" if value == KEY else value for name, value in account.env.items()}
    site.configure("tools", **{cli: {"command": str(agents.program(cli))}})
    group = {
        "tool": cli,
        "account": "main",
        "env": {**env, **variables},
        "config_home": str(account.config_home),
    }
    site.configure("groups", **{cli: group})
    return account.config_home


def start(site: Site) -> Dispatcher:
    """Start a dispatcher that has the key."""
    return site.start(env={"ACCOUNT_KEY": KEY})
