-- Who did what and why the trader stopped or did not trade.

CREATE TABLE state_changes (
    journal_id INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    from_state TEXT NOT NULL,
    to_state TEXT NOT NULL,
    reason TEXT NOT NULL,
    changed_at TEXT NOT NULL,
    PRIMARY KEY (journal_id, seq)
);
CREATE INDEX idx_state_changes_changed_at ON state_changes(changed_at);

CREATE TABLE commands (
    nonce TEXT PRIMARY KEY,                   -- hexadecimal
    kind TEXT NOT NULL,
    symbol TEXT,                              -- NULL: all
    uid INTEGER NOT NULL,                     -- who sent it
    sent_at TEXT NOT NULL,
    received_at TEXT NOT NULL,
    times INTEGER NOT NULL,                   -- how often it arrived; it acted once
    result TEXT,                              -- of the first arrival; NULL: not answered yet
    answered_at TEXT
);

-- Orders risk refused, counted by minute: one a tick would fill the disk and say no more.
CREATE TABLE refusals (
    symbol TEXT NOT NULL,
    reason TEXT NOT NULL,
    minute TEXT NOT NULL,
    refused_count INTEGER NOT NULL,
    PRIMARY KEY (minute, symbol, reason)
);
