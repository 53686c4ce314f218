-- The site file as a governed thing: its bytes, the version in force, by which version each record was last mapped.
-- depends: 01.00.00_01_pre_initial

CREATE TABLE site_file (                                 -- every site file that was in force or was applied here
    version         text PRIMARY KEY CHECK (version ~ '^[0-9a-f]{12}$'),  -- start of the hash; part of result.mapping_version
    hash            text NOT NULL UNIQUE CHECK (hash ~ '^[0-9a-f]{64}$'), -- sha256 of content
    content         bytea NOT NULL,                      -- the file, byte for byte
    stored_at       timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TRIGGER site_file_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON site_file
    FOR EACH STATEMENT EXECUTE FUNCTION halo_append_only_v1();

ALTER TABLE active_version ADD COLUMN second text NOT NULL DEFAULT '';  -- of a site file: the second person

ALTER TABLE patient ADD COLUMN site_version text NOT NULL DEFAULT '';   -- site file its results were last mapped by
