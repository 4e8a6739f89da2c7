-- Lists every function and procedure that is not PostgreSQL's own. `xmin` is the transaction that wrote the row:
-- CREATE OR REPLACE writes the row again even when nothing changes.
select
    oid::bigint,
    proname,
    oid::regprocedure::text as signature,
    xmin::text as written_by
from pg_proc
where pronamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
