-- The database of kimchi-peers, version 1. Look into it at any time, also while the daemon runs:
--     sqlite3 -readonly kimchi-peers.db '.schema' 'SELECT name, state, reason FROM peer'
-- Do not change rows by hand: each row carries a checksum, and a row whose checksum does not fit is dropped at the next
-- start. Add and remove remote peers with `kimchi-peers remote add` and `kimchi-peers remote remove`.
-- All times are milliseconds since 1970-01-01 UTC; to read one: datetime(last_seen / 1000, 'unixepoch').

CREATE TABLE setting (
    -- What the daemon remembers about itself:
    --   epoch        number of this daemon's present run, sent in its packets; grows with every start
    --   generation   grows with every remote added or removed; remotes.json carries the same number
    --   remote_keys  checksum over the keys of all remotes, by which a lost row is noticed
    name     TEXT NOT NULL PRIMARY KEY,
    value    TEXT NOT NULL,
    checksum TEXT NOT NULL -- of the other columns, as in every table here
) STRICT, WITHOUT ROWID;

CREATE TABLE peer (
    -- Hosts found on the local networks. A lost row does no harm: the peer is found again.
    key         TEXT    NOT NULL PRIMARY KEY, -- identity of the peer, or "name@address" of one that has none
    name        TEXT    NOT NULL,
    identity    TEXT,             -- public key in base64url; empty for a peer that does not sign
    epoch       INTEGER NOT NULL, -- number of the peer's run (values from 2^63 on are shown negative); 0: not heard itself
    sequence    INTEGER NOT NULL, -- number of its last packet in that run
    addresses   TEXT    NOT NULL, -- JSON list of IP addresses
    http_port   INTEGER NOT NULL, -- 0: none
    https_port  INTEGER NOT NULL, -- 0: none
    state       TEXT    NOT NULL, -- up, suspect, down or unknown
    reason      TEXT,             -- why it is in that state
    first_seen  INTEGER NOT NULL,
    last_seen   INTEGER NOT NULL, -- written at most once a minute; 0: never, others told of it
    state_since INTEGER NOT NULL,
    facts       TEXT    NOT NULL, -- JSON object of what the peer says about itself
    interface   TEXT,             -- network interface of this host it was heard on
    checksum    TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE remote (
    -- Hosts beyond the local networks, added by the operator. The same list is kept in remotes.json.
    key           TEXT    NOT NULL PRIMARY KEY, -- "host:port"
    name          TEXT,
    host          TEXT    NOT NULL,
    port          INTEGER NOT NULL,
    server_root   TEXT    NOT NULL, -- path under which its web interface is found
    added_at      INTEGER NOT NULL,
    state         TEXT    NOT NULL, -- up, suspect, down or unknown, from the last health check
    reason        TEXT,
    state_since   INTEGER NOT NULL,
    last_seen     INTEGER,          -- last good health check; written at most once a minute
    round_trip_ms REAL,
    certificate   TEXT,             -- SHA-256 of its TLS certificate, hexadecimal
    checksum      TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE history (
    -- What happened to peers and remotes; the newest 10,000 entries are kept.
    sequence    INTEGER NOT NULL PRIMARY KEY,
    time        INTEGER NOT NULL,
    peer        TEXT    NOT NULL, -- key in peer or remote
    name        TEXT    NOT NULL,
    event       TEXT    NOT NULL, -- up, changed, suspect, down, removed, conflict or added
    cause       TEXT,
    address     TEXT,
    certificate TEXT,
    checksum    TEXT    NOT NULL
) STRICT;
