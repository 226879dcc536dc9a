-- Who pressed the kill switch, who changed a limit, and why.

ALTER TABLE commands ADD COLUMN reason TEXT;        -- in the sender's words; NULL: none given
ALTER TABLE commands ADD COLUMN limit_name TEXT;    -- NULL: changes no limit
ALTER TABLE commands ADD COLUMN limit_value TEXT;   -- NULL with a name: the file's value again
ALTER TABLE commands ADD COLUMN kill_trigger TEXT;  -- NULL: does not press the kill switch

-- Values are in the limit's own unit: USDT or base units, ppm, times, or a count.
CREATE TABLE limit_changes (
    journal_id INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    limit_name TEXT NOT NULL,
    symbol TEXT,                              -- NULL: a limit of the account
    from_value TEXT NOT NULL,
    to_value TEXT NOT NULL,
    version INTEGER NOT NULL,                 -- counts the changes since the trader's start
    nonce TEXT NOT NULL,                      -- of the command, hexadecimal
    uid INTEGER NOT NULL,
    changed_at TEXT NOT NULL,
    PRIMARY KEY (journal_id, seq)
);

CREATE TABLE kill_changes (
    journal_id INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    is_on INTEGER NOT NULL,                   -- pressed, or released
    kill_trigger TEXT NOT NULL,
    uid INTEGER NOT NULL,                     -- 0: nobody
    nonce TEXT,                               -- of the command; NULL: by another way
    changed_at TEXT NOT NULL,
    PRIMARY KEY (journal_id, seq)
);
CREATE INDEX idx_kill_changes_changed_at ON kill_changes(changed_at);
