-- Who did what and why the trader stopped or did not trade.

CREATE TABLE state_changes (
    journal_id BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    from_state VARCHAR(20) NOT NULL,
    to_state VARCHAR(20) NOT NULL,
    reason VARCHAR(30) NOT NULL,
    changed_at TIMESTAMP NOT NULL,
    PRIMARY KEY (journal_id, seq)
);
CREATE INDEX idx_state_changes_changed_at ON state_changes(changed_at);

CREATE TABLE commands (
    nonce CHAR(16) PRIMARY KEY,               -- hexadecimal
    kind VARCHAR(20) NOT NULL,
    symbol VARCHAR(20),                       -- NULL: all
    uid BIGINT NOT NULL,                      -- who sent it
    sent_at TIMESTAMP NOT NULL,
    received_at TIMESTAMP NOT NULL,
    times INTEGER NOT NULL,                   -- how often it arrived; it acted once
    result VARCHAR(20),                       -- of the first arrival; NULL: not answered yet
    answered_at TIMESTAMP
);

-- Orders risk refused, counted by minute: one a tick would fill the disk and say no more.
CREATE TABLE refusals (
    symbol VARCHAR(20) NOT NULL,
    reason VARCHAR(30) NOT NULL,
    minute TIMESTAMP NOT NULL,
    refused_count BIGINT NOT NULL,
    PRIMARY KEY (minute, symbol, reason)
);
