"""Workspaces are prepared while the server commits their claim. A claim that fails then leaves nothing behind."""

from time import monotonic

from tests.fixtures.dispatchers import PATIENCE, Site

FAIL_FIRST_COMMIT = """
    CREATE SEQUENCE commits;
    CREATE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
        IF nextval('commits') = 1 THEN
            RAISE EXCEPTION 'no room for this commit' USING ERRCODE = 'disk_full';
        END IF;
        RETURN NULL;
    END $$;
    CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON task_runs
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION at_commit();
"""
HOLD_COMMITS = """
    CREATE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
        PERFORM pg_advisory_xact_lock(77);
        RETURN NULL;
    END $$;
    CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON task_runs
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION at_commit();
"""
TRACE = 'echo ran | tee -a "$SITE/journal"'


def wait_until_prepared(site: Site, number: int) -> None:
    """Return when the workspace of a claim that is not committed is laid out."""
    deadline = monotonic() + PATIENCE
    while not (site.workspace(number) / "prompt").exists():
        assert monotonic() < deadline, "nothing was prepared"
    assert not site.runs(number)


def test_a_claim_whose_commit_fails_is_undone_and_its_task_runs_once(site: Site) -> None:
    site.sql(FAIL_FIRST_COMMIT)
    number = site.submit(TRACE)

    dispatcher = site.run()

    assert dispatcher.log("the database is away", while_doing="reporting and claiming runs")
    assert [run["status"] for run in site.runs(number)] == ["succeeded"]
    assert site.journal_lines() == ["ran"]
    assert not list(site.workspace(number).parent.glob(f"{number}-*"))
    assert not dispatcher.log("put aside the files of a run that the database does not know")


def test_no_agent_starts_before_its_claim_is_committed(site: Site) -> None:
    site.sql(HOLD_COMMITS)
    site.sql("SELECT pg_advisory_lock(77)")
    number = site.submit(TRACE)
    dispatcher = site.start()
    wait_until_prepared(site, number)
    site.sql("SELECT pg_sleep(0.2)")
    assert site.journal_lines() == []

    site.sql("SELECT pg_advisory_unlock(77)")

    site.wait_for("succeeded", number)
    assert site.journal_lines() == ["ran"]
    assert not dispatcher.log("run not started")


def test_a_dispatcher_that_dies_while_its_claim_is_committed_costs_nothing(site: Site) -> None:
    site.sql(HOLD_COMMITS)
    site.sql("SELECT pg_advisory_lock(77)")
    number = site.submit(TRACE)
    dispatcher = site.start()
    wait_until_prepared(site, number)

    dispatcher.kill()
    site.sql(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
        " WHERE query LIKE '%%report_and_claim%%' AND pid <> pg_backend_pid()"
    )
    site.sql("DROP TRIGGER at_commit ON task_runs")
    site.run()

    assert [run["status"] for run in site.runs(number)] == ["succeeded"]
    assert site.journal_lines() == ["ran"]
