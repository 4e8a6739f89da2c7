"""The text of the embedded server's configuration files."""

from pathlib import Path

from dispatcher.database.embedded.place import PORT, ROLE


def postgresql_conf(socket_directory: Path, *, with_statistics: bool) -> str:
    """Return ``postgresql.conf``, which is written before each start. ``ALTER SYSTEM`` overrides any line of it.

    There is no TCP, only the owner can open the socket, and the log keeps a week. ``jit`` is off, because compiling
    takes longer than any of our statements. Autovacuum runs every 15 s instead of every minute, because the size of
    the tables that each task passes through depends on it under load.
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
    """Return ``pg_hba.conf``: the users that ``pg_ident.conf`` maps may connect, over the socket only."""
    return "local all all peer map=llmctl\n"


def pg_ident_conf(owner: str) -> str:
    """Return ``pg_ident.conf``: it maps only the system user ``owner`` to the role of the server's owner."""
    return f'llmctl "{owner}" {ROLE}\n'
