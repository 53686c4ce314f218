-- All tables as the migrations make them. Written by `python -m infra.database.schema`; change the migrations.
CREATE FUNCTION public.halo_append_only_v1() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TABLE public.active_version (
    id bigint NOT NULL,
    kind text NOT NULL,
    version text NOT NULL,
    hash text NOT NULL,
    from_at timestamp with time zone NOT NULL,
    who text NOT NULL,
    preview jsonb DEFAULT '{}'::jsonb NOT NULL,
    stored_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    second text DEFAULT ''::text NOT NULL,
    CONSTRAINT active_version_kind_check CHECK ((kind = ANY (ARRAY['rule_pack'::text, 'site'::text]))),
    CONSTRAINT active_version_who_check CHECK ((who <> ''::text))
);

ALTER TABLE public.active_version ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.active_version_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.alert (
    alert_id uuid NOT NULL,
    patient_id bigint NOT NULL,
    version integer NOT NULL,
    family text NOT NULL,
    rule text NOT NULL,
    level text NOT NULL,
    severity text NOT NULL,
    condition text NOT NULL,
    response text DEFAULT 'unacknowledged'::text NOT NULL,
    flags text[] DEFAULT '{}'::text[] NOT NULL,
    anchor uuid NOT NULL,
    slots uuid[] NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    regraded_at timestamp with time zone NOT NULL,
    cleared_at timestamp with time zone,
    sampled_at timestamp with time zone NOT NULL,
    analyte text DEFAULT ''::text NOT NULL,
    value numeric,
    unit text DEFAULT ''::text NOT NULL,
    summary jsonb NOT NULL,
    body bytea NOT NULL,
    rule_pack text NOT NULL,
    rule_pack_status text DEFAULT 'draft'::text NOT NULL,
    site_version text DEFAULT ''::text NOT NULL,
    late boolean DEFAULT false NOT NULL,
    superseded_by uuid,
    code text NOT NULL,
    acknowledged_by text,
    acknowledged_at timestamp with time zone,
    acknowledged_version integer,
    acknowledgement_expires_at timestamp with time zone,
    told_at timestamp with time zone,
    told_severity text,
    told_value numeric,
    told_level text,
    told_analyte text,
    told_sampled_at timestamp with time zone,
    told_draft boolean DEFAULT false NOT NULL,
    withheld text DEFAULT ''::text NOT NULL,
    held_until timestamp with time zone,
    event_id uuid,
    received_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    changed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    imported_until timestamp with time zone,
    feed text DEFAULT ''::text NOT NULL,
    CONSTRAINT alert_condition_check CHECK ((condition = ANY (ARRAY['active'::text, 'cleared'::text, 'retracted'::text, 'superseded'::text]))),
    CONSTRAINT alert_response_check CHECK ((response = ANY (ARRAY['unacknowledged'::text, 'acknowledged'::text, 'shelved'::text, 'closed'::text]))),
    CONSTRAINT alert_rule_pack_status_check CHECK ((rule_pack_status = ANY (ARRAY['draft'::text, 'approved'::text])))
);

CREATE TABLE public.alert_event (
    chain bigint NOT NULL,
    number bigint NOT NULL,
    alert_id uuid,
    alert_version integer,
    kind text NOT NULL,
    actor text DEFAULT ''::text NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    payload_hash bytea NOT NULL,
    mac bytea NOT NULL
);

CREATE TABLE public.alert_event_payload (
    chain bigint NOT NULL,
    number bigint NOT NULL,
    salt bytea NOT NULL,
    payload jsonb NOT NULL
);

CREATE TABLE public.audit (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    who text NOT NULL,
    action text NOT NULL,
    patient_id bigint,
    alert_id uuid,
    route text DEFAULT ''::text NOT NULL,
    detail text DEFAULT ''::text NOT NULL
);

ALTER TABLE public.audit ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.audit_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.blind_span (
    began_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    results integer DEFAULT 0 NOT NULL,
    alerts integer DEFAULT 0 NOT NULL
);

CREATE TABLE public.candidate (
    patient_id bigint NOT NULL,
    reason text NOT NULL,
    collected_at timestamp with time zone NOT NULL,
    result_id uuid NOT NULL,
    value numeric,
    unit text DEFAULT ''::text NOT NULL,
    listed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

CREATE TABLE public.consumer_offset (
    consumer_group text NOT NULL,
    cluster_id text NOT NULL,
    topic text NOT NULL,
    topic_id text NOT NULL,
    partition integer NOT NULL,
    next_offset bigint NOT NULL,
    heartbeat_at timestamp with time zone,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

CREATE TABLE public.context_event (
    event_id uuid NOT NULL,
    number integer NOT NULL,
    patient_id bigint NOT NULL,
    kind text NOT NULL,
    body jsonb NOT NULL,
    received_at timestamp with time zone NOT NULL
);

CREATE TABLE public.dead_letter (
    id uuid NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    kafka_offset bigint NOT NULL,
    key bytea,
    value bytea NOT NULL,
    headers jsonb DEFAULT '[]'::jsonb NOT NULL,
    error_class text NOT NULL,
    reason text NOT NULL,
    code_version text NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    replayed_at timestamp with time zone,
    closed_at timestamp with time zone,
    closed_by text DEFAULT ''::text NOT NULL,
    close_reason text DEFAULT ''::text NOT NULL,
    replayed_by text DEFAULT ''::text NOT NULL
);

CREATE TABLE public.delivery (
    id uuid NOT NULL,
    alert_id uuid NOT NULL,
    alert_version integer NOT NULL,
    patient_id bigint NOT NULL,
    channel text NOT NULL,
    recipient text NOT NULL,
    change text NOT NULL,
    reason text NOT NULL,
    body bytea NOT NULL,
    status text DEFAULT 'queued'::text NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    next_attempt_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    possibly_repeated boolean DEFAULT false NOT NULL,
    received_at timestamp with time zone,
    closed_for text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    handed_over_at timestamp with time zone,
    CONSTRAINT delivery_status_check CHECK ((status = ANY (ARRAY['queued'::text, 'sending'::text, 'handed_over'::text, 'overtaken'::text, 'closed'::text])))
);

CREATE TABLE public.delivery_attempt (
    delivery_id uuid NOT NULL,
    attempt integer NOT NULL,
    started_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    outcome text DEFAULT 'unknown'::text NOT NULL,
    detail text DEFAULT ''::text NOT NULL
);

CREATE TABLE public.feed (
    name text NOT NULL,
    key text DEFAULT ''::text NOT NULL,
    state text DEFAULT 'silent'::text NOT NULL,
    live_from timestamp with time zone,
    listed boolean DEFAULT true NOT NULL,
    who text DEFAULT 'site file'::text NOT NULL,
    second text DEFAULT ''::text NOT NULL,
    first_seen_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    changed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT feed_check CHECK (((second = ''::text) OR (second <> who))),
    CONSTRAINT feed_state_check CHECK ((state = ANY (ARRAY['silent'::text, 'live'::text])))
);

CREATE TABLE public.feed_before (
    sender text NOT NULL
);

CREATE TABLE public.feed_day (
    feed text NOT NULL,
    analyte text NOT NULL,
    day date NOT NULL,
    results integer NOT NULL,
    median numeric,
    outside numeric
);

CREATE TABLE public.feed_hour (
    feed text NOT NULL,
    hour timestamp with time zone NOT NULL,
    messages integer DEFAULT 0 NOT NULL,
    results integer DEFAULT 0 NOT NULL,
    stored integer DEFAULT 0 NOT NULL,
    duplicate integer DEFAULT 0 NOT NULL,
    quarantined integer DEFAULT 0 NOT NULL,
    ignored integer DEFAULT 0 NOT NULL,
    refused integer DEFAULT 0 NOT NULL,
    history integer DEFAULT 0 NOT NULL,
    test integer DEFAULT 0 NOT NULL,
    last_at timestamp with time zone,
    longest_gap interval DEFAULT '00:00:00'::interval NOT NULL
);

CREATE TABLE public.feed_shift (
    feed text NOT NULL,
    analyte text NOT NULL,
    day date NOT NULL,
    kind text NOT NULL,
    before numeric NOT NULL,
    now numeric NOT NULL,
    results integer NOT NULL,
    found_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT feed_shift_kind_check CHECK ((kind = ANY (ARRAY['median'::text, 'outside'::text])))
);

CREATE TABLE public.feed_tally (
    id bigint NOT NULL,
    feed text NOT NULL,
    first_at timestamp with time zone NOT NULL,
    last_at timestamp with time zone NOT NULL,
    messages integer DEFAULT 0 NOT NULL,
    results integer DEFAULT 0 NOT NULL,
    stored integer DEFAULT 0 NOT NULL,
    duplicate integer DEFAULT 0 NOT NULL,
    quarantined integer DEFAULT 0 NOT NULL,
    ignored integer DEFAULT 0 NOT NULL,
    refused integer DEFAULT 0 NOT NULL,
    history integer DEFAULT 0 NOT NULL,
    test integer DEFAULT 0 NOT NULL
);

ALTER TABLE public.feed_tally ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.feed_tally_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.installation (
    one_row boolean DEFAULT true NOT NULL,
    realm text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT installation_one_row_check CHECK (one_row)
);

CREATE TABLE public.live_event (
    id bigint NOT NULL,
    seq bigint,
    kind text NOT NULL,
    patient_id bigint,
    alert_id uuid,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

ALTER TABLE public.live_event ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.live_event_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE SEQUENCE public.live_event_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

CREATE TABLE public.operations_alert (
    key text NOT NULL,
    kind text NOT NULL,
    severity text NOT NULL,
    detail text NOT NULL,
    patient_id bigint,
    feed text DEFAULT ''::text NOT NULL,
    count integer DEFAULT 1 NOT NULL,
    opened_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    last_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    told_at timestamp with time zone,
    closed_at timestamp with time zone,
    audience text DEFAULT 'operations'::text NOT NULL,
    link text DEFAULT ''::text NOT NULL,
    rule_pack_status text DEFAULT 'none'::text NOT NULL,
    detail_sl text DEFAULT ''::text NOT NULL
);

CREATE TABLE public.order_number (
    laboratory text NOT NULL,
    number text NOT NULL,
    patient_id bigint NOT NULL
);

CREATE TABLE public.outbox (
    id bigint NOT NULL,
    shard integer NOT NULL,
    topic text NOT NULL,
    key bytea NOT NULL,
    value bytea NOT NULL,
    headers jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    published_at timestamp with time zone,
    refused text
);

ALTER TABLE public.outbox ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.outbox_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.pack_change (
    alert_id uuid NOT NULL,
    alert_version integer NOT NULL,
    patient_id bigint NOT NULL,
    rule text NOT NULL,
    kind text NOT NULL,
    severity_before text DEFAULT ''::text NOT NULL,
    severity_after text NOT NULL,
    fingerprint text NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    reviewed_by text,
    reviewed_at timestamp with time zone
);

CREATE TABLE public.patient (
    id bigint NOT NULL,
    public_id text NOT NULL,
    sent_id text NOT NULL,
    identifiers jsonb DEFAULT '[]'::jsonb NOT NULL,
    family text DEFAULT ''::text NOT NULL,
    given text DEFAULT ''::text NOT NULL,
    birth_date text DEFAULT ''::text NOT NULL,
    sex text DEFAULT ''::text NOT NULL,
    demographics jsonb DEFAULT '{}'::jsonb NOT NULL,
    ward text DEFAULT ''::text NOT NULL,
    bed text DEFAULT ''::text NOT NULL,
    place_at timestamp with time zone,
    series_version bigint DEFAULT 0 NOT NULL,
    as_of timestamp with time zone,
    incomplete jsonb DEFAULT '{}'::jsonb NOT NULL,
    rule_pack text DEFAULT ''::text NOT NULL,
    unwatched text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    site_version text DEFAULT ''::text NOT NULL
);

CREATE TABLE public.patient_alias (
    retired_id bigint NOT NULL,
    root_id bigint NOT NULL,
    CONSTRAINT patient_alias_check CHECK ((retired_id <> root_id))
);

ALTER TABLE public.patient ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.patient_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.patient_identifier (
    authority text NOT NULL,
    value text NOT NULL,
    patient_id bigint NOT NULL,
    type text DEFAULT ''::text NOT NULL,
    first_at timestamp with time zone NOT NULL
);

CREATE TABLE public.patient_link (
    one bigint NOT NULL,
    other bigint NOT NULL,
    reason text NOT NULL,
    event_id uuid NOT NULL,
    found_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    state text DEFAULT 'open'::text NOT NULL,
    decided_by text DEFAULT ''::text NOT NULL,
    decided_at timestamp with time zone,
    CONSTRAINT patient_link_check CHECK ((one < other)),
    CONSTRAINT patient_link_state_check CHECK ((state = ANY (ARRAY['open'::text, 'confirmed'::text, 'undone'::text])))
);

CREATE TABLE public.patient_merge (
    event_id uuid NOT NULL,
    retired_id bigint NOT NULL,
    survivor_id bigint NOT NULL,
    undo boolean NOT NULL,
    sent_at timestamp with time zone NOT NULL,
    stored_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.person (
    id bigint NOT NULL,
    login text NOT NULL,
    name text NOT NULL,
    role text NOT NULL,
    password_hash text NOT NULL,
    language text DEFAULT 'sl'::text NOT NULL,
    disabled_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT person_role_check CHECK ((role = ANY (ARRAY['ward'::text, 'on_call'::text, 'steward'::text, 'admin'::text])))
);

ALTER TABLE public.person ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.person_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.quarantine (
    id uuid NOT NULL,
    event_id uuid NOT NULL,
    patient_id bigint,
    reason text NOT NULL,
    detail text DEFAULT ''::text NOT NULL,
    laboratory text DEFAULT ''::text NOT NULL,
    code text DEFAULT ''::text NOT NULL,
    value text DEFAULT ''::text NOT NULL,
    unit text DEFAULT ''::text NOT NULL,
    segment integer DEFAULT 0 NOT NULL,
    collected_at text DEFAULT ''::text NOT NULL,
    would_be text DEFAULT ''::text NOT NULL,
    slot text DEFAULT ''::text NOT NULL,
    received_at timestamp with time zone NOT NULL,
    closed_at timestamp with time zone,
    closed_by text,
    place integer DEFAULT '-1'::integer NOT NULL,
    analyte text DEFAULT ''::text NOT NULL,
    system text DEFAULT ''::text NOT NULL,
    display text DEFAULT ''::text NOT NULL,
    looks_in text DEFAULT ''::text NOT NULL,
    assigned_to text DEFAULT ''::text NOT NULL,
    assigned_at timestamp with time zone,
    closed_as text DEFAULT ''::text NOT NULL,
    close_reason text DEFAULT ''::text NOT NULL
);

CREATE TABLE public.quarantine_ignore (
    laboratory text NOT NULL,
    code text NOT NULL,
    who text NOT NULL,
    note text DEFAULT ''::text NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT quarantine_ignore_who_check CHECK ((who <> ''::text))
);

CREATE TABLE public.quarantine_log (
    id bigint NOT NULL,
    item uuid NOT NULL,
    kind text NOT NULL,
    who text NOT NULL,
    note text DEFAULT ''::text NOT NULL,
    site_version text DEFAULT ''::text NOT NULL,
    release uuid,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

ALTER TABLE public.quarantine_log ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.quarantine_log_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.quarantine_release (
    id uuid NOT NULL,
    who text NOT NULL,
    note text DEFAULT ''::text NOT NULL,
    items uuid[] NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT quarantine_release_who_check CHECK ((who <> ''::text))
);

CREATE TABLE public.refused (
    event_id uuid NOT NULL,
    sender text NOT NULL,
    reason text NOT NULL,
    field text DEFAULT ''::text NOT NULL,
    received_at timestamp with time zone NOT NULL,
    raw bytea NOT NULL
);

CREATE TABLE public.result (
    result_id uuid NOT NULL,
    patient_id bigint NOT NULL,
    analyte text NOT NULL,
    slot uuid NOT NULL,
    collected_at timestamp with time zone NOT NULL,
    status text NOT NULL,
    version_time timestamp with time zone NOT NULL,
    received_at timestamp with time zone NOT NULL,
    value numeric,
    comparator text,
    unit text DEFAULT ''::text NOT NULL,
    quality text NOT NULL,
    event_id uuid NOT NULL,
    mapping_version text DEFAULT ''::text NOT NULL,
    stored_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    body bytea NOT NULL
);

CREATE TABLE public.result_key (
    result_id uuid NOT NULL,
    patient_id bigint NOT NULL
);

CREATE TABLE public.rule_pack (
    fingerprint text NOT NULL,
    hash text NOT NULL,
    version text NOT NULL,
    content text NOT NULL,
    stored_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT rule_pack_fingerprint_check CHECK ((fingerprint ~ '^[0-9a-f]{64}$'::text)),
    CONSTRAINT rule_pack_hash_check CHECK ((hash ~ '^[0-9a-f]{64}$'::text))
);

CREATE TABLE public.rule_pack_approval (
    id bigint NOT NULL,
    fingerprint text NOT NULL,
    login text NOT NULL,
    name text NOT NULL,
    confirmed jsonb NOT NULL,
    approved_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT rule_pack_approval_login_check CHECK ((login <> ''::text)),
    CONSTRAINT rule_pack_approval_name_check CHECK ((name <> ''::text))
);

ALTER TABLE public.rule_pack_approval ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.rule_pack_approval_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.rule_switch (
    id bigint NOT NULL,
    rule text NOT NULL,
    until_at timestamp with time zone,
    reason text DEFAULT ''::text NOT NULL,
    who text NOT NULL,
    second text DEFAULT ''::text NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT rule_switch_check CHECK ((second <> who)),
    CONSTRAINT rule_switch_who_check CHECK ((who <> ''::text))
);

ALTER TABLE public.rule_switch ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.rule_switch_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.sender_token (
    id uuid NOT NULL,
    name text NOT NULL,
    sender text NOT NULL,
    secret_hash bytea NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    last_used_at timestamp with time zone,
    revoked_at timestamp with time zone,
    CONSTRAINT sender_token_sender_check CHECK ((sender <> ''::text))
);

CREATE TABLE public.site_file (
    version text NOT NULL,
    hash text NOT NULL,
    content bytea NOT NULL,
    stored_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT site_file_hash_check CHECK ((hash ~ '^[0-9a-f]{64}$'::text)),
    CONSTRAINT site_file_version_check CHECK ((version ~ '^[0-9a-f]{12}$'::text))
);

CREATE TABLE public.source_message (
    event_id uuid NOT NULL,
    patient_id bigint,
    type text NOT NULL,
    purpose text DEFAULT 'live'::text NOT NULL,
    format text NOT NULL,
    sender text NOT NULL,
    message_id text DEFAULT ''::text NOT NULL,
    message_type text DEFAULT ''::text NOT NULL,
    sent_at text DEFAULT ''::text NOT NULL,
    received_at timestamp with time zone NOT NULL,
    stored_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    sha256 text DEFAULT ''::text NOT NULL,
    charset text DEFAULT ''::text NOT NULL,
    raw bytea NOT NULL,
    event bytea NOT NULL,
    results integer DEFAULT 0 NOT NULL,
    stored integer DEFAULT 0 NOT NULL,
    duplicate integer DEFAULT 0 NOT NULL,
    quarantined integer DEFAULT 0 NOT NULL,
    ignored integer DEFAULT 0 NOT NULL
);

CREATE TABLE public.timer (
    id uuid NOT NULL,
    kind text NOT NULL,
    patient_id bigint,
    due_at timestamp with time zone NOT NULL,
    body jsonb DEFAULT '{}'::jsonb NOT NULL,
    fired_at timestamp with time zone
);

CREATE TABLE public.token (
    id uuid NOT NULL,
    name text NOT NULL,
    kind text NOT NULL,
    secret_hash bytea NOT NULL,
    scope text NOT NULL,
    named boolean DEFAULT false NOT NULL,
    person_id bigint,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    expires_at timestamp with time zone,
    last_used_at timestamp with time zone,
    revoked_at timestamp with time zone,
    CONSTRAINT token_kind_check CHECK ((kind = ANY (ARRAY['api'::text, 'device'::text, 'session'::text])))
);

ALTER TABLE ONLY public.active_version
    ADD CONSTRAINT active_version_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.alert_event_payload
    ADD CONSTRAINT alert_event_payload_pkey PRIMARY KEY (chain, number);

ALTER TABLE ONLY public.alert_event
    ADD CONSTRAINT alert_event_pkey PRIMARY KEY (chain, number);

ALTER TABLE ONLY public.alert
    ADD CONSTRAINT alert_pkey PRIMARY KEY (alert_id);

ALTER TABLE ONLY public.audit
    ADD CONSTRAINT audit_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.blind_span
    ADD CONSTRAINT blind_span_pkey PRIMARY KEY (began_at);

ALTER TABLE ONLY public.candidate
    ADD CONSTRAINT candidate_pkey PRIMARY KEY (patient_id, reason);

ALTER TABLE ONLY public.consumer_offset
    ADD CONSTRAINT consumer_offset_pkey PRIMARY KEY (consumer_group, cluster_id, topic_id, partition);

ALTER TABLE ONLY public.context_event
    ADD CONSTRAINT context_event_pkey PRIMARY KEY (event_id, number);

ALTER TABLE ONLY public.dead_letter
    ADD CONSTRAINT dead_letter_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.delivery
    ADD CONSTRAINT delivery_alert_id_alert_version_channel_recipient_key UNIQUE (alert_id, alert_version, channel, recipient);

ALTER TABLE ONLY public.delivery_attempt
    ADD CONSTRAINT delivery_attempt_pkey PRIMARY KEY (delivery_id, attempt);

ALTER TABLE ONLY public.delivery
    ADD CONSTRAINT delivery_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.feed_before
    ADD CONSTRAINT feed_before_pkey PRIMARY KEY (sender);

ALTER TABLE ONLY public.feed_day
    ADD CONSTRAINT feed_day_pkey PRIMARY KEY (feed, analyte, day);

ALTER TABLE ONLY public.feed_hour
    ADD CONSTRAINT feed_hour_pkey PRIMARY KEY (feed, hour);

ALTER TABLE ONLY public.feed
    ADD CONSTRAINT feed_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.feed_shift
    ADD CONSTRAINT feed_shift_pkey PRIMARY KEY (feed, analyte, day, kind);

ALTER TABLE ONLY public.feed_tally
    ADD CONSTRAINT feed_tally_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.installation
    ADD CONSTRAINT installation_pkey PRIMARY KEY (one_row);

ALTER TABLE ONLY public.live_event
    ADD CONSTRAINT live_event_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.live_event
    ADD CONSTRAINT live_event_seq_key UNIQUE (seq);

ALTER TABLE ONLY public.operations_alert
    ADD CONSTRAINT operations_alert_pkey PRIMARY KEY (key);

ALTER TABLE ONLY public.order_number
    ADD CONSTRAINT order_number_pkey PRIMARY KEY (laboratory, number, patient_id);

ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.pack_change
    ADD CONSTRAINT pack_change_pkey PRIMARY KEY (alert_id, alert_version);

ALTER TABLE ONLY public.patient_alias
    ADD CONSTRAINT patient_alias_pkey PRIMARY KEY (retired_id);

ALTER TABLE ONLY public.patient_identifier
    ADD CONSTRAINT patient_identifier_pkey PRIMARY KEY (authority, value, patient_id);

ALTER TABLE ONLY public.patient_link
    ADD CONSTRAINT patient_link_pkey PRIMARY KEY (one, other);

ALTER TABLE ONLY public.patient_merge
    ADD CONSTRAINT patient_merge_pkey PRIMARY KEY (event_id);

ALTER TABLE ONLY public.patient
    ADD CONSTRAINT patient_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.patient
    ADD CONSTRAINT patient_public_id_key UNIQUE (public_id);

ALTER TABLE ONLY public.patient
    ADD CONSTRAINT patient_sent_id_key UNIQUE (sent_id);

ALTER TABLE ONLY public.person
    ADD CONSTRAINT person_login_key UNIQUE (login);

ALTER TABLE ONLY public.person
    ADD CONSTRAINT person_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.quarantine_ignore
    ADD CONSTRAINT quarantine_ignore_pkey PRIMARY KEY (laboratory, code);

ALTER TABLE ONLY public.quarantine_log
    ADD CONSTRAINT quarantine_log_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.quarantine
    ADD CONSTRAINT quarantine_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.quarantine_release
    ADD CONSTRAINT quarantine_release_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.refused
    ADD CONSTRAINT refused_pkey PRIMARY KEY (event_id);

ALTER TABLE ONLY public.result_key
    ADD CONSTRAINT result_key_pkey PRIMARY KEY (result_id);

ALTER TABLE ONLY public.result
    ADD CONSTRAINT result_pkey PRIMARY KEY (result_id, collected_at);

ALTER TABLE ONLY public.rule_pack_approval
    ADD CONSTRAINT rule_pack_approval_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.rule_pack
    ADD CONSTRAINT rule_pack_pkey PRIMARY KEY (fingerprint);

ALTER TABLE ONLY public.rule_switch
    ADD CONSTRAINT rule_switch_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.sender_token
    ADD CONSTRAINT sender_token_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.sender_token
    ADD CONSTRAINT sender_token_secret_hash_key UNIQUE (secret_hash);

ALTER TABLE ONLY public.site_file
    ADD CONSTRAINT site_file_hash_key UNIQUE (hash);

ALTER TABLE ONLY public.site_file
    ADD CONSTRAINT site_file_pkey PRIMARY KEY (version);

ALTER TABLE ONLY public.source_message
    ADD CONSTRAINT source_message_pkey PRIMARY KEY (event_id);

ALTER TABLE ONLY public.timer
    ADD CONSTRAINT timer_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.token
    ADD CONSTRAINT token_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.token
    ADD CONSTRAINT token_secret_hash_key UNIQUE (secret_hash);

CREATE INDEX alert_event_alert ON public.alert_event USING btree (alert_id);

CREATE INDEX alert_open ON public.alert USING btree (severity, changed_at) WHERE (condition = 'active'::text);

CREATE INDEX alert_patient ON public.alert USING btree (patient_id, rule);

CREATE INDEX audit_login ON public.audit USING btree (at) WHERE (action = ANY (ARRAY['login'::text, 'login_failed'::text]));

CREATE INDEX audit_patient ON public.audit USING btree (patient_id, at);

CREATE INDEX context_event_patient ON public.context_event USING btree (patient_id);

CREATE INDEX delivery_due ON public.delivery USING btree (next_attempt_at) WHERE (status = ANY (ARRAY['queued'::text, 'sending'::text]));

CREATE INDEX live_event_unstamped ON public.live_event USING btree (id) WHERE (seq IS NULL);

CREATE INDEX operations_alert_feed ON public.operations_alert USING btree (feed, last_at) WHERE (feed <> ''::text);

CREATE INDEX outbox_published ON public.outbox USING btree (published_at);

CREATE INDEX outbox_waiting ON public.outbox USING btree (shard, id) WHERE ((published_at IS NULL) AND (refused IS NULL));

CREATE INDEX pack_change_open ON public.pack_change USING btree (at) WHERE (reviewed_at IS NULL);

CREATE INDEX patient_alias_root ON public.patient_alias USING btree (root_id);

CREATE INDEX patient_link_open ON public.patient_link USING btree (found_at) WHERE (state = 'open'::text);

CREATE INDEX patient_link_other ON public.patient_link USING btree (other);

CREATE INDEX patient_merge_retired ON public.patient_merge USING btree (retired_id);

CREATE INDEX quarantine_event_id ON public.quarantine USING btree (event_id);

CREATE INDEX quarantine_group ON public.quarantine USING btree (reason, laboratory, code, unit, received_at DESC, id DESC) INCLUDE (would_be, assigned_to) WHERE (closed_at IS NULL);

CREATE INDEX quarantine_log_item ON public.quarantine_log USING btree (item, id);

CREATE INDEX quarantine_open ON public.quarantine USING btree (received_at) WHERE (closed_at IS NULL);

CREATE INDEX quarantine_slot ON public.quarantine USING btree (slot) WHERE ((closed_at IS NULL) AND (slot <> ''::text));

CREATE INDEX refused_received ON public.refused USING btree (received_at);

CREATE INDEX result_patient ON public.result USING btree (patient_id, analyte, collected_at DESC);

CREATE INDEX result_stored ON public.result USING brin (stored_at);

CREATE INDEX rule_pack_approval_fingerprint ON public.rule_pack_approval USING btree (fingerprint);

CREATE INDEX rule_pack_hash ON public.rule_pack USING btree (hash);

CREATE INDEX rule_switch_rule ON public.rule_switch USING btree (rule, id);

CREATE INDEX source_message_patient ON public.source_message USING btree (patient_id, received_at);

CREATE INDEX source_message_stored ON public.source_message USING brin (stored_at);

CREATE INDEX timer_due ON public.timer USING btree (due_at) WHERE (fired_at IS NULL);

CREATE TRIGGER active_version_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.active_version FOR EACH STATEMENT EXECUTE FUNCTION public.halo_append_only_v1();

CREATE TRIGGER alert_event_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.alert_event FOR EACH STATEMENT EXECUTE FUNCTION public.halo_append_only_v1();

CREATE TRIGGER audit_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.audit FOR EACH STATEMENT EXECUTE FUNCTION public.halo_append_only_v1();

CREATE TRIGGER quarantine_log_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.quarantine_log FOR EACH STATEMENT EXECUTE FUNCTION public.halo_append_only_v1();

CREATE TRIGGER quarantine_release_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.quarantine_release FOR EACH STATEMENT EXECUTE FUNCTION public.halo_append_only_v1();

CREATE TRIGGER rule_pack_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.rule_pack FOR EACH STATEMENT EXECUTE FUNCTION public.halo_append_only_v1();

CREATE TRIGGER rule_pack_approval_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.rule_pack_approval FOR EACH STATEMENT EXECUTE FUNCTION public.halo_append_only_v1();

CREATE TRIGGER rule_switch_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.rule_switch FOR EACH STATEMENT EXECUTE FUNCTION public.halo_append_only_v1();

CREATE TRIGGER site_file_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.site_file FOR EACH STATEMENT EXECUTE FUNCTION public.halo_append_only_v1();

ALTER TABLE ONLY public.alert_event_payload
    ADD CONSTRAINT alert_event_payload_chain_number_fkey FOREIGN KEY (chain, number) REFERENCES public.alert_event(chain, number);

ALTER TABLE ONLY public.alert
    ADD CONSTRAINT alert_patient_id_fkey FOREIGN KEY (patient_id) REFERENCES public.patient(id);

ALTER TABLE ONLY public.candidate
    ADD CONSTRAINT candidate_patient_id_fkey FOREIGN KEY (patient_id) REFERENCES public.patient(id);

ALTER TABLE ONLY public.context_event
    ADD CONSTRAINT context_event_patient_id_fkey FOREIGN KEY (patient_id) REFERENCES public.patient(id);

ALTER TABLE ONLY public.delivery
    ADD CONSTRAINT delivery_alert_id_fkey FOREIGN KEY (alert_id) REFERENCES public.alert(alert_id);

ALTER TABLE ONLY public.delivery_attempt
    ADD CONSTRAINT delivery_attempt_delivery_id_fkey FOREIGN KEY (delivery_id) REFERENCES public.delivery(id);

ALTER TABLE ONLY public.pack_change
    ADD CONSTRAINT pack_change_alert_id_fkey FOREIGN KEY (alert_id) REFERENCES public.alert(alert_id);

ALTER TABLE ONLY public.patient_alias
    ADD CONSTRAINT patient_alias_retired_id_fkey FOREIGN KEY (retired_id) REFERENCES public.patient(id);

ALTER TABLE ONLY public.patient_alias
    ADD CONSTRAINT patient_alias_root_id_fkey FOREIGN KEY (root_id) REFERENCES public.patient(id);

ALTER TABLE ONLY public.patient_identifier
    ADD CONSTRAINT patient_identifier_patient_id_fkey FOREIGN KEY (patient_id) REFERENCES public.patient(id);

ALTER TABLE ONLY public.patient_link
    ADD CONSTRAINT patient_link_one_fkey FOREIGN KEY (one) REFERENCES public.patient(id);

ALTER TABLE ONLY public.patient_link
    ADD CONSTRAINT patient_link_other_fkey FOREIGN KEY (other) REFERENCES public.patient(id);

ALTER TABLE ONLY public.patient_merge
    ADD CONSTRAINT patient_merge_retired_id_fkey FOREIGN KEY (retired_id) REFERENCES public.patient(id);

ALTER TABLE ONLY public.patient_merge
    ADD CONSTRAINT patient_merge_survivor_id_fkey FOREIGN KEY (survivor_id) REFERENCES public.patient(id);

ALTER TABLE ONLY public.quarantine
    ADD CONSTRAINT quarantine_patient_id_fkey FOREIGN KEY (patient_id) REFERENCES public.patient(id);

ALTER TABLE ONLY public.rule_pack_approval
    ADD CONSTRAINT rule_pack_approval_fingerprint_fkey FOREIGN KEY (fingerprint) REFERENCES public.rule_pack(fingerprint);

ALTER TABLE ONLY public.source_message
    ADD CONSTRAINT source_message_patient_id_fkey FOREIGN KEY (patient_id) REFERENCES public.patient(id);

ALTER TABLE ONLY public.timer
    ADD CONSTRAINT timer_patient_id_fkey FOREIGN KEY (patient_id) REFERENCES public.patient(id);

ALTER TABLE ONLY public.token
    ADD CONSTRAINT token_person_id_fkey FOREIGN KEY (person_id) REFERENCES public.person(id);
