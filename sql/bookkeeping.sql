-- What `dispatcher migrate` knows about a database: the migrations it has run, and the definitions it created.
-- Only the owner reads these tables. Each command asks schema_version() whether the schema fits it.
create table if not exists schema_migrations (
    number integer primary key,
    name text not null,
    applied_at timestamptz not null default now()
);

-- One row: the digest of all definition files, and the signatures of the functions they created, so that
-- the next migrate can drop those of them that no file creates any more, and never a function of the site.
create table if not exists schema_definitions (
    only_row boolean primary key default true check (only_row),
    digest text not null,
    functions text [] not null,
    applied_at timestamptz not null default now()
);
