-- Who a result belongs to: every number of a patient, records that may be one person, order numbers that were used twice.
-- depends: 01.00.00_01_pre_initial

CREATE TABLE patient_identifier (                        -- every repeat of PID-3 that was ever sent with a record
    authority       text NOT NULL,
    value           text NOT NULL,
    patient_id      bigint NOT NULL REFERENCES patient,
    type            text NOT NULL DEFAULT '',            -- PID-3.5, as sent
    first_at        timestamptz NOT NULL,
    PRIMARY KEY (authority, value, patient_id)
);

INSERT INTO patient_identifier (authority, value, patient_id, type, first_at)
SELECT coalesce(one ->> 'authority', ''), one ->> 'value', p.id, coalesce(one ->> 'type', ''), p.created_at
FROM patient AS p, jsonb_array_elements(p.identifiers) AS one
WHERE one ->> 'value' IS NOT NULL
ON CONFLICT DO NOTHING;

CREATE TABLE patient_link (                              -- two records that may be one person: a person decides
    one             bigint NOT NULL REFERENCES patient,
    other           bigint NOT NULL REFERENCES patient,
    reason          text NOT NULL,                       -- same_number, identity_conflict, linked_by_sender, merge_not_allowed
    event_id        uuid NOT NULL,                       -- of the message that first said so
    found_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    state           text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'confirmed', 'undone')),
    decided_by      text NOT NULL DEFAULT '',
    decided_at      timestamptz,
    PRIMARY KEY (one, other),
    CHECK (one < other)
);
CREATE INDEX patient_link_other ON patient_link (other);
CREATE INDEX patient_link_open ON patient_link (found_at) WHERE state = 'open';

CREATE TABLE order_number (                              -- filler orders; two patients under one number: order_id_reused
    laboratory      text NOT NULL,
    number          text NOT NULL,
    patient_id      bigint NOT NULL,
    PRIMARY KEY (laboratory, number, patient_id)
);
