"""The text of the embedded server's configuration files."""

from pathlib import Path

from dispatcher.database.embedded.place import PORT, ROLE


def postgresql_conf(socket_directory: Path, *, with_statistics: bool) -> str:
    """``postgresql.conf``, written anew before each start; ``ALTER SYSTEM`` still overrides each line of it.

    No TCP, a socket that only its owner can open, and a log that keeps a week. ``jit`` is off: to compile
    takes longer than any of our statements. Tables through which each task passes are cleaned four times as often as
    the default of a minute has it, which is how large they become under load.
    """
    preload = "shared_preload_libraries = 'pg_stat_statements'\n" if with_statistics else ""
    return f"""\
# Written by llmctl before each start; for settings of your own use ALTER SYSTEM.
listen_addresses = ''
port = {PORT}
unix_socket_directories = '{socket_directory}'
unix_socket_permissions = 0700
max_connections = 100
shared_buffers = 128MB
jit = off
autovacuum_naptime = 15s
{preload}
logging_collector = on
log_directory = 'log'
log_filename = 'postgresql-%a.log'
log_rotation_age = 1d
log_rotation_size = 0
log_truncate_on_rotation = on
log_line_prefix = '%m [%p] %q%a '
log_timezone = 'UTC'
timezone = 'UTC'
lc_messages = 'C'
"""


def pg_hba_conf() -> str:
    """Who may connect: over the socket, whoever the kernel says is mapped below."""
    return "local all all peer map=llmctl\n"


def pg_ident_conf(owner: str) -> str:
    """Map the operating system's user ``owner``, and nobody else, to the role of the server's owner."""
    return f'llmctl "{owner}" {ROLE}\n'
