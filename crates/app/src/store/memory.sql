-- Version 3: a memory of months. Entries of the history that are older than five weeks, and the oldest where there are more than
-- 20,000, are folded into one row per peer and day.

-- Until when a peer that said goodbye had announced to be away. Goes into the checksum only where it is set, so that older rows
-- stay good.
ALTER TABLE history ADD COLUMN planned_until INTEGER;

CREATE TABLE run (
    -- When this daemon ran. What happened at other times is not known.
    start    INTEGER NOT NULL PRIMARY KEY,
    until    INTEGER NOT NULL, -- written with every transaction, and every quarter of an hour
    checksum TEXT    NOT NULL
) STRICT;

CREATE TABLE tally (
    -- How long a peer was there on one day, in milliseconds of the time in which this daemon ran. Kept for 100 days.
    day         INTEGER NOT NULL, -- days since 1970-01-01 UTC; to read one: date(day * 86400, 'unixepoch')
    peer        TEXT    NOT NULL, -- key in peer or remote
    up          INTEGER NOT NULL,
    down        INTEGER NOT NULL,
    planned     INTEGER NOT NULL, -- away as announced
    flaps       INTEGER NOT NULL, -- how often it went down without having announced it
    until       INTEGER NOT NULL, -- entries of the history before this time are counted in
    state       TEXT    NOT NULL, -- at that time: up, down, planned or unknown
    return_time INTEGER,          -- for when a planned return was announced
    checksum    TEXT    NOT NULL,
    PRIMARY KEY (day, peer)
) STRICT, WITHOUT ROWID;
