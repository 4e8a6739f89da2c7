"""Catches statements that write the tables of the claim without its lock."""

from tests.sql.client import Client


def refuse_writers_without_the_claim_lock(db: Client) -> None:
    """From now on such a statement raises LD500. The lock is the one of lock_claims()."""
    db.run(
        """
        create function require_claim_lock() returns trigger language plpgsql as $$
        begin
            if not exists (
                select from pg_locks where pid = pg_backend_pid() and locktype = 'advisory' and granted
                    and classid = 1819045741 and objid = 1
            ) then
                raise exception using errcode = 'LD500',
                    message = tg_table_name || ' is written without the claim lock';
            end if;
            return null;
        end $$
        """
    )
    for table in (b"lanes", b"tenantless_lanes", b"tenant_turns"):
        db.connection.execute(
            b"create trigger needs_claim_lock before insert or update or delete on " + table
            + b" for each statement execute function require_claim_lock()"
        )  # fmt: skip
