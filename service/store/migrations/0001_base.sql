-- The base schema: tenants and placers, messages and referrals, resources, screenings, schedules,
-- proposals, visits, deliveries, audit. STORAGE.md says what each table guarantees; names of
-- constraints are read by service/store/refused.py.
--
-- Row-level security is the second wall: every statement names the tenant as well. A setting that
-- is missing shows no row. Tables belong to tpi_owner; the service's roles never own them.

CREATE EXTENSION IF NOT EXISTS btree_gist;

-- ---------------------------------------------------------------- who asks

CREATE FUNCTION current_tenant() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT nullif(current_setting('app.tenant', true), '')::uuid $$;

CREATE FUNCTION current_placer() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT nullif(current_setting('app.placer', true), '') $$;

-- May the caller see rows of this placer?
CREATE FUNCTION sees_placer(row_placer uuid) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT current_placer() = '*' OR row_placer::text = current_placer() $$;

-- ---------------------------------------------------------------- tenants, placers, people

CREATE TABLE tenant (
    tenant        uuid PRIMARY KEY,
    name          text NOT NULL,
    zone          text NOT NULL,
    organization  text NOT NULL,            -- id of the clinic's Organization in its own space
    made_at       timestamptz NOT NULL
);

CREATE TABLE placer (
    tenant        uuid NOT NULL REFERENCES tenant,
    id            uuid NOT NULL,
    name          text NOT NULL,
    client        text NOT NULL,
    base          text NOT NULL DEFAULT '',
    internal      boolean NOT NULL DEFAULT false,
    keeps         text[] NOT NULL DEFAULT '{}',
    tells         text NOT NULL DEFAULT 'poll' CHECK (tells IN ('task', 'poll')),
    systems       jsonb NOT NULL DEFAULT '{}',
    token_file    text NOT NULL DEFAULT '',
    rate          integer NOT NULL DEFAULT 0,
    active        boolean NOT NULL DEFAULT true,
    stopped       text NOT NULL DEFAULT '',  -- why deliveries to it wait for an operator, a code
    made_at       timestamptz NOT NULL,
    PRIMARY KEY (tenant, id),
    CONSTRAINT placer_client UNIQUE (client),
    CONSTRAINT placer_name UNIQUE (tenant, name)
);

CREATE TABLE person (
    tenant        uuid NOT NULL REFERENCES tenant,
    id            uuid NOT NULL,
    practitioner  text NOT NULL,             -- id of the Practitioner in the clinic's own space
    name          text NOT NULL,
    roles         text[] NOT NULL,
    active        boolean NOT NULL DEFAULT true,
    made_at       timestamptz NOT NULL,
    PRIMARY KEY (tenant, id),
    CONSTRAINT person_practitioner UNIQUE (tenant, practitioner),
    CONSTRAINT person_roles CHECK
        (roles <@ ARRAY['scheduler', 'reviewer', 'clinician', 'operator', 'tester'])
);

CREATE TABLE access_token (
    sha256        bytea PRIMARY KEY CHECK (length(sha256) = 32),
    tenant        uuid NOT NULL REFERENCES tenant,
    id            uuid NOT NULL UNIQUE,
    placer_id     uuid,
    person_id     uuid,
    scopes        text[] NOT NULL DEFAULT '{}',
    made_at       timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL,
    revoked_at    timestamptz,
    FOREIGN KEY (tenant, placer_id) REFERENCES placer (tenant, id),
    FOREIGN KEY (tenant, person_id) REFERENCES person (tenant, id),
    CONSTRAINT access_token_holder CHECK ((placer_id IS NULL) <> (person_id IS NULL))
);

-- Bearer to caller: the one question that is asked before a tenant is known.
CREATE FUNCTION caller_of(p_sha256 bytea, p_at timestamptz)
    RETURNS TABLE (tenant uuid, zone text, name text, placer_id uuid, person_id uuid,
                   practitioner text, roles text[], scopes text[], rate integer)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
    AS $$
        SELECT k.tenant, t.zone, coalesce(p.name, h.name), k.placer_id, k.person_id,
               coalesce(h.practitioner, ''), coalesce(h.roles, '{}'), k.scopes,
               coalesce(p.rate, 0)
          FROM public.access_token k
          JOIN public.tenant t ON t.tenant = k.tenant
          LEFT JOIN public.placer p ON p.tenant = k.tenant AND p.id = k.placer_id
          LEFT JOIN public.person h ON h.tenant = k.tenant AND h.id = k.person_id
         WHERE k.sha256 = p_sha256
           AND k.expires_at > p_at
           AND k.revoked_at IS NULL
           AND coalesce(p.active, h.active)
    $$;

-- EHRs that sign their own tokens (CDS Hooks): whose an issuer is, and where its public keys are.
CREATE TABLE cds_client (
    tenant        uuid NOT NULL,
    placer_id     uuid NOT NULL,
    issuer        text NOT NULL,
    jku           text NOT NULL DEFAULT '',  -- the address of its JWK Set, or
    keys          text NOT NULL DEFAULT '',  -- the set itself
    made_at       timestamptz NOT NULL,
    PRIMARY KEY (tenant, placer_id, issuer),
    FOREIGN KEY (tenant, placer_id) REFERENCES placer (tenant, id),
    CONSTRAINT cds_client_issuer UNIQUE (issuer),
    CONSTRAINT cds_client_keys CHECK ((jku = '') <> (keys = ''))
);

-- What was used once is not used again; rows go when their token has expired.
CREATE TABLE client_jti (
    tenant        uuid NOT NULL,
    placer_id     uuid NOT NULL,
    issuer        text NOT NULL,
    jti           text NOT NULL,
    until         timestamptz NOT NULL,
    PRIMARY KEY (tenant, issuer, jti)
);
CREATE INDEX client_jti_until ON client_jti (tenant, until);

-- Issuer to client: asked before a tenant is known, like a bearer.
CREATE FUNCTION cds_client_of(p_issuer text)
    RETURNS TABLE (tenant uuid, zone text, placer_id uuid, name text, rate integer,
                   internal boolean, jku text, keys text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
    AS $$
        SELECT c.tenant, t.zone, c.placer_id, p.name, p.rate, p.internal, c.jku, c.keys
          FROM public.cds_client c
          JOIN public.tenant t ON t.tenant = c.tenant
          JOIN public.placer p ON p.tenant = c.tenant AND p.id = c.placer_id
         WHERE c.issuer = p_issuer AND p.active
    $$;

-- ---------------------------------------------------------------- content

CREATE TABLE content_pack (
    name          text NOT NULL,
    version       text NOT NULL,
    digest        bytea NOT NULL,
    made_at       timestamptz NOT NULL,
    PRIMARY KEY (name, version)
);

CREATE TABLE tenant_pack (
    tenant        uuid NOT NULL REFERENCES tenant,
    name          text NOT NULL,
    version       text NOT NULL,
    since         timestamptz NOT NULL,
    set_by        text NOT NULL,
    why           text NOT NULL DEFAULT '',
    signed_by     text NOT NULL DEFAULT '',
    PRIMARY KEY (tenant, since)
);

-- The digests of the packs that clinics adopted last: asked at start, before a tenant is known. It
-- tells whose pack it is to nobody.
CREATE FUNCTION packs_in_force() RETURNS SETOF bytea
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
    AS $$
        SELECT DISTINCT newest.digest
          FROM (SELECT DISTINCT ON (c.tenant) c.tenant, k.digest
                  FROM public.tenant_pack c
                  JOIN public.content_pack k USING (name, version)
                 ORDER BY c.tenant, c.since DESC) newest
    $$;
REVOKE ALL ON FUNCTION packs_in_force() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION packs_in_force() TO tpi_app, tpi_worker;

-- ---------------------------------------------------------------- referrals

CREATE TABLE referral (
    tenant        uuid NOT NULL REFERENCES tenant,
    id            uuid NOT NULL,
    placer_id     uuid NOT NULL,
    order_system  text NOT NULL,
    order_value   text NOT NULL,
    order_rid     text NOT NULL,
    patient_rid   text NOT NULL,
    task_rid      text NOT NULL,
    stage         text NOT NULL,
    stage_since   timestamptz NOT NULL,
    outcome       text NOT NULL CHECK (outcome IN ('clear', 'review', 'block')),
    priority      text NOT NULL DEFAULT 'routine',
    accepted_once boolean NOT NULL DEFAULT false,
    booked_once   boolean NOT NULL DEFAULT false,
    partly        boolean NOT NULL DEFAULT false,
    planned_date  date,
    variant       text NOT NULL DEFAULT '',
    received_at   timestamptz NOT NULL,
    due_at        timestamptz,
    question      text NOT NULL DEFAULT '',
    reason        text NOT NULL DEFAULT '',
    rounds        integer NOT NULL DEFAULT 0,
    policy        jsonb NOT NULL DEFAULT '{}',   -- the last proposal policy, for re-proposals
    content       bytea NOT NULL,
    stamp         timestamptz,
    version       integer NOT NULL DEFAULT 1,
    audit_head    bytea NOT NULL DEFAULT '',
    FOREIGN KEY (tenant, placer_id) REFERENCES placer (tenant, id),
    CONSTRAINT referral_order UNIQUE (tenant, placer_id, order_system, order_value),
    CONSTRAINT referral_stage CHECK (stage IN (
        'received', 'in-review', 'contraindicated', 'asked', 'deferred', 'cleared', 'proposed',
        'booked', 'arrived', 'no-show', 'performed', 'written-back', 'closed', 'declined',
        'withdrawn', 'expired', 'not-performed', 'void'))
);
CREATE INDEX referral_worklist ON referral (tenant, stage, stage_since, id);
CREATE INDEX referral_patient ON referral (tenant, placer_id, patient_rid);
CREATE UNIQUE INDEX referral_order_rid ON referral (tenant, placer_id, order_rid);
CREATE UNIQUE INDEX referral_task ON referral (tenant, placer_id, task_rid);
CREATE INDEX referral_due ON referral (due_at) WHERE due_at IS NOT NULL;
-- The last of its indexes: where two look equal, as in a clinic that is still empty, PostgreSQL takes
-- the younger, and the checks of foreign keys keep what they took.
ALTER TABLE referral ADD PRIMARY KEY (tenant, id);

CREATE TABLE message (
    tenant        uuid NOT NULL,
    id            uuid NOT NULL,
    placer_id     uuid NOT NULL,
    channel       text NOT NULL,
    verdict       text NOT NULL
        CHECK (verdict IN ('accepted', 'duplicate', 'amended', 'rejected', 'quarantined')),
    digest        bytea NOT NULL,               -- SHA-256 of the bytes as received
    size          integer NOT NULL,
    problem       text NOT NULL DEFAULT '',     -- codes only
    referral      uuid,
    received_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX message_referral ON message (tenant, referral);

CREATE TABLE tombstone (
    tenant        uuid NOT NULL,
    placer_id     uuid NOT NULL,
    order_system  text NOT NULL,
    order_value   text NOT NULL,
    reason        text NOT NULL,
    until         timestamptz NOT NULL,
    PRIMARY KEY (tenant, placer_id, order_system, order_value)
);

-- Answers kept for 48 hours under a caller's Idempotency-Key; no status: it is being worked out.
CREATE TABLE idempotency (
    tenant        uuid NOT NULL,
    actor         text NOT NULL,
    key           text NOT NULL,
    digest        bytea NOT NULL,               -- SHA-256 of method, address and bytes
    status        integer,
    headers       text NOT NULL DEFAULT '',
    body          bytea NOT NULL DEFAULT '',
    made_at       timestamptz NOT NULL,
    CONSTRAINT idempotency_key PRIMARY KEY (tenant, actor, key)
);

-- ---------------------------------------------------------------- resources

CREATE TABLE resource (
    tenant        uuid NOT NULL,
    space         uuid NOT NULL,                -- the placer's id, or nil for the clinic's own
    rtype         text NOT NULL,
    rid           text NOT NULL CONSTRAINT resource_rid CHECK (rid ~ '^[A-Za-z0-9.-]{1,64}$'),
    vid           integer NOT NULL,
    origin        text NOT NULL CHECK (origin IN ('received', 'made')),
    address       text NOT NULL DEFAULT '',     -- where it stands at the placer's own server
    body          text NOT NULL,                -- as served: the received text with the splice
    digest        bytea NOT NULL,               -- SHA-256 of the bytes as received
    fingerprint   bytea NOT NULL,               -- PROTOCOL §4.1
    tokens        text[] NOT NULL,
    refs          text[] NOT NULL,              -- relative references that it names
    patient_rid   text NOT NULL DEFAULT '',     -- the Patient it is about, same space
    at_from       timestamptz,
    at_to         timestamptz,
    referral      uuid,
    deleted       boolean NOT NULL DEFAULT false,
    updated_at    timestamptz NOT NULL,
    CONSTRAINT resource_key PRIMARY KEY (tenant, space, rtype, rid)
);
-- what waits to be indexed is read whole by every search: 4 MB of it (the default) cost 6 ms
CREATE INDEX resource_tokens ON resource USING gin (tokens) WITH (gin_pending_list_limit = 256);
-- what is open is one row in some thousands: a usual sample does not see it, and whether the planner
-- then reads a whole type beside it was up to that sample (docs/decisions/0021)
ALTER TABLE resource ALTER COLUMN tokens SET STATISTICS 300;
CREATE INDEX resource_patient ON resource (tenant, space, patient_rid) WHERE patient_rid <> '';
CREATE INDEX resource_recent ON resource (tenant, space, rtype, updated_at DESC, rid);
-- the clinic's own look over all spaces
CREATE INDEX resource_newest ON resource (tenant, rtype, updated_at DESC, rid, space);
CREATE INDEX resource_referral ON resource (tenant, referral) WHERE referral IS NOT NULL;

CREATE TABLE resource_history (
    tenant        uuid NOT NULL,
    space         uuid NOT NULL,
    rtype         text NOT NULL,
    rid           text NOT NULL,
    vid           integer NOT NULL,
    origin        text NOT NULL,
    body          text NOT NULL,
    digest        bytea NOT NULL,
    fingerprint   bytea NOT NULL,
    referral      uuid,
    deleted       boolean NOT NULL,
    updated_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant, space, rtype, rid, vid)
);

-- Living resources of one type that carry every token. Array operators are not leakproof: under
-- row-level security they lose their index, so the function names the walls itself. The token index
-- is asked alone, before anything else is looked at: a plan that was made while the table was small
-- took all of a type instead.
CREATE FUNCTION rids_with(p_space uuid, p_rtype text, p_tokens text[])
    RETURNS TABLE (rid text, vid integer, updated_at timestamptz, fingerprint bytea)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
    AS $$
    #variable_conflict use_column
    BEGIN
        RETURN QUERY
        SELECT r.rid, r.vid, r.updated_at, r.fingerprint
          FROM (SELECT * FROM public.resource WHERE tokens @> p_tokens OFFSET 0) r
         WHERE r.tenant = public.current_tenant()
           AND (public.current_placer() = '*' OR p_space::text = public.current_placer()
                OR p_space = '00000000-0000-0000-0000-000000000000')
           AND r.space = p_space
           AND r.rtype = p_rtype
           AND NOT r.deleted;
    END
    $$;

-- Claim what this transaction may create, in the order given, or wait for whoever claimed it. A
-- waiter shares the lock with other waiters: when the winner has committed they all go on at once,
-- none behind another's transaction. Returns the keys that are ours.
CREATE FUNCTION claim_or_wait(p_keys bigint[]) RETURNS bigint[]
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, public
    AS $$
    DECLARE
        one  bigint;
        ours bigint[] := '{}';
    BEGIN
        FOREACH one IN ARRAY p_keys LOOP
            IF pg_try_advisory_xact_lock(one) THEN
                ours := ours || one;
            ELSE
                PERFORM pg_advisory_xact_lock_shared(one);
            END IF;
        END LOOP;
        RETURN ours;
    END
    $$;

-- What each of a message's questions meets: the living resources of a type that carry its tokens
-- (joined by U+001F). The keys of a question (p_keys, each with the number of its question in p_of)
-- are claimed where it meets nothing, before the answers are read: of two messages that bring the
-- same person at once, the second one meets the first one's. Fails as 40001, so that the flow runs
-- again, where another claimed what is still not there: it was rolled back. Each statement in here
-- has a snapshot of its own.
CREATE FUNCTION meet_or_claim(p_space uuid, p_rtypes text[], p_tokens text[],
                              p_keys bigint[], p_of integer[])
    RETURNS TABLE (n integer, rid text, vid integer, updated_at timestamptz, fingerprint bytea)
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, public
    AS $$
    DECLARE
        last  integer := cardinality(p_rtypes);
        unmet integer[] := '{}';
        ours  bigint[] := '{}';
    BEGIN
        FOR one IN 1 .. last LOOP
            PERFORM FROM rids_with(p_space, p_rtypes[one], string_to_array(p_tokens[one], E'\x1f'));
            IF NOT FOUND THEN
                unmet := unmet || one;
            END IF;
        END LOOP;
        IF unmet <> '{}' THEN
            ours := claim_or_wait(ARRAY(
                SELECT DISTINCT k.key FROM unnest(p_keys, p_of) AS k (key, question)
                 WHERE k.question = ANY (unmet) ORDER BY k.key));
        END IF;
        FOR one IN 1 .. last LOOP
            RETURN QUERY
            SELECT one, m.*
              FROM rids_with(p_space, p_rtypes[one], string_to_array(p_tokens[one], E'\x1f')) AS m;
            IF NOT FOUND AND EXISTS (
                SELECT FROM unnest(p_keys, p_of) AS k (key, question)
                 WHERE k.question = one AND k.key <> ALL (ours)) THEN
                RAISE EXCEPTION 'who claimed it was rolled back'
                    USING ERRCODE = 'serialization_failure';
            END IF;
        END LOOP;
    END
    $$;
REVOKE ALL ON FUNCTION meet_or_claim(uuid, text[], text[], bigint[], integer[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION meet_or_claim(uuid, text[], text[], bigint[], integer[])
    TO tpi_app, tpi_worker;

-- ---------------------------------------------------------------- judging

CREATE TABLE screening (
    tenant        uuid NOT NULL,
    id            uuid NOT NULL,
    placer_id     uuid NOT NULL,
    referral      uuid NOT NULL,
    pack          text NOT NULL,
    pack_version  text NOT NULL,
    inputs        bytea NOT NULL,     -- digest of inputs, variant, planned date, day of screening
    variant       text NOT NULL,
    planned       date NOT NULL,
    day           date NOT NULL,
    outcome       text NOT NULL CHECK (outcome IN ('clear', 'review', 'block')),
    findings      text NOT NULL,      -- JSON of the model's Screening
    made_at       timestamptz NOT NULL,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, referral) REFERENCES referral (tenant, id),
    CONSTRAINT screening_inputs UNIQUE (tenant, referral, pack, pack_version, inputs)
);
CREATE INDEX screening_latest ON screening (tenant, referral, made_at DESC, id DESC);

CREATE TABLE review (
    tenant          uuid NOT NULL,
    id              uuid NOT NULL,
    placer_id       uuid NOT NULL,
    referral        uuid NOT NULL,
    finding_key     text NOT NULL,    -- empty: a word on the whole referral
    finding_rid     text NOT NULL,    -- id of the DetectedIssue
    rule            text NOT NULL,
    verdict         text NOT NULL
        CHECK (verdict IN ('approve', 'override', 'decline', 'defer', 'ask')),
    reason_code     text NOT NULL,
    reason          text NOT NULL,
    mitigation_code text NOT NULL,
    mitigation      text NOT NULL,
    until           date,
    practitioner    text NOT NULL,
    person          uuid NOT NULL,
    made_at         timestamptz NOT NULL,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, referral) REFERENCES referral (tenant, id),
    CONSTRAINT review_reason CHECK (verdict = 'approve' OR reason <> ''),
    CONSTRAINT review_until CHECK (verdict = 'defer' OR verdict = 'ask' OR until IS NULL),
    CONSTRAINT review_defer CHECK (verdict <> 'defer' OR until IS NOT NULL)
);
CREATE INDEX review_referral ON review (tenant, referral, made_at, id);

-- ---------------------------------------------------------------- advice at an EHR's desk

-- Cards as they were shown: which rules spoke, and nothing of the patient.
CREATE TABLE cds_card (
    tenant        uuid NOT NULL,
    id            uuid NOT NULL,
    placer_id     uuid NOT NULL,
    service       text NOT NULL,
    rules         text[] NOT NULL,
    pack_version  text NOT NULL,
    shown_at      timestamptz NOT NULL,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, placer_id) REFERENCES placer (tenant, id)
);
CREATE INDEX cds_card_shown ON cds_card (tenant, shown_at);

CREATE TABLE cds_feedback (
    tenant        uuid NOT NULL,
    placer_id     uuid NOT NULL,
    card          uuid NOT NULL,
    reaction      text NOT NULL CHECK (reaction IN ('accepted', 'overridden')),
    reason        text NOT NULL DEFAULT '',  -- a code of ours, or that the EHR has one of its own
    acted_at      timestamptz NOT NULL,
    CONSTRAINT cds_feedback_once PRIMARY KEY (tenant, card, reaction, acted_at),
    FOREIGN KEY (tenant, card) REFERENCES cds_card (tenant, id)
);

-- ---------------------------------------------------------------- schedules and bookings

CREATE TABLE schedule (
    tenant        uuid NOT NULL REFERENCES tenant,
    rid           text NOT NULL,
    practitioner  text NOT NULL,
    location      text NOT NULL,
    service       text NOT NULL DEFAULT '',     -- HealthcareService id
    words         text NOT NULL DEFAULT '',     -- the service as a reader knows it
    zone          text NOT NULL,
    visit_minutes integer NOT NULL,
    buffer_minutes integer NOT NULL,
    active        boolean NOT NULL DEFAULT true,
    PRIMARY KEY (tenant, rid)
);

CREATE TABLE open_window (
    tenant        uuid NOT NULL,
    id            uuid NOT NULL,                -- also the Slot's id, for life
    schedule_rid  text NOT NULL,
    practitioner  text NOT NULL,
    location      text NOT NULL,
    starts        timestamptz NOT NULL,
    ends          timestamptz NOT NULL,
    busy_until    timestamptz NOT NULL,         -- end and buffer
    opening       text NOT NULL DEFAULT 'open'  -- closed: by a person; dropped: no cut wants it
        CHECK (opening IN ('open', 'closed', 'dropped')),
    origin        text NOT NULL DEFAULT 'cut' CHECK (origin IN ('cut', 'posted')),
    updated_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, schedule_rid) REFERENCES schedule (tenant, rid),
    CONSTRAINT open_window_order CHECK (starts < ends AND ends <= busy_until),
    CONSTRAINT open_window_no_overlap
        EXCLUDE USING gist (tenant WITH =, schedule_rid WITH =, tstzrange(starts, ends) WITH &&)
        WHERE (opening <> 'dropped')
);
CREATE INDEX open_window_start ON open_window (tenant, starts, id);

CREATE TABLE hold (
    tenant        uuid NOT NULL,
    id            uuid NOT NULL,
    placer_id     uuid NOT NULL,
    referral      uuid NOT NULL,
    window_id     uuid NOT NULL,
    practitioner  text NOT NULL,
    location      text NOT NULL,
    patient_rid   text NOT NULL,
    starts        timestamptz NOT NULL,
    ends          timestamptz NOT NULL,
    busy_until    timestamptz NOT NULL,
    state         text NOT NULL CHECK (state IN ('held', 'booked', 'released')),
    expires_at    timestamptz,
    made_at       timestamptz NOT NULL,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, referral) REFERENCES referral (tenant, id),
    FOREIGN KEY (tenant, window_id) REFERENCES open_window (tenant, id),
    CONSTRAINT hold_expiry CHECK (state <> 'held' OR expires_at IS NOT NULL),
    CONSTRAINT hold_no_overlap_practitioner EXCLUDE USING gist
        (tenant WITH =, practitioner WITH =, tstzrange(starts, busy_until) WITH &&)
        WHERE (state <> 'released'),
    CONSTRAINT hold_no_overlap_location EXCLUDE USING gist
        (tenant WITH =, location WITH =, tstzrange(starts, busy_until) WITH &&)
        WHERE (state <> 'released'),
    CONSTRAINT hold_no_overlap_patient EXCLUDE USING gist
        (tenant WITH =, placer_id WITH =, patient_rid WITH =, tstzrange(starts, ends) WITH &&)
        WHERE (state = 'booked')
);
CREATE INDEX hold_window ON hold (tenant, window_id) WHERE state <> 'released';
CREATE INDEX hold_referral ON hold (tenant, referral);
CREATE INDEX hold_expiring ON hold (expires_at) WHERE state = 'held';

CREATE TABLE proposal (
    tenant        uuid NOT NULL,
    id            uuid NOT NULL,                -- also the Appointment's id
    placer_id     uuid NOT NULL,
    referral      uuid NOT NULL,
    hold_id       uuid NOT NULL,
    window_id     uuid NOT NULL,
    round         integer NOT NULL,
    state         text NOT NULL CHECK (state IN (
        'open', 'accepted', 'arrived', 'no-show', 'fulfilled', 'declined', 'countered',
        'withdrawn', 'expired', 'cancelled')),
    made_at       timestamptz NOT NULL,
    answered_at   timestamptz,
    answered_by   text NOT NULL DEFAULT '',     -- placer, staff or said-by in words
    answer_rid    text NOT NULL DEFAULT '',     -- AppointmentResponse that stands
    replaces      uuid,                         -- the Appointment that a rebooking named
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, referral) REFERENCES referral (tenant, id),
    FOREIGN KEY (tenant, hold_id) REFERENCES hold (tenant, id),
    CONSTRAINT proposal_hold UNIQUE (tenant, hold_id)
);
CREATE UNIQUE INDEX proposal_one_living ON proposal (tenant, referral)
    WHERE state IN ('accepted', 'arrived');
CREATE INDEX proposal_referral ON proposal (tenant, referral, state);
CREATE INDEX proposal_open ON proposal (tenant, hold_id) WHERE state = 'open';

-- ---------------------------------------------------------------- visits and deliveries

CREATE TABLE visit (
    tenant        uuid NOT NULL,
    id            uuid NOT NULL,                -- also the value of the visit identifier
    placer_id     uuid NOT NULL,
    referral      uuid NOT NULL,
    proposal_id   uuid NOT NULL,
    state         text NOT NULL
        CHECK (state IN ('performed', 'partly', 'not-performed', 'try-again', 'retracted')),
    procedure_rid text NOT NULL,
    content       bytea NOT NULL,               -- digest of what was recorded
    person        uuid NOT NULL,
    recorded_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, referral) REFERENCES referral (tenant, id),
    FOREIGN KEY (tenant, proposal_id) REFERENCES proposal (tenant, id),
    CONSTRAINT visit_one_per_appointment UNIQUE (tenant, proposal_id)
);
CREATE INDEX visit_referral ON visit (tenant, referral);

CREATE TABLE writeback (
    tenant        uuid NOT NULL,
    id            uuid NOT NULL,
    placer_id     uuid NOT NULL,
    referral      uuid NOT NULL,
    visit         uuid NOT NULL,
    rung          text NOT NULL,
    way           text NOT NULL DEFAULT 'transaction' CHECK (way IN ('transaction', 'single')),
    state         text NOT NULL
        CHECK (state IN ('pending', 'sent', 'uncertain', 'proven', 'refused', 'gave-up')),
    sent_at       timestamptz,                  -- a send whose outcome is not known began then
    claimed       jsonb NOT NULL DEFAULT '{}',  -- our identifier values → what the placer calls it
    claimed_at    timestamptz,                  -- since when the placer says that it has them
    reference     text NOT NULL DEFAULT '',     -- the Procedure at the placer
    remote_version text NOT NULL DEFAULT '',
    digest        bytea NOT NULL DEFAULT '',    -- of what was read back
    proven_at     timestamptz,
    code          text NOT NULL DEFAULT '',     -- why, from a closed set
    said          text NOT NULL DEFAULT '',     -- a person's words, where one settled it
    updated_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, visit) REFERENCES visit (tenant, id),
    CONSTRAINT writeback_rung UNIQUE (tenant, visit, rung),
    CONSTRAINT writeback_proof CHECK (state <> 'proven'
        OR (reference <> '' AND length(digest) = 32 AND proven_at IS NOT NULL))
);

CREATE TABLE outbox (
    tenant        uuid NOT NULL,
    id            uuid NOT NULL,                -- UUIDv7: jobs of a referral run in this order
    placer_id     uuid NOT NULL,
    referral      uuid NOT NULL,
    kind          text NOT NULL,
    calls         boolean NOT NULL              -- does it call the placer's server?
        GENERATED ALWAYS AS (kind IN ('write-back', 'task-update')) STORED,
    dedupe        text NOT NULL,
    state         text NOT NULL DEFAULT 'ready'
        CHECK (state IN ('ready', 'leased', 'needs-person', 'parked')),
    attempts      integer NOT NULL DEFAULT 0,
    code          text NOT NULL DEFAULT '',     -- last outcome, from a closed set
    made_at       timestamptz NOT NULL,
    run_at        timestamptz NOT NULL,
    give_up_at    timestamptz NOT NULL,
    lease_id      uuid,
    lease_until   timestamptz,
    PRIMARY KEY (tenant, id),
    CONSTRAINT outbox_dedupe UNIQUE (tenant, dedupe),
    CONSTRAINT outbox_lease CHECK ((state = 'leased') = (lease_id IS NOT NULL))
);
CREATE INDEX outbox_ready ON outbox (placer_id, calls, run_at, id) WHERE state = 'ready';
CREATE INDEX outbox_leased ON outbox (lease_until) WHERE state = 'leased';
CREATE INDEX outbox_referral ON outbox (tenant, referral, kind, id);

CREATE TABLE delivery (
    tenant        uuid NOT NULL,
    id            uuid NOT NULL,
    placer_id     uuid NOT NULL,
    referral      uuid NOT NULL,
    kind          text NOT NULL,
    dedupe        text NOT NULL,
    attempts      integer NOT NULL,
    outcome       text NOT NULL,
    code          text NOT NULL DEFAULT '',
    at            timestamptz NOT NULL
) PARTITION BY RANGE (at);
CREATE TABLE delivery_default PARTITION OF delivery DEFAULT;
CREATE INDEX delivery_referral ON delivery (tenant, referral, at);

-- Take up to p_per_placer jobs of each placer, oldest first; what would call a placer only where
-- it is not in p_closed (a dead placer must not keep our own work waiting); never a job
-- of a referral that has an earlier one of its kind left (a Task update that the placer's server
-- cannot take just now must not hold up the write-back: PROTOCOL §3.1). Crosses tenants: it is what a worker asks before it
-- knows one. Leases are compared with the database's clock, run_at with the worker's.
CREATE FUNCTION claim_jobs(p_lease uuid, p_at timestamptz, p_seconds integer,
                           p_per_placer integer, p_most integer, p_closed uuid[])
    RETURNS TABLE (tenant uuid, id uuid, placer_id uuid, referral uuid, kind text, dedupe text,
                   attempts integer, made_at timestamptz, give_up_at timestamptz, zone text)
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public
    SET jit = off       -- with 100,000 jobs compiling took 90 ms, the work itself 2
    AS $$
        -- one claim at a time: two that count what runs at once would each fill the placer's share
        SELECT pg_advisory_xact_lock(hashtextextended('claim_jobs', 0));
        WITH late AS (
            SELECT l.tenant, l.id
              FROM public.outbox l
             WHERE l.state = 'leased' AND l.lease_until <= clock_timestamp()
               FOR UPDATE SKIP LOCKED
        )
        UPDATE public.outbox o
           SET state = 'ready', lease_id = NULL, lease_until = NULL
          FROM late
         WHERE o.tenant = late.tenant AND o.id = late.id;
        WITH busy AS (
            SELECT o.placer_id, o.calls, count(*) AS running
              FROM public.outbox o
             WHERE o.state = 'leased'
             GROUP BY o.placer_id, o.calls
        ), wanted AS (
            SELECT j.tenant, j.id
              FROM public.placer p
             CROSS JOIN (VALUES (true), (false)) AS c (calls)
              LEFT JOIN busy b ON b.placer_id = p.id AND b.calls = c.calls
             CROSS JOIN LATERAL (
                SELECT o.tenant, o.id
                  FROM public.outbox o
                 WHERE o.tenant = p.tenant AND o.placer_id = p.id AND o.calls = c.calls
                   AND o.state = 'ready' AND o.run_at <= p_at
                   -- a probe of the index for each, and no join: measured at 100,000 jobs
                   AND o.id = (
                        SELECT e.id FROM public.outbox e
                         WHERE e.tenant = o.tenant AND e.referral = o.referral
                           AND e.kind = o.kind AND e.state <> 'needs-person'
                         ORDER BY e.id
                         LIMIT 1)
                 ORDER BY o.run_at, o.id
                 LIMIT greatest(p_per_placer - coalesce(b.running, 0), 0)
                   FOR UPDATE OF o SKIP LOCKED
             ) j
             WHERE NOT c.calls OR p.active AND p.stopped = '' AND p.id <> ALL (p_closed)
             LIMIT p_most
        )
        UPDATE public.outbox o
           SET state = 'leased', lease_id = p_lease, attempts = o.attempts + 1,
               lease_until = clock_timestamp() + make_interval(secs => p_seconds)
          FROM wanted w, public.tenant t
         WHERE o.tenant = w.tenant AND o.id = w.id AND t.tenant = o.tenant
        RETURNING o.tenant, o.id, o.placer_id, o.referral, o.kind, o.dedupe, o.attempts,
                  o.made_at, o.give_up_at, t.zone
    $$;

-- What timers look for across tenants: ids only, past the referrals that they tried in vain.
CREATE FUNCTION due_work(p_at timestamptz, p_most integer, p_past uuid[])
    RETURNS TABLE (tenant uuid, placer_id uuid, referral uuid, zone text, what text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
    AS $$
        -- whoever took the window next may have released the hold: the proposal is what is due
        (SELECT h.tenant, h.placer_id, h.referral, t.zone, 'hold-expired'
           FROM public.proposal o
           JOIN public.hold h ON h.tenant = o.tenant AND h.id = o.hold_id
           JOIN public.tenant t ON t.tenant = h.tenant
          WHERE o.state = 'open' AND h.expires_at <= p_at AND h.referral <> ALL (p_past)
          ORDER BY h.expires_at LIMIT p_most)
        UNION ALL
        (SELECT r.tenant, r.placer_id, r.id, t.zone, 'referral-due'
           FROM public.referral r JOIN public.tenant t ON t.tenant = r.tenant
          WHERE r.due_at <= p_at AND r.id <> ALL (p_past)
          ORDER BY r.due_at LIMIT p_most)
    $$;

-- ---------------------------------------------------------------- audit

CREATE TABLE audit (
    tenant        uuid NOT NULL,
    id            uuid NOT NULL,
    placer_id     uuid,
    referral      uuid,
    actor         text NOT NULL,        -- placer:, person: or service: and an id of ours
    verb          text NOT NULL,
    what          text NOT NULL,        -- words from closed sets and ids of ours
    at            timestamptz NOT NULL,
    previous      bytea NOT NULL,
    hash          bytea NOT NULL
) PARTITION BY RANGE (at);
CREATE TABLE audit_default PARTITION OF audit DEFAULT;
CREATE INDEX audit_referral ON audit (tenant, referral, at);

-- One row's hash: SHA-256 over the previous hash and the row in one canonical text.
CREATE FUNCTION audit_hash(p_previous bytea, p_id uuid, p_referral uuid, p_actor text,
                           p_verb text, p_what text, p_at timestamptz) RETURNS bytea
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
        SELECT sha256(p_previous || convert_to(concat_ws(E'\x1f', p_id::text, p_referral::text,
               p_actor, p_verb, p_what, (extract(epoch FROM p_at) * 1000000)::bigint::text), 'UTF8'))
    $$;

-- ---------------------------------------------------------------- walls

ALTER TABLE tenant ENABLE ROW LEVEL SECURITY;
CREATE POLICY wall ON tenant USING (tenant = current_tenant() AND current_placer() IS NOT NULL);

ALTER TABLE placer ENABLE ROW LEVEL SECURITY;
CREATE POLICY wall ON placer USING (tenant = current_tenant() AND sees_placer(id));

ALTER TABLE person ENABLE ROW LEVEL SECURITY;
CREATE POLICY wall ON person USING (tenant = current_tenant() AND current_placer() = '*');

ALTER TABLE access_token ENABLE ROW LEVEL SECURITY;
CREATE POLICY wall ON access_token USING (tenant = current_tenant() AND current_placer() = '*');

ALTER TABLE cds_client ENABLE ROW LEVEL SECURITY;
CREATE POLICY wall ON cds_client USING (tenant = current_tenant() AND current_placer() = '*');

ALTER TABLE tenant_pack ENABLE ROW LEVEL SECURITY;
CREATE POLICY wall ON tenant_pack USING (tenant = current_tenant() AND current_placer() IS NOT NULL);

-- The clinic's own space is read by its placers, and written by nobody who is only a placer.
ALTER TABLE resource ENABLE ROW LEVEL SECURITY;
CREATE POLICY reading ON resource FOR SELECT USING (
    tenant = current_tenant() AND (sees_placer(space)
        OR (space = '00000000-0000-0000-0000-000000000000' AND current_placer() IS NOT NULL)));
CREATE POLICY adding ON resource FOR INSERT
    WITH CHECK (tenant = current_tenant() AND sees_placer(space));
CREATE POLICY changing ON resource FOR UPDATE
    USING (tenant = current_tenant() AND sees_placer(space));

ALTER TABLE resource_history ENABLE ROW LEVEL SECURITY;
CREATE POLICY reading ON resource_history FOR SELECT USING (
    tenant = current_tenant() AND (sees_placer(space)
        OR (space = '00000000-0000-0000-0000-000000000000' AND current_placer() IS NOT NULL)));
CREATE POLICY adding ON resource_history FOR INSERT
    WITH CHECK (tenant = current_tenant() AND sees_placer(space));

-- Schedules and windows belong to the clinic; its placers may look.
ALTER TABLE schedule ENABLE ROW LEVEL SECURITY;
CREATE POLICY reading ON schedule FOR SELECT
    USING (tenant = current_tenant() AND current_placer() IS NOT NULL);
CREATE POLICY writing ON schedule
    USING (tenant = current_tenant() AND current_placer() = '*');

ALTER TABLE open_window ENABLE ROW LEVEL SECURITY;
CREATE POLICY reading ON open_window FOR SELECT
    USING (tenant = current_tenant() AND current_placer() IS NOT NULL);
-- a placer's counter-proposal locks the window row (FOR NO KEY UPDATE)
CREATE POLICY locking ON open_window FOR UPDATE
    USING (tenant = current_tenant() AND current_placer() IS NOT NULL);
CREATE POLICY adding ON open_window FOR INSERT
    WITH CHECK (tenant = current_tenant() AND current_placer() = '*');
CREATE POLICY removing ON open_window FOR DELETE
    USING (tenant = current_tenant() AND current_placer() = '*');

DO $$
DECLARE
    child text;
BEGIN
    FOREACH child IN ARRAY ARRAY['referral', 'message', 'tombstone', 'screening', 'review', 'hold',
                                 'proposal', 'visit', 'writeback', 'outbox', 'delivery',
                                 'client_jti', 'cds_card', 'cds_feedback']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', child);
        EXECUTE format('CREATE POLICY wall ON %I USING
            (tenant = current_tenant() AND sees_placer(placer_id))', child);
    END LOOP;
END
$$;

ALTER TABLE idempotency ENABLE ROW LEVEL SECURITY;
CREATE POLICY wall ON idempotency USING (tenant = current_tenant()
    AND (current_placer() = '*' OR actor = 'placer:' || current_placer()));

ALTER TABLE audit ENABLE ROW LEVEL SECURITY;
CREATE POLICY wall ON audit USING (
    tenant = current_tenant() AND (current_placer() = '*' OR placer_id::text = current_placer()));

-- Windows as Slots, in order of time, each with what stands over it: a placer may not see other
-- placers' holds, but must be told that a time is taken; clinician and room count beside the window
-- itself.
CREATE FUNCTION slot_rows(p_ids uuid[], p_from timestamptz, p_to timestamptz,
                          p_last_start timestamptz, p_last_id uuid, p_at timestamptz,
                          p_most integer)
    RETURNS TABLE (id uuid, schedule_rid text, practitioner text, location text,
                   starts timestamptz, ends timestamptz, busy_until timestamptz, opening text,
                   updated_at timestamptz, taken text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
    SET plan_cache_mode = force_custom_plan     -- planned without the bounds it is 8 times slower
    AS $$
    #variable_conflict use_column
    BEGIN
        RETURN QUERY
        WITH page AS (
            SELECT w.*
              FROM public.open_window w
             WHERE w.tenant = public.current_tenant() AND public.current_placer() IS NOT NULL
               AND (p_ids IS NULL OR w.id = ANY (p_ids))
               AND (p_from IS NULL OR w.starts >= p_from)
               AND (p_to IS NULL OR w.starts < p_to)
               AND (p_last_start IS NULL OR (w.starts, w.id) > (p_last_start, p_last_id))
             ORDER BY w.starts, w.id
             LIMIT p_most
        )
        SELECT w.id, w.schedule_rid, w.practitioner, w.location, w.starts, w.ends, w.busy_until,
               w.opening, w.updated_at, coalesce(min(h.state), '')
          FROM page w
          LEFT JOIN LATERAL (
                SELECT a.state
                  FROM public.hold a
                 WHERE a.tenant = w.tenant AND a.state <> 'released'
                   AND a.practitioner = w.practitioner
                   AND tstzrange(a.starts, a.busy_until) && tstzrange(w.starts, w.busy_until)
                   AND (a.state = 'booked' OR a.expires_at > p_at)
                UNION ALL
                SELECT b.state
                  FROM public.hold b
                 WHERE b.tenant = w.tenant AND b.state <> 'released'
                   AND b.location = w.location
                   AND tstzrange(b.starts, b.busy_until) && tstzrange(w.starts, w.busy_until)
                   AND (b.state = 'booked' OR b.expires_at > p_at)
          ) h ON true
         GROUP BY w.id, w.schedule_rid, w.practitioner, w.location, w.starts, w.ends, w.busy_until,
                  w.opening, w.updated_at
         ORDER BY w.starts, w.id;
    END
    $$;

-- The next windows that anybody may still have, in order of time.
CREATE FUNCTION free_windows(p_from timestamptz, p_to timestamptz, p_at timestamptz, p_most integer)
    RETURNS SETOF open_window
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
    SET plan_cache_mode = force_custom_plan     -- planned without the bounds it is 8 times slower
    AS $$
    #variable_conflict use_column
    BEGIN
        RETURN QUERY
        SELECT w.*
          FROM public.open_window w
         WHERE w.tenant = public.current_tenant() AND public.current_placer() IS NOT NULL
           AND w.opening = 'open' AND w.starts >= p_from AND w.starts < p_to AND w.starts > p_at
           AND NOT EXISTS (                     -- most are taken by their own hold: a cheap look
                SELECT 1 FROM public.hold h
                 WHERE h.tenant = w.tenant AND h.window_id = w.id AND h.state <> 'released'
                   AND (h.state = 'booked' OR h.expires_at > p_at))
           AND NOT EXISTS (
                SELECT 1 FROM public.hold h
                 WHERE h.tenant = w.tenant AND h.state <> 'released'
                   AND h.practitioner = w.practitioner
                   AND tstzrange(h.starts, h.busy_until) && tstzrange(w.starts, w.busy_until)
                   AND (h.state = 'booked' OR h.expires_at > p_at))
           AND NOT EXISTS (
                SELECT 1 FROM public.hold h
                 WHERE h.tenant = w.tenant AND h.state <> 'released'
                   AND h.location = w.location
                   AND tstzrange(h.starts, h.busy_until) && tstzrange(w.starts, w.busy_until)
                   AND (h.state = 'booked' OR h.expires_at > p_at))
         ORDER BY w.starts, w.id
         LIMIT p_most;
    END
    $$;

-- Does a living hold stand over a stretch of this clinician's or this room's time?
CREATE FUNCTION is_taken(p_tenant uuid, p_practitioner text, p_location text,
                         p_starts timestamptz, p_busy_until timestamptz, p_at timestamptz)
    RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
    AS $$
        SELECT EXISTS (
                SELECT 1 FROM public.hold h
                 WHERE h.tenant = p_tenant AND h.state <> 'released'
                   AND h.practitioner = p_practitioner
                   AND tstzrange(h.starts, h.busy_until) && tstzrange(p_starts, p_busy_until)
                   AND (h.state = 'booked' OR h.expires_at > p_at))
            OR EXISTS (
                SELECT 1 FROM public.hold h
                 WHERE h.tenant = p_tenant AND h.state <> 'released'
                   AND h.location = p_location
                   AND tstzrange(h.starts, h.busy_until) && tstzrange(p_starts, p_busy_until)
                   AND (h.state = 'booked' OR h.expires_at > p_at))
    $$;

-- Hold a window for a referral: true where it is now held. Expired holds over it, whosesoever they
-- are, are released first: they block the constraints, and a placer sees none but its own. Range
-- operators are not leakproof: under row-level security they lose their index. The window's lock
-- keeps two that release each other's expired holds from a deadlock; the constraints decide.
-- Whoever chooses freely (p_wait false) passes over a window that another is taking right now;
-- whoever named it waits for half a second, then it counts as taken: no queue, and no 503, behind
-- a popular window.
CREATE FUNCTION hold_window(p_window uuid, p_hold uuid, p_placer uuid, p_referral uuid,
                            p_patient text, p_at timestamptz, p_expires timestamptz,
                            p_wait boolean)
    RETURNS boolean
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public
    SET lock_timeout = '500ms'
    AS $$
    DECLARE
        w public.open_window%ROWTYPE;
        held integer;
    BEGIN
        IF public.sees_placer(p_placer) IS NOT TRUE THEN
            RETURN false;
        END IF;
        SELECT * INTO w FROM public.open_window o
         WHERE o.tenant = public.current_tenant() AND o.id = p_window
           AND o.opening = 'open' AND o.starts > p_at;
        IF NOT FOUND OR public.is_taken(w.tenant, w.practitioner, w.location,
                                        w.starts, w.busy_until, p_at) THEN
            RETURN false;                       -- a sure loser leaves without a lock
        END IF;
        IF p_wait THEN                          -- read again: it may have moved since
            SELECT * INTO w FROM public.open_window o
             WHERE o.tenant = public.current_tenant() AND o.id = p_window
               AND o.opening = 'open' AND o.starts > p_at
               FOR NO KEY UPDATE;
        ELSE
            SELECT * INTO w FROM public.open_window o
             WHERE o.tenant = public.current_tenant() AND o.id = p_window
               AND o.opening = 'open' AND o.starts > p_at
               FOR NO KEY UPDATE SKIP LOCKED;
        END IF;
        IF NOT FOUND THEN
            RETURN false;
        END IF;
        UPDATE public.hold h SET state = 'released'
         WHERE h.tenant = w.tenant AND h.state = 'held' AND h.expires_at <= p_at
           AND h.practitioner = w.practitioner
           AND tstzrange(h.starts, h.busy_until) && tstzrange(w.starts, w.busy_until);
        UPDATE public.hold h SET state = 'released'
         WHERE h.tenant = w.tenant AND h.state = 'held' AND h.expires_at <= p_at
           AND h.location = w.location
           AND tstzrange(h.starts, h.busy_until) && tstzrange(w.starts, w.busy_until);
        INSERT INTO public.hold (tenant, id, placer_id, referral, window_id, practitioner, location,
                                 patient_rid, starts, ends, busy_until, state, expires_at, made_at)
        VALUES (w.tenant, p_hold, p_placer, p_referral, w.id, w.practitioner, w.location,
                p_patient, w.starts, w.ends, w.busy_until, 'held', p_expires, p_at)
        ON CONFLICT DO NOTHING;
        GET DIAGNOSTICS held = ROW_COUNT;
        RETURN held = 1;
    EXCEPTION
        WHEN lock_not_available THEN
            RETURN false;
    END
    $$;

-- ---------------------------------------------------------------- searching

-- One page of living resources of one type. Array operators are not leakproof: under row-level
-- security they lose their index (26 ms for 0.3 ms), so the function names the walls itself. Only
-- closed fragments are put together; every value is a parameter.
--   p_spaces    only these of the spaces that the caller sees; null: all of them
--   p_all       tokens that each must stand
--   p_any       groups of tokens (joined by U+001F) of which one must stand
--   p_narrow    do the tokens name one thing (an identifier, a patient, an order)? Then few rows match
--   p_ids       ids of which one must be; null: any
--   p_when      conditions on times: what ('at', 'updated'), group, prefix of R4, interval; of each
--               group one must hold
--   p_from/p_to half-open bounds of updated_at that follow from p_when, for the index
--   p_order     'updated-desc', 'updated', 'id', 'id-desc'; p_last_*: the row the last page ended on
--   p_bodies    false: only keys, for counting
CREATE FUNCTION search_v1(
        p_spaces uuid[], p_rtype text, p_all text[], p_any text[], p_narrow boolean, p_ids text[],
        p_what text[], p_group integer[], p_prefix text[],
        p_start timestamptz[], p_end timestamptz[], p_from timestamptz, p_to timestamptz,
        p_order text, p_last_at timestamptz, p_last_rid text, p_last_space uuid,
        p_limit integer, p_bodies boolean)
    RETURNS TABLE (space uuid, rtype text, rid text, vid integer, origin text, body text,
                   fingerprint bytea, updated_at timestamptz, deleted boolean, referral uuid,
                   patient_rid text, address text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
    AS $$
    DECLARE
        spaces   uuid[];
        fields   text := 'r.space, r.rtype, r.rid, r.vid, r.origin,
            CASE WHEN $18 THEN r.body ELSE '''' END AS body, r.fingerprint, r.updated_at,
            r.deleted, r.referral, r.patient_rid, r.address';
        inside   text := 'r.tenant = $13 AND r.rtype = $2 AND NOT r.deleted';
        tokens   text;
        rest     text := 'true';
        after    text;
        sorting  text;
        ordered  text;
        found_by text;
    BEGIN
        SELECT array_agg(s) INTO spaces
          FROM (SELECT p.id FROM public.placer p
                 WHERE p.tenant = public.current_tenant() AND public.sees_placer(p.id)
                UNION ALL
                SELECT '00000000-0000-0000-0000-000000000000'::uuid
                 WHERE public.current_placer() IS NOT NULL) AS seen (s)
         WHERE p_spaces IS NULL OR s = ANY (p_spaces);
        CASE p_order
            WHEN 'updated-desc' THEN
                after := '(r.updated_at < $14 OR r.updated_at = $14 AND (r.rid, r.space) > ($15, $16))';
                sorting := 'r.updated_at DESC, r.rid, r.space';
            WHEN 'updated' THEN
                after := '(r.updated_at > $14 OR r.updated_at = $14 AND (r.rid, r.space) > ($15, $16))';
                sorting := 'r.updated_at, r.rid, r.space';
            WHEN 'id' THEN
                after := '(r.rid, r.space) > ($15, $16)';
                sorting := 'r.rid, r.space';
            WHEN 'id-desc' THEN
                after := '(r.rid, r.space) < ($15, $16)';
                sorting := 'r.rid DESC, r.space DESC';
        END CASE;
        tokens := concat_ws(' AND ',
            CASE WHEN cardinality(p_all) > 0 THEN 'r.tokens @> $3' END,
            CASE WHEN cardinality(p_any) > 0
                 THEN 'r.tokens && string_to_array($4[1], E''\x1f'')' END);
        IF cardinality(p_any) > 1 THEN
            rest := rest || ' AND NOT EXISTS (SELECT FROM unnest($4[2:]) AS g (one)
                WHERE NOT r.tokens && string_to_array(g.one, E''\x1f''))';
        END IF;
        IF p_ids IS NOT NULL THEN
            rest := rest || ' AND r.rid = ANY ($5)';
        END IF;
        IF cardinality(p_what) > 0 THEN
            rest := rest || ' AND NOT EXISTS (
                SELECT FROM (SELECT w.number,
                        CASE w.what WHEN ''at'' THEN r.at_from ELSE r.updated_at END AS f,
                        CASE w.what WHEN ''at'' THEN r.at_to
                             ELSE r.updated_at + interval ''1 microsecond'' END AS t,
                        w.prefix, w.s, w.e
                   FROM unnest($6, $7, $8, $9, $10) AS w (what, number, prefix, s, e)) AS c
                 GROUP BY c.number
                HAVING NOT coalesce(bool_or(CASE c.prefix
                    WHEN ''eq'' THEN c.f >= c.s AND c.t <= c.e
                    WHEN ''ne'' THEN c.f < c.s OR c.t > c.e
                    WHEN ''gt'' THEN c.t > c.e
                    WHEN ''lt'' THEN c.f < c.s
                    WHEN ''ge'' THEN c.t > c.e OR c.f >= c.s AND c.t <= c.e
                    WHEN ''le'' THEN c.f < c.s OR c.f >= c.s AND c.t <= c.e
                    WHEN ''sa'' THEN c.f >= c.e
                    WHEN ''eb'' THEN c.t <= c.s
                    WHEN ''ap'' THEN c.f < c.e AND c.t > c.s END), false))';
        END IF;
        IF p_from IS NOT NULL THEN
            inside := inside || ' AND r.updated_at >= $11';
        END IF;
        IF p_to IS NOT NULL THEN
            inside := inside || ' AND r.updated_at < $12';
        END IF;
        IF p_last_rid IS NOT NULL THEN
            inside := inside || ' AND ' || after;
        END IF;
        -- the type's rows in order: one range of an index, or one of each space, merged
        IF p_spaces IS NULL AND public.current_placer() = '*' THEN
            ordered := 'SELECT r.* FROM public.resource AS r WHERE ' || inside
                || ' AND %1$s ORDER BY ' || sorting || ' LIMIT %2$s';
        ELSE
            ordered := 'SELECT r.* FROM unnest($1) AS s (space) CROSS JOIN LATERAL (
                SELECT r.* FROM public.resource AS r WHERE r.space = s.space AND ' || inside
                || ' AND %1$s ORDER BY ' || sorting || ' LIMIT %2$s) AS r
                ORDER BY ' || sorting || ' LIMIT %2$s';
        END IF;
        IF tokens <> '' AND NOT p_narrow AND p_ids IS NULL AND p_limit IS NOT NULL THEN
            -- what many have fills a page within the next few hundred: nothing of it is counted or
            -- sorted then. Which way is the shorter no statistics tell: open work is the newest.
            RETURN QUERY EXECUTE 'WITH page AS MATERIALIZED (
                    SELECT r.* FROM (' || format(ordered, 'true', '400') || ') AS r
                     WHERE ' || tokens || ' AND ' || rest
                || ' ORDER BY ' || sorting || ' LIMIT $17)
                SELECT ' || fields || ' FROM page AS r WHERE (SELECT count(*) FROM page) = $17
                 ORDER BY ' || sorting
            USING spaces, p_rtype, p_all, p_any, p_ids, p_what, p_group, p_prefix, p_start, p_end,
                  p_from, p_to, public.current_tenant(), p_last_at, p_last_rid, p_last_space,
                  p_limit, p_bodies;
            IF FOUND THEN
                RETURN;
            END IF;
        END IF;
        CASE
            WHEN p_narrow THEN      -- another index beside the tokens' would read a whole type
                found_by := '(SELECT r.* FROM public.resource AS r WHERE ' || tokens || ' OFFSET 0)
                    AS r WHERE r.space = ANY ($1) AND ' || inside || ' AND ' || rest;
            WHEN tokens <> '' OR p_ids IS NOT NULL THEN     -- whichever indexes find them: no order
                found_by := '(SELECT r.* FROM public.resource AS r WHERE r.space = ANY ($1) AND '
                    || concat_ws(' AND ', inside, nullif(tokens, ''), rest) || ' OFFSET 0) AS r';
            ELSE
                found_by := '(' || format(ordered, rest, '$17') || ') AS r';
        END CASE;
        RETURN QUERY EXECUTE 'SELECT ' || fields || ' FROM ' || found_by
            || ' ORDER BY ' || sorting || ' LIMIT $17'
        USING spaces, p_rtype, p_all, p_any, p_ids, p_what, p_group, p_prefix, p_start, p_end,
              p_from, p_to, public.current_tenant(), p_last_at, p_last_rid, p_last_space,
              p_limit, p_bodies;
    END
    $$;
REVOKE ALL ON FUNCTION search_v1(uuid[], text, text[], text[], boolean, text[], text[], integer[], text[],
    timestamptz[], timestamptz[], timestamptz, timestamptz, text, timestamptz, text, uuid,
    integer, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION search_v1(uuid[], text, text[], text[], boolean, text[], text[], integer[], text[],
    timestamptz[], timestamptz[], timestamptz, timestamptz, text, timestamptz, text, uuid,
    integer, boolean) TO tpi_app, tpi_worker;

-- ---------------------------------------------------------------- grants, table by table

GRANT USAGE ON SCHEMA public TO tpi_app, tpi_worker;
GRANT SELECT ON tenant, placer, person, content_pack, tenant_pack TO tpi_app, tpi_worker;
GRANT UPDATE (stopped, tells) ON placer TO tpi_worker;
GRANT SELECT, INSERT, UPDATE ON referral, resource, proposal, hold, visit, writeback
    TO tpi_app, tpi_worker;
GRANT SELECT, INSERT ON resource_history, screening, review, message, audit, delivery,
    cds_card, cds_feedback TO tpi_app, tpi_worker;
GRANT SELECT, INSERT, DELETE ON client_jti TO tpi_app, tpi_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON outbox TO tpi_app, tpi_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON idempotency TO tpi_app, tpi_worker;
GRANT SELECT, INSERT, UPDATE ON tombstone TO tpi_app, tpi_worker;
GRANT SELECT, INSERT, UPDATE ON schedule TO tpi_app, tpi_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON open_window TO tpi_app, tpi_worker;

REVOKE ALL ON FUNCTION current_tenant(), current_placer(), sees_placer(uuid),
    caller_of(bytea, timestamptz), cds_client_of(text), rids_with(uuid, text, text[]), claim_or_wait(bigint[]),
    slot_rows(uuid[], timestamptz, timestamptz, timestamptz, uuid, timestamptz, integer),
    is_taken(uuid, text, text, timestamptz, timestamptz, timestamptz),
    free_windows(timestamptz, timestamptz, timestamptz, integer),
    hold_window(uuid, uuid, uuid, uuid, text, timestamptz, timestamptz, boolean),
    audit_hash(bytea, uuid, uuid, text, text, text, timestamptz),
    claim_jobs(uuid, timestamptz, integer, integer, integer, uuid[]),
    due_work(timestamptz, integer, uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION current_tenant(), current_placer(), sees_placer(uuid),
    caller_of(bytea, timestamptz), cds_client_of(text), rids_with(uuid, text, text[]), claim_or_wait(bigint[]),
    slot_rows(uuid[], timestamptz, timestamptz, timestamptz, uuid, timestamptz, integer),
    free_windows(timestamptz, timestamptz, timestamptz, integer),
    hold_window(uuid, uuid, uuid, uuid, text, timestamptz, timestamptz, boolean),
    audit_hash(bytea, uuid, uuid, text, text, text, timestamptz) TO tpi_app, tpi_worker;
GRANT EXECUTE ON FUNCTION claim_jobs(uuid, timestamptz, integer, integer, integer, uuid[]),
    due_work(timestamptz, integer, uuid[]) TO tpi_worker;
