-- Feeds: which are live, what came by each, silence and drift; and spans in which nothing was processed.
-- depends: 01.00.00_01_pre_initial

CREATE TABLE feed (                                      -- a [[sender]] of the site file; a row stays when it is renamed there
    name            text PRIMARY KEY,
    key             text NOT NULL DEFAULT '',            -- MSH-3|MSH-4
    state           text NOT NULL DEFAULT 'silent' CHECK (state IN ('silent', 'live')),
    live_from       timestamptz,                         -- null and live: everything counts
    listed          boolean NOT NULL DEFAULT true,       -- in the site file in force
    who             text NOT NULL DEFAULT 'site file',
    second          text NOT NULL DEFAULT '',
    first_seen_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    changed_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (second = '' OR second <> who)
);

CREATE TABLE feed_before (                               -- senders whose alerts were sent before there were feeds: they stay live
    sender          text PRIMARY KEY
);
INSERT INTO feed_before (sender) SELECT DISTINCT sender FROM source_message;

CREATE TABLE feed_tally (                                -- one row a transaction and feed; the clock adds them up and removes them
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    feed            text NOT NULL,
    first_at        timestamptz NOT NULL,                -- receptions of live messages in it
    last_at         timestamptz NOT NULL,
    messages        integer NOT NULL DEFAULT 0,
    results         integer NOT NULL DEFAULT 0,
    stored          integer NOT NULL DEFAULT 0,
    duplicate       integer NOT NULL DEFAULT 0,
    quarantined     integer NOT NULL DEFAULT 0,
    ignored         integer NOT NULL DEFAULT 0,
    refused         integer NOT NULL DEFAULT 0,
    history         integer NOT NULL DEFAULT 0,          -- messages of history and of the test realm count here only
    test            integer NOT NULL DEFAULT 0
);

CREATE TABLE feed_hour (                                 -- by hour (UTC) of reception: the rhythm, kept for five weeks
    feed            text NOT NULL,
    hour            timestamptz NOT NULL,
    messages        integer NOT NULL DEFAULT 0,
    results         integer NOT NULL DEFAULT 0,
    stored          integer NOT NULL DEFAULT 0,
    duplicate       integer NOT NULL DEFAULT 0,
    quarantined     integer NOT NULL DEFAULT 0,
    ignored         integer NOT NULL DEFAULT 0,
    refused         integer NOT NULL DEFAULT 0,
    history         integer NOT NULL DEFAULT 0,
    test            integer NOT NULL DEFAULT 0,
    last_at         timestamptz,
    longest_gap     interval NOT NULL DEFAULT '0',       -- longest time without a message that touches this hour
    PRIMARY KEY (feed, hour)
);

CREATE TABLE feed_shift (                                -- an analyte of a feed that is not as in the 30 days before
    feed            text NOT NULL,
    analyte         text NOT NULL,
    day             date NOT NULL,
    kind            text NOT NULL CHECK (kind IN ('median', 'outside')),
    before          numeric NOT NULL,
    now             numeric NOT NULL,
    results         integer NOT NULL,
    found_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (feed, analyte, day, kind)
);

CREATE TABLE feed_day (                                  -- what feed_shift compares, a row a feed, analyte and day
    feed            text NOT NULL,
    analyte         text NOT NULL,
    day             date NOT NULL,
    results         integer NOT NULL,
    median          numeric,
    outside         numeric,                             -- share outside the laboratory's limits; null: it sent none
    PRIMARY KEY (feed, analyte, day)
);

CREATE TABLE blind_span (                                -- nothing was processed: from the last heartbeat to when all was caught up
    began_at        timestamptz PRIMARY KEY,
    ended_at        timestamptz,
    results         integer NOT NULL DEFAULT 0,          -- that came in it and were stored late
    alerts          integer NOT NULL DEFAULT 0
);

ALTER TABLE alert ADD COLUMN feed text NOT NULL DEFAULT '';              -- of its deciding sample; empty: of none, so live
ALTER TABLE operations_alert ADD COLUMN detail_sl text NOT NULL DEFAULT '';  -- the same in Slovene; empty: as `detail`

CREATE INDEX refused_received ON refused (received_at);
CREATE INDEX result_stored ON result USING brin (stored_at);
