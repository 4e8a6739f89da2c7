"""Checks for hooks that tell nobody, or not everything."""

import psycopg

from dispatcher.checks.finding import Finding, ok, warning
from dispatcher.database.connection import Connection, execute
from sql import hook_calls
from sql.rows.hooks import HookRow


def check_hooks(connection: Connection) -> list[Finding]:
    """Look for hooks that are disabled or fail, and for deliveries that were given up."""
    try:
        hooks = execute(connection, hook_calls.list_hooks())
    except psycopg.errors.InsufficientPrivilege:
        return []
    findings = [finding for hook in hooks for finding in _of(hook)]
    if hooks and not findings:
        return [ok("hooks", f"{', '.join(hook.name for hook in hooks)}: nothing was given up")]
    return findings


def _of(hook: HookRow) -> list[Finding]:
    subject, again = f"hook {hook.name}", f"then `llmctl hook retry {hook.name}`"
    if hook.disabled_reason is not None:
        what = f"is disabled: {hook.disabled_reason}"
        return [warning(subject, what, f"correct it in config.yaml, {again}")]
    findings = []
    if hook.failures:
        last = f": {hook.detail}" if hook.detail else ""
        what = f"failed {hook.failures} times, and {hook.pending} deliveries wait{last}"
        findings.append(warning(subject, what, f"`llmctl hook show {hook.name}` says what came of each"))
    if hook.dead or hook.dropped:
        what = f"was not told {hook.dead} events"
        dropped = f", and {hook.dropped} more were dropped, since too many waited" if hook.dropped else ""
        findings.append(warning(subject, what + dropped, f"fix the cause, {again}"))
    return findings
