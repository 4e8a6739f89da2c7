-- What the runs of removed worker groups cost on the day of the removal, by account: a group that is added again for an
-- account on the same day goes on with its budget. A row is written at a removal, and one of an earlier day means nothing.
CREATE TABLE removed_spending (
    tool text NOT NULL REFERENCES tools (name), account_name text NOT NULL,
    spent_on date NOT NULL, spent_usd numeric NOT NULL,
    PRIMARY KEY (tool, account_name)
);
