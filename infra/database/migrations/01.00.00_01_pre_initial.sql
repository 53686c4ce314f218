-- The truth of Halo: results, alerts and what was told to whom.
-- depends:

-- ---------------------------------------------------------------- people of the ward, and the patients

CREATE TABLE patient (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    public_id       text NOT NULL UNIQUE,           -- random; the only name in addresses of pages and API
    sent_id         text NOT NULL UNIQUE,           -- authority|value, as sent: the Kafka key
    identifiers     jsonb NOT NULL DEFAULT '[]',    -- every repeat of PID-3
    family          text NOT NULL DEFAULT '',
    given           text NOT NULL DEFAULT '',
    birth_date      text NOT NULL DEFAULT '',
    sex             text NOT NULL DEFAULT '',
    demographics    jsonb NOT NULL DEFAULT '{}',    -- of each part the newest said, with time and event; columns follow it
    ward            text NOT NULL DEFAULT '',
    bed             text NOT NULL DEFAULT '',
    place_at        timestamptz,                    -- when ward and bed were last confirmed
    series_version  bigint NOT NULL DEFAULT 0,      -- +1 with every stored change; caches compare it
    as_of           timestamptz,                    -- greatest received_at or fired due time
    incomplete      jsonb NOT NULL DEFAULT '{}',    -- rule -> error: rules that raised for this patient
    rule_pack       text NOT NULL DEFAULT '',       -- fingerprint of the rules the alerts were last derived by
    unwatched       text NOT NULL DEFAULT '',       -- why nothing is sent: not_enrolled, deceased, care_...; empty: watched
    created_at      timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE patient_merge (                        -- the records; patient_alias is derived from them
    event_id        uuid PRIMARY KEY,
    retired_id      bigint NOT NULL REFERENCES patient,
    survivor_id     bigint NOT NULL REFERENCES patient,
    undo            boolean NOT NULL,
    sent_at         timestamptz NOT NULL,
    stored_at       timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX patient_merge_retired ON patient_merge (retired_id);

CREATE TABLE patient_alias (                        -- per retired record its root; no row: it is its own root
    retired_id      bigint PRIMARY KEY REFERENCES patient,
    root_id         bigint NOT NULL REFERENCES patient,
    CHECK (retired_id <> root_id)
);
CREATE INDEX patient_alias_root ON patient_alias (root_id);

-- ---------------------------------------------------------------- what came in

CREATE TABLE source_message (
    event_id        uuid PRIMARY KEY,
    patient_id      bigint REFERENCES patient,      -- null: it names no patient, its results are in quarantine
    type            text NOT NULL,                  -- lab_report, context_change, patient_merge
    purpose         text NOT NULL DEFAULT 'live',
    format          text NOT NULL,
    sender          text NOT NULL,
    message_id      text NOT NULL DEFAULT '',
    message_type    text NOT NULL DEFAULT '',
    sent_at         text NOT NULL DEFAULT '',
    received_at     timestamptz NOT NULL,
    stored_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    sha256          text NOT NULL DEFAULT '',
    charset         text NOT NULL DEFAULT '',
    raw             bytea NOT NULL,
    event           bytea NOT NULL,                 -- the event as it stood in Kafka, without raw
    results         integer NOT NULL DEFAULT 0,     -- results = stored + duplicate + quarantined + ignored
    stored          integer NOT NULL DEFAULT 0,
    duplicate       integer NOT NULL DEFAULT 0,
    quarantined     integer NOT NULL DEFAULT 0,
    ignored         integer NOT NULL DEFAULT 0
);
CREATE INDEX source_message_patient ON source_message (patient_id, received_at);

CREATE TABLE refused (                              -- what intake answered AR
    event_id        uuid PRIMARY KEY,
    sender          text NOT NULL,
    reason          text NOT NULL,
    field           text NOT NULL DEFAULT '',
    received_at     timestamptz NOT NULL,
    raw             bytea NOT NULL
);

CREATE TABLE result_key (                           -- the gate against doubles; knows no time
    result_id       uuid PRIMARY KEY,
    patient_id      bigint NOT NULL
);

CREATE TABLE result (
    result_id       uuid NOT NULL,
    patient_id      bigint NOT NULL,                -- the record as sent; merges re-key nothing
    analyte         text NOT NULL,
    slot            uuid NOT NULL,
    collected_at    timestamptz NOT NULL,
    status          text NOT NULL,
    version_time    timestamptz NOT NULL,
    received_at     timestamptz NOT NULL,
    value           numeric,
    comparator      text,
    unit            text NOT NULL DEFAULT '',
    quality         text NOT NULL,
    event_id        uuid NOT NULL,
    mapping_version text NOT NULL DEFAULT '',
    stored_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    body            bytea NOT NULL,                 -- alerts.result.Result as JSON
    PRIMARY KEY (result_id, collected_at)
);
CREATE INDEX result_patient ON result (patient_id, analyte, collected_at DESC);

-- Where TimescaleDB is installed in this database, `result` becomes a hypertable; elsewhere it stays a plain table.
-- This branch is untested until the operations work brings a TimescaleDB to test against.
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'timescaledb') THEN
        PERFORM create_hypertable('result', 'collected_at', chunk_time_interval => INTERVAL '60 days');
    END IF;
END
$$;

CREATE TABLE quarantine (
    id              uuid PRIMARY KEY,               -- from the event and the result's place: the same again is one item
    event_id        uuid NOT NULL,
    patient_id      bigint REFERENCES patient,
    reason          text NOT NULL,
    detail          text NOT NULL DEFAULT '',
    laboratory      text NOT NULL DEFAULT '',
    code            text NOT NULL DEFAULT '',
    value           text NOT NULL DEFAULT '',
    unit            text NOT NULL DEFAULT '',
    segment         integer NOT NULL DEFAULT 0,
    collected_at    text NOT NULL DEFAULT '',
    would_be        text NOT NULL DEFAULT '',       -- HIGH or CRITICAL if the number were read in an allowed unit
    slot            text NOT NULL DEFAULT '',       -- where known: the item closes when an acceptable result of it arrives
    received_at     timestamptz NOT NULL,
    closed_at       timestamptz,
    closed_by       text
);
CREATE INDEX quarantine_slot ON quarantine (slot) WHERE closed_at IS NULL AND slot <> '';
CREATE INDEX quarantine_open ON quarantine (received_at) WHERE closed_at IS NULL;

CREATE TABLE context_event (
    event_id        uuid NOT NULL,
    number          integer NOT NULL,
    patient_id      bigint NOT NULL REFERENCES patient,
    kind            text NOT NULL,
    body            jsonb NOT NULL,                 -- schemas.patient_event.ContextEntry
    received_at     timestamptz NOT NULL,
    PRIMARY KEY (event_id, number)
);
CREATE INDEX context_event_patient ON context_event (patient_id);

CREATE TABLE candidate (                            -- not enrolled, with a finding that asks for it; follows the results
    patient_id      bigint NOT NULL REFERENCES patient,
    reason          text NOT NULL,                  -- m_protein, flc_ratio
    collected_at    timestamptz NOT NULL,           -- the first sample that shows it
    result_id       uuid NOT NULL,
    value           numeric,                        -- null: a word, or a bound
    unit            text NOT NULL DEFAULT '',
    listed_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (patient_id, reason)
);

-- ---------------------------------------------------------------- alerts, and the record of their lives

CREATE TABLE alert (
    alert_id        uuid PRIMARY KEY,
    patient_id      bigint NOT NULL REFERENCES patient,  -- the root record
    version         integer NOT NULL,                    -- +1 at every change
    family          text NOT NULL,
    rule            text NOT NULL,
    level           text NOT NULL,
    severity        text NOT NULL,
    condition       text NOT NULL CHECK (condition IN ('active', 'cleared', 'retracted', 'superseded')),
    response        text NOT NULL DEFAULT 'unacknowledged'
                    CHECK (response IN ('unacknowledged', 'acknowledged', 'shelved', 'closed')),
    flags           text[] NOT NULL DEFAULT '{}',
    anchor          uuid NOT NULL,
    slots           uuid[] NOT NULL,
    opened_at       timestamptz NOT NULL,
    regraded_at     timestamptz NOT NULL,
    cleared_at      timestamptz,
    sampled_at      timestamptz NOT NULL,
    analyte         text NOT NULL DEFAULT '',
    value           numeric,
    unit            text NOT NULL DEFAULT '',
    summary         jsonb NOT NULL,
    body            bytea NOT NULL,                      -- alerts.alert.AlertState as JSON
    rule_pack       text NOT NULL,
    rule_pack_status text NOT NULL DEFAULT 'draft' CHECK (rule_pack_status IN ('draft', 'approved')),
    site_version    text NOT NULL DEFAULT '',
    late            boolean NOT NULL DEFAULT false,
    superseded_by   uuid,
    code            text NOT NULL,                       -- short, for the telephone
    acknowledged_by text,
    acknowledged_at timestamptz,
    acknowledged_version integer,
    acknowledgement_expires_at timestamptz,
    told_at         timestamptz,                         -- last notification
    told_severity   text,
    told_value      numeric,
    told_level      text,
    told_analyte    text,
    told_sampled_at timestamptz,
    told_draft      boolean NOT NULL DEFAULT false,      -- that notification was a draft's: test recipients only
    withheld        text NOT NULL DEFAULT '',            -- why its people were not told, as patient.unwatched
    held_until      timestamptz,                         -- its people wait so long: the specimen is in doubt
    event_id        uuid,                                -- the event that made the present version
    received_at     timestamptz,                         -- when that event was received, for latency
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    changed_at      timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX alert_patient ON alert (patient_id, rule);
CREATE INDEX alert_open ON alert (severity, changed_at) WHERE condition = 'active';

CREATE TABLE alert_event (                               -- append-only chain per patient; 0 is the system's own chain
    chain           bigint NOT NULL,
    number          bigint NOT NULL,                     -- gap-free from 1
    alert_id        uuid,
    alert_version   integer,
    kind            text NOT NULL,                       -- opened, regraded, cleared, retracted, ..., decided, sent, acknowledged
    actor           text NOT NULL DEFAULT '',
    at              timestamptz NOT NULL DEFAULT clock_timestamp(),
    payload_hash    bytea NOT NULL,                      -- sha256 of salt and payload; survives erasure
    mac             bytea NOT NULL,                      -- HMAC over the previous mac and this row
    PRIMARY KEY (chain, number)
);
CREATE INDEX alert_event_alert ON alert_event (alert_id);

CREATE TABLE alert_event_payload (                       -- erasable
    chain           bigint NOT NULL,
    number          bigint NOT NULL,
    salt            bytea NOT NULL,
    payload         jsonb NOT NULL,
    PRIMARY KEY (chain, number),
    FOREIGN KEY (chain, number) REFERENCES alert_event
);

CREATE TABLE delivery (
    id              uuid PRIMARY KEY,                    -- from (alert, version, channel, recipient): the webhook-id
    alert_id        uuid NOT NULL REFERENCES alert,
    alert_version   integer NOT NULL,
    patient_id      bigint NOT NULL,
    channel         text NOT NULL,
    recipient       text NOT NULL,
    change          text NOT NULL,                       -- opened, regraded, cleared, retracted, superseded, reopened
    reason          text NOT NULL,                       -- of sending: first, higher_severity, worse, retracted, ...
    body            bytea NOT NULL,                      -- what to send, frozen in the deciding transaction
    status          text NOT NULL DEFAULT 'queued'
                    CHECK (status IN ('queued', 'sending', 'handed_over', 'overtaken', 'closed')),
    attempts        integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    possibly_repeated boolean NOT NULL DEFAULT false,    -- an earlier attempt had an unknown outcome
    received_at     timestamptz,
    closed_for      text NOT NULL DEFAULT '',            -- why it is not to be sent any more, as patient.unwatched
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    handed_over_at  timestamptz,
    UNIQUE (alert_id, alert_version, channel, recipient)
);
CREATE INDEX delivery_due ON delivery (next_attempt_at) WHERE status IN ('queued', 'sending');

CREATE TABLE delivery_attempt (                          -- a receipt per attempt
    delivery_id     uuid NOT NULL REFERENCES delivery,
    attempt         integer NOT NULL,
    started_at      timestamptz NOT NULL,
    ended_at        timestamptz,
    outcome         text NOT NULL DEFAULT 'unknown',     -- unknown, handed_over, refused, unreachable, timed_out
    detail          text NOT NULL DEFAULT '',
    PRIMARY KEY (delivery_id, attempt)
);

CREATE TABLE outbox (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shard           integer NOT NULL,                    -- hash range of patients: one relay each, in order
    topic           text NOT NULL,
    key             bytea NOT NULL,
    value           bytea NOT NULL,
    headers         jsonb NOT NULL DEFAULT '{}',
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    published_at    timestamptz,
    refused         text                                 -- the broker will never take it; operations were told
);
CREATE INDEX outbox_waiting ON outbox (shard, id) WHERE published_at IS NULL AND refused IS NULL;
CREATE INDEX outbox_published ON outbox (published_at);

CREATE TABLE live_event (                                -- what screens hear; seq is stamped after commit by one sequencer
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    seq             bigint UNIQUE,
    kind            text NOT NULL,                       -- alert, series, operations
    patient_id      bigint,
    alert_id        uuid,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX live_event_unstamped ON live_event (id) WHERE seq IS NULL;
CREATE SEQUENCE live_event_seq;

CREATE TABLE timer (
    id              uuid PRIMARY KEY,
    kind            text NOT NULL,
    patient_id      bigint REFERENCES patient,
    due_at          timestamptz NOT NULL,
    body            jsonb NOT NULL DEFAULT '{}',
    fired_at        timestamptz
);
CREATE INDEX timer_due ON timer (due_at) WHERE fired_at IS NULL;

-- ---------------------------------------------------------------- the stream

CREATE TABLE consumer_offset (
    consumer_group  text NOT NULL,
    cluster_id      text NOT NULL,
    topic           text NOT NULL,
    topic_id        text NOT NULL,
    partition       integer NOT NULL,
    next_offset     bigint NOT NULL,
    heartbeat_at    timestamptz,                         -- sent_at of the last committed heartbeat
    updated_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (consumer_group, cluster_id, topic_id, partition)
);

CREATE TABLE dead_letter (
    id              uuid PRIMARY KEY,                    -- from cluster, topic, partition, offset
    topic           text NOT NULL,
    partition       integer NOT NULL,
    kafka_offset    bigint NOT NULL,
    key             bytea,
    value           bytea NOT NULL,
    headers         jsonb NOT NULL DEFAULT '[]',
    error_class     text NOT NULL,
    reason          text NOT NULL,
    code_version    text NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    replayed_at     timestamptz
);

CREATE TABLE operations_alert (                          -- technical alerts: our own health, never a patient's
    key             text PRIMARY KEY,                    -- kind and subject: the same again is counted
    kind            text NOT NULL,
    severity        text NOT NULL,
    detail          text NOT NULL,
    patient_id      bigint,
    feed            text NOT NULL DEFAULT '',            -- kind, laboratory and reason, where many may come at once
    count           integer NOT NULL DEFAULT 1,
    opened_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    told_at         timestamptz,
    closed_at       timestamptz
);
CREATE INDEX operations_alert_feed ON operations_alert (feed, last_at) WHERE feed <> '';

-- ---------------------------------------------------------------- the rules: what runs, who approved it, what is off

CREATE TABLE rule_pack (                                 -- every pack that ran, was approved or was activated here
    fingerprint     text PRIMARY KEY CHECK (fingerprint ~ '^[0-9a-f]{64}$'),  -- over numbers, rules and wording
    hash            text NOT NULL CHECK (hash ~ '^[0-9a-f]{64}$'),            -- of the numbers: sha256 of content
    version         text NOT NULL,
    content         text NOT NULL,                       -- thresholds.toml as it was
    stored_at       timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX rule_pack_hash ON rule_pack (hash);

CREATE TABLE rule_pack_approval (                        -- a row for the running fingerprint makes it more than a draft
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    fingerprint     text NOT NULL REFERENCES rule_pack,
    login           text NOT NULL CHECK (login <> ''),
    name            text NOT NULL CHECK (name <> ''),    -- the clinician's, as it was then
    confirmed       jsonb NOT NULL,                      -- every line that was confirmed, as it read
    approved_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX rule_pack_approval_fingerprint ON rule_pack_approval (fingerprint);

CREATE TABLE active_version (                            -- in force: the newest from_at that has come
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind            text NOT NULL CHECK (kind IN ('rule_pack', 'site')),
    version         text NOT NULL,
    hash            text NOT NULL,
    from_at         timestamptz NOT NULL,
    who             text NOT NULL CHECK (who <> ''),
    preview         jsonb NOT NULL DEFAULT '{}',         -- what was shown before: alerts that open, change, close
    stored_at       timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE rule_switch (                               -- of each rule the newest counts; until_at null: on again
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rule            text NOT NULL,
    until_at        timestamptz,
    reason          text NOT NULL DEFAULT '',
    who             text NOT NULL CHECK (who <> ''),
    second          text NOT NULL DEFAULT '',
    at              timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (second <> who)
);
CREATE INDEX rule_switch_rule ON rule_switch (rule, id);

CREATE TABLE pack_change (                               -- alerts that changed only because of the rules: to be reviewed
    alert_id        uuid NOT NULL REFERENCES alert,
    alert_version   integer NOT NULL,
    patient_id      bigint NOT NULL,
    rule            text NOT NULL,
    kind            text NOT NULL,                       -- opened, regraded, cleared, retracted, updated, ...
    severity_before text NOT NULL DEFAULT '',
    severity_after  text NOT NULL,
    fingerprint     text NOT NULL,                       -- of the rules that changed it
    at              timestamptz NOT NULL DEFAULT clock_timestamp(),
    reviewed_by     text,
    reviewed_at     timestamptz,
    PRIMARY KEY (alert_id, alert_version)
);
CREATE INDEX pack_change_open ON pack_change (at) WHERE reviewed_at IS NULL;

-- ---------------------------------------------------------------- people, tokens, screens, and who read what

CREATE TABLE person (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    login           text NOT NULL UNIQUE,
    name            text NOT NULL,
    role            text NOT NULL CHECK (role IN ('ward', 'on_call', 'steward', 'admin')),
    password_hash   text NOT NULL,
    language        text NOT NULL DEFAULT 'sl',
    disabled_at     timestamptz,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE token (
    id              uuid PRIMARY KEY,
    name            text NOT NULL,
    kind            text NOT NULL CHECK (kind IN ('api', 'device', 'session')),
    secret_hash     bytea NOT NULL UNIQUE,               -- sha256 of a random secret of 256 bits
    scope           text NOT NULL,                       -- api: read | write | admin; device: ward name
    named           boolean NOT NULL DEFAULT false,      -- a device that may show names
    person_id       bigint REFERENCES person,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at      timestamptz,
    last_used_at    timestamptz,
    revoked_at      timestamptz
);

CREATE TABLE audit (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at              timestamptz NOT NULL DEFAULT clock_timestamp(),
    who             text NOT NULL,
    action          text NOT NULL,
    patient_id      bigint,
    alert_id        uuid,
    route           text NOT NULL DEFAULT '',            -- template, never the address itself
    detail          text NOT NULL DEFAULT ''
);
CREATE INDEX audit_patient ON audit (patient_id, at);
CREATE INDEX audit_login ON audit (at) WHERE action IN ('login', 'login_failed');  -- throttling counts them

CREATE FUNCTION halo_append_only_v1() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER alert_event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON alert_event
    FOR EACH STATEMENT EXECUTE FUNCTION halo_append_only_v1();
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION halo_append_only_v1();

CREATE TRIGGER rule_pack_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON rule_pack
    FOR EACH STATEMENT EXECUTE FUNCTION halo_append_only_v1();
CREATE TRIGGER rule_pack_approval_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON rule_pack_approval
    FOR EACH STATEMENT EXECUTE FUNCTION halo_append_only_v1();
CREATE TRIGGER active_version_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON active_version
    FOR EACH STATEMENT EXECUTE FUNCTION halo_append_only_v1();
CREATE TRIGGER rule_switch_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON rule_switch
    FOR EACH STATEMENT EXECUTE FUNCTION halo_append_only_v1();

CREATE TABLE installation (                              -- one row: what this database is for
    one_row         boolean PRIMARY KEY DEFAULT true CHECK (one_row),
    realm           text NOT NULL DEFAULT '',            -- demo: made-up patients only
    created_at      timestamptz NOT NULL DEFAULT now()
);
INSERT INTO installation DEFAULT VALUES;
