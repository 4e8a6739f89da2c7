-- What an agent wanted to do and was not permitted to, in words; also runs that succeeded may have some.
ALTER TABLE task_runs ADD COLUMN denials jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(denials) = 'array');
