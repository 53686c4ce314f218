-- Groups of held results are counted from an index alone: an unknown code of a long history makes very many of them.
-- depends: 01.01.00_60_pre_quarantine_bench

DROP INDEX quarantine_group;
CREATE INDEX quarantine_group ON quarantine (reason, laboratory, code, unit, received_at DESC, id DESC)
    INCLUDE (would_be, assigned_to) WHERE closed_at IS NULL;
