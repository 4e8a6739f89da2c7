-- What is known of the tools themselves, by those who configure them.

ALTER TABLE tools
-- All models that it takes; empty when nobody knows them all.
ADD COLUMN models text [] NOT NULL DEFAULT '{}',
-- Whether its output tells a success from a failure.
ADD COLUMN is_proven boolean NOT NULL DEFAULT true;
