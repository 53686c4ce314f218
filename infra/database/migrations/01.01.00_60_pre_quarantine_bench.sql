-- The data steward's bench: what people decide about held results, who is told of them, what becomes of dead letters.

ALTER TABLE quarantine
    ADD COLUMN place        integer NOT NULL DEFAULT -1,     -- position in the report; -1 where an older version wrote it
    ADD COLUMN analyte      text NOT NULL DEFAULT '',        -- where the code was understood
    ADD COLUMN system       text NOT NULL DEFAULT '',        -- of the first coding, as sent
    ADD COLUMN display      text NOT NULL DEFAULT '',        -- of the first coding, as sent
    ADD COLUMN looks_in     text NOT NULL DEFAULT '',        -- units in which it would be as `would_be` says
    ADD COLUMN assigned_to  text NOT NULL DEFAULT '',        -- login of who takes care of it
    ADD COLUMN assigned_at  timestamptz,
    ADD COLUMN closed_as    text NOT NULL DEFAULT '',        -- released | ignored | closed; '' by itself or open
    ADD COLUMN close_reason text NOT NULL DEFAULT '';
CREATE INDEX quarantine_group ON quarantine (reason, laboratory, code, unit) WHERE closed_at IS NULL;
CREATE INDEX quarantine_event_id ON quarantine (event_id);

CREATE TABLE quarantine_release (                            -- the stored event: who let what through to be taken again
    id              uuid PRIMARY KEY,
    who             text NOT NULL CHECK (who <> ''),
    note            text NOT NULL DEFAULT '',
    items           uuid[] NOT NULL,
    at              timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE quarantine_log (                                -- what happened to an item, and by whom
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    item            uuid NOT NULL,
    kind            text NOT NULL,                           -- released, taken, still_held, closed, reopened, ignored, noted, assigned, told
    who             text NOT NULL,
    note            text NOT NULL DEFAULT '',
    site_version    text NOT NULL DEFAULT '',
    release         uuid,
    at              timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX quarantine_log_item ON quarantine_log (item, id);
CREATE TABLE quarantine_ignore (                             -- codes nobody wants read, until the site file says so
    laboratory      text NOT NULL,
    code            text NOT NULL,
    who             text NOT NULL CHECK (who <> ''),
    note            text NOT NULL DEFAULT '',
    at              timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (laboratory, code)
);
CREATE TRIGGER quarantine_release_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON quarantine_release
    FOR EACH STATEMENT EXECUTE FUNCTION halo_append_only_v1();
CREATE TRIGGER quarantine_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON quarantine_log
    FOR EACH STATEMENT EXECUTE FUNCTION halo_append_only_v1();

ALTER TABLE dead_letter
    ADD COLUMN closed_at    timestamptz,
    ADD COLUMN closed_by    text NOT NULL DEFAULT '',
    ADD COLUMN close_reason text NOT NULL DEFAULT '',
    ADD COLUMN replayed_by  text NOT NULL DEFAULT '';

ALTER TABLE operations_alert
    ADD COLUMN audience     text NOT NULL DEFAULT 'operations',  -- operations | steward | clinical
    ADD COLUMN link         text NOT NULL DEFAULT '',            -- path of the page to act on
    ADD COLUMN rule_pack_status text NOT NULL DEFAULT 'none';    -- draft: to test recipients only

CREATE INDEX source_message_stored ON source_message USING brin (stored_at);
