-- Tokens of systems that send results over HTTP (FHIR). Apart from the people's and programs' tokens, so that no release
-- of the board can ever take one of them for a reader.
-- depends: 01.00.00_01_pre_initial

CREATE TABLE sender_token (
    id              uuid PRIMARY KEY,
    name            text NOT NULL,
    sender          text NOT NULL CHECK (sender <> ''),  -- whose results come with it: name of a [[sender]] of the site file
    secret_hash     bytea NOT NULL UNIQUE,               -- sha256 of a random secret of 256 bits
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at      timestamptz NOT NULL,
    last_used_at    timestamptz,
    revoked_at      timestamptz
);
