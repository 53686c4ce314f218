-- Alerts that import of history opened: how far it goes, so that nobody is told of it later (agreed behaviour 1).
-- depends: 01.00.00_01_pre_initial

ALTER TABLE alert ADD COLUMN imported_until timestamptz;    -- newest sample that history judged it by, nobody was told
