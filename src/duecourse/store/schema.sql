-- The whole schema, as a migrated database must have it (a test compares the two).
-- Every borrower-owned table begins its primary key with lane (0..255), the distribution column on Citus.
-- "Writes:" names the one room that writes a table; any room may read.
-- No triggers, no foreign keys between distributed tables, no identity columns: see docs/decisions.

-- Which migrations made this database.
-- Writes: store
CREATE TABLE schema_migration (
    version integer PRIMARY KEY,
    name text NOT NULL,
    digest bytea NOT NULL,                    -- SHA-256 of its SQL
    applied_at timestamptz NOT NULL
);

-- The instant that the wall clock `local` means in a zone whose offset is the one in force `apart` from it.
CREATE FUNCTION instant_by_offset(local timestamp, apart interval, zone text) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT timezone('UTC', local - (timezone(zone, timezone('UTC', local + apart)) - (local + apart))) $$;

-- The one place where local time becomes an instant. As Python's zoneinfo with fold=0: of a repeated hour the
-- earlier instant, in a gap by the offset before it. zone: an IANA name, checked before it gets here.
-- Candidates come from the offsets a day before and a day after, so that any size of change is right; PostgreSQL's
-- own conversion takes the later instant of a repeated hour. No FROM: so that it is inlined into the statement.
CREATE FUNCTION local_instant(day date, at time, zone text) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE
        WHEN timezone(zone, instant_by_offset(day + at, interval '-1 day', zone)) = day + at
             OR timezone(zone, instant_by_offset(day + at, interval '1 day', zone)) <> day + at
        THEN instant_by_offset(day + at, interval '-1 day', zone)
        ELSE instant_by_offset(day + at, interval '1 day', zone)
    END
$$;

-- What a judgement reads of a person, as arrays: gathered from the tables of a lane, from a scenario, or from a file of
-- contacts that are no longer anybody's; the judging itself reads no table. See rules/rules.sql.
CREATE TYPE seen_contact AS (
    attempt_id uuid, group_id uuid, loans uuid[], channel text, purpose text,
    reached smallint,                         -- 0 tried, 1 delivered, 2 connected, 3 conversation
    address_index bytea, template text, at timestamptz, local_on date
);
CREATE TYPE seen_consent AS (
    kind text, granted boolean, purpose text, channel text, address_index bytea, since timestamptz, until timestamptz
);
CREATE TYPE seen_hold AS (kind text, effect text, loan_id uuid, since timestamptz, until timestamptz);
CREATE TYPE seen_wish AS (kind text, wish jsonb);
CREATE TYPE seen_notice AS (kind text, loan_id uuid, served_at timestamptz);
-- A rule's no: over which instants, and what it saw.
CREATE TYPE refusal AS (rule text, primitive text, blocked tstzmultirange, saw jsonb);
-- A rule of a pack, compiled (rules/compiling.py). Null arrays: every one.
CREATE TYPE compiled_rule AS (
    id text, primitive text, kin text, place smallint,
    regions text[], except_regions text[], purposes text[], channels text[], actors text[], products text[],
    parties text[], except_parties text[], actions text[], address_kinds text[], lenders text[], providers text[],
    in_force datemultirange, fallback boolean,
    openings int4multirange, off datemultirange, overridable boolean,
    most integer, unit text, days integer, span interval, per text, counts_channels text[], counts_purposes text[],
    unanswered boolean,
    kinds text[], fresh_days integer, scope text, lets_pass text[],
    obligors text[], after_refusal boolean, registered text[], series text[], shown boolean,
    notice text, wait_days integer, times integer, spoken boolean, honours text[], refuses boolean, special boolean
);

-- Minutes since Monday 00:00 of a wall clock.
CREATE FUNCTION week_minute(wall timestamp) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT (extract(isodow FROM wall)::int - 1) * 1440 + extract(hour FROM wall)::int * 60 + extract(minute FROM wall)::int $$;

-- The instants at which it is one of these days in any of these zones.
CREATE FUNCTION instants_of(days datemultirange, zones text[]) RETURNS tstzmultirange
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE WHEN days = '{(,)}'::datemultirange THEN '{(,)}'::tstzmultirange
           ELSE coalesce((
               SELECT range_agg(tstzrange(local_instant(lower(d), '00:00', zone), local_instant(upper(d), '00:00', zone)))
               FROM unnest(days) AS d CROSS JOIN unnest(zones) AS zone), '{}'::tstzmultirange) END
$$;

-- The first instant not before `at` at which a contact window is open (to_open) or shut (not to_open) by a zone's clock;
-- null when there is none before `until`. openings: minutes of the week; in_force: days on which the window binds at all;
-- off: days on which it stays shut. Exact across a change of the clock: it goes from boundary to boundary and stops at
-- the change itself, found to the minute.
CREATE FUNCTION window_turns(at timestamptz, until timestamptz, zone text, openings int4multirange,
                             in_force datemultirange, off datemultirange, to_open boolean) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
    t timestamptz := at;
    wall timestamp;
    ahead timestamp;
    step timestamptz;
    low timestamptz;
    middle timestamptz;
    minute integer;
    boundary integer;
BEGIN
    LOOP
        wall := t AT TIME ZONE zone;
        minute := week_minute(wall);
        IF to_open = (NOT in_force @> wall::date OR (openings @> minute AND NOT off @> wall::date)) THEN
            RETURN t;
        END IF;
        SELECT min(edge) INTO boundary
        FROM unnest(openings) AS o CROSS JOIN unnest(ARRAY[lower(o), upper(o)]) AS edge
        WHERE edge > minute AND edge < (minute / 1440 + 1) * 1440;
        ahead := date_trunc('day', wall)
                 + coalesce(make_interval(mins => boundary - minute / 1440 * 1440), interval '1 day');
        step := t + (ahead - wall);
        IF step AT TIME ZONE zone <> ahead THEN
            low := date_trunc('minute', t);
            LOOP
                middle := date_trunc('minute', low + (step - low) / 2);
                EXIT WHEN middle <= low;
                IF (middle AT TIME ZONE zone) - (middle AT TIME ZONE 'UTC') = wall - (t AT TIME ZONE 'UTC') THEN
                    low := middle;
                ELSE
                    step := middle;
                END IF;
            END LOOP;
        END IF;
        t := step;
        IF t > until THEN
            RETURN NULL;
        END IF;
    END LOOP;
END
$$;

-- Which of some windows are shut at an instant, by their places in the arrays; null for none. Windows at `lifted`
-- instants that are overridable are open. Several zones: shut in any is shut.
CREATE FUNCTION windows_shut(at timestamptz, zones text[], windows compiled_rule[], lifted tstzmultirange) RETURNS integer[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
    shut integer[];
    one compiled_rule;
    zone text;
    wall timestamp;
    raised boolean := lifted @> at;
    place integer := 0;
BEGIN
    FOREACH one IN ARRAY windows LOOP
        place := place + 1;
        CONTINUE WHEN raised AND one.overridable;
        FOREACH zone IN ARRAY zones LOOP
            wall := at AT TIME ZONE zone;
            IF one.in_force @> wall::date AND (NOT one.openings @> week_minute(wall) OR one.off @> wall::date) THEN
                shut := shut || place;
                EXIT;
            END IF;
        END LOOP;
    END LOOP;
    RETURN shut;
END
$$;

-- The first instant not before `at` that no block holds and at which every window is open, in every zone: the fixed point
-- over all rules. Each step goes to the first instant that satisfies one rule, so that none is jumped over. Null when
-- there is none up to `until`.
CREATE FUNCTION first_allowed(at timestamptz, until timestamptz, blocked tstzmultirange, zones text[],
                              windows compiled_rule[], lifted tstzmultirange) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
    t timestamptz := at;
    before timestamptz;
    one compiled_rule;
    zone text;
BEGIN
    LOOP
        before := t;
        IF blocked @> t THEN
            SELECT upper(b) INTO t FROM unnest(blocked) AS b WHERE b @> before;
            IF t IS NULL OR t > until THEN
                RETURN NULL;
            END IF;
        END IF;
        FOREACH one IN ARRAY windows LOOP
            CONTINUE WHEN one.overridable AND lifted @> t;
            FOREACH zone IN ARRAY zones LOOP
                t := window_turns(t, until, zone, one.openings, one.in_force, one.off, true);
                IF t IS NULL THEN
                    RETURN NULL;
                END IF;
            END LOOP;
        END LOOP;
        IF t = before THEN
            RETURN t;
        END IF;
    END LOOP;
END
$$;

-- The first instant from `at` on at which some window is shut, at most `until`.
CREATE FUNCTION first_shut(at timestamptz, until timestamptz, zones text[], windows compiled_rule[],
                           lifted tstzmultirange) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
    first timestamptz := until;
    shut timestamptz;
    one compiled_rule;
    zone text;
BEGIN
    FOREACH one IN ARRAY windows LOOP
        FOREACH zone IN ARRAY zones LOOP
            shut := at;
            LOOP
                shut := window_turns(shut, first, zone, one.openings, one.in_force, one.off, false);
                EXIT WHEN shut IS NULL OR NOT (one.overridable AND lifted @> shut);
                -- A consent keeps it open; it ends, or the window opens again by itself.
                shut := least((SELECT upper(l) FROM unnest(lifted) AS l WHERE l @> shut),
                              window_turns(shut, first, zone, one.openings, one.in_force, one.off, true));
                EXIT WHEN shut IS NULL;
            END LOOP;
            first := least(first, shut);
        END LOOP;
    END LOOP;
    RETURN first;
END
$$;

-- The instant at which `span` has passed since `at`, counted only while every window is open; `until` when that is later.
CREATE FUNCTION open_for(at timestamptz, span interval, until timestamptz, zones text[], windows compiled_rule[],
                         lifted tstzmultirange) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
    opens timestamptz := at;
    shuts timestamptz;
    left_over interval := span;
BEGIN
    LOOP
        opens := first_allowed(opens, until, '{}', zones, windows, lifted);
        IF opens IS NULL OR opens >= until THEN
            RETURN until;
        END IF;
        shuts := first_shut(opens, until, zones, windows, lifted);
        IF opens + left_over <= shuts THEN
            RETURN opens + left_over;
        END IF;
        left_over := left_over - (shuts - opens);
        opens := shuts;
    END LOOP;
END
$$;

-- Minutes of the week of a wish {"days": [...], "from": "09:00", "to": "18:00"}; what passes midnight goes on in the next day.
CREATE FUNCTION wish_openings(wish jsonb) RETURNS int4multirange
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT coalesce(range_agg(part), '{}'::int4multirange)
    FROM (SELECT day * 1440 + starts AS a,
                 day * 1440 + CASE WHEN ends <= starts THEN ends + 1440 ELSE ends END AS b
          FROM generate_series(0, 6) AS day,
               (SELECT split_part(wish ->> 'from', ':', 1)::int * 60 + split_part(wish ->> 'from', ':', 2)::int AS starts,
                       split_part(wish ->> 'to', ':', 1)::int * 60 + split_part(wish ->> 'to', ':', 2)::int AS ends) AS m
          WHERE coalesce(jsonb_array_length(wish -> 'days'), 0) = 0
             OR wish -> 'days' ? (ARRAY['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'])[day + 1]) AS spans,
         unnest(ARRAY[int4range(a, least(b, 10080)), int4range(0, greatest(b - 10080, 0))]) AS part
$$;

-- When consents of these kinds hold for a purpose, channel and address. Of a scope the last word holds, and of two of one
-- instant the refusal; a refusal reaches every narrower scope. fresh_days: a word serves so many days at most.
CREATE FUNCTION consent_spans(consents seen_consent[], kinds text[], purpose text, channel text, address_index bytea,
                              fresh_days integer) RETURNS tstzmultirange
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT coalesce(range_agg(tstzrange(x.since, least(x.until, x.since + make_interval(days => fresh_days)))), '{}')
    FROM unnest(consents) AS x
    WHERE x.granted AND x.kind = ANY(kinds) AND x.since < coalesce(x.until, 'infinity')
      AND (x.purpose IS NULL OR x.purpose = consent_spans.purpose)
      AND (x.channel IS NULL OR x.channel = consent_spans.channel)
      AND (x.address_index IS NULL OR x.address_index = consent_spans.address_index)
      AND NOT EXISTS (
          SELECT 1 FROM unnest(consents) AS y
          WHERE NOT y.granted AND y.kind = x.kind AND y.since >= x.since
            AND (y.purpose IS NULL OR y.purpose = consent_spans.purpose)
            AND (y.channel IS NULL OR y.channel = consent_spans.channel)
            AND (y.address_index IS NULL OR y.address_index = consent_spans.address_index))
$$;

-- Since when a stop (a refusal of this kind) holds; null: none does. scope: as-said, or the whole channel, or all-channels. It is
-- taken back by a later word of its own scope or a wider one.
CREATE FUNCTION stopped_since(consents seen_consent[], kind text, scope text, purpose text, channel text,
                              address_index bytea) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT min(x.since)
    FROM unnest(consents) AS x
    WHERE NOT x.granted AND x.kind = stopped_since.kind
      AND (scope = 'all-channels' OR x.channel IS NULL OR x.channel = stopped_since.channel)
      AND (scope <> 'as-said' OR x.purpose IS NULL OR x.purpose = stopped_since.purpose)
      AND (scope <> 'as-said' OR x.address_index IS NULL OR x.address_index = stopped_since.address_index)
      AND NOT EXISTS (
          SELECT 1 FROM unnest(consents) AS y
          WHERE y.granted AND y.kind = x.kind AND y.since > x.since
            AND (y.channel IS NULL OR y.channel = x.channel) AND (y.purpose IS NULL OR y.purpose = x.purpose)
            AND (y.address_index IS NULL OR y.address_index = x.address_index))
$$;

-- When holds of these kinds, or with this effect, stand over a debt; days: they end by themselves, the first day counted.
CREATE FUNCTION hold_spans(holds seen_hold[], kinds text[], effect text, loan_id uuid, days integer,
                           zones text[]) RETURNS tstzmultirange
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT range_agg(tstzrange(h.since, h.until) * tstzrange(NULL, (
               SELECT max(local_instant((h.since AT TIME ZONE zone)::date + days, '00:00', zone)) FROM unnest(zones) AS zone)))
    FROM unnest(holds) AS h
    WHERE h.effect = hold_spans.effect AND (kinds IS NULL OR h.kind = ANY(kinds))
      AND (h.loan_id IS NULL OR h.loan_id = hold_spans.loan_id)
      AND h.since < coalesce(h.until, 'infinity')
$$;

-- From when on a thing may follow its notice: the first service and so many whole days after its own; of several notices,
-- each so many days after the one before, the last. Null: not served.
CREATE FUNCTION notice_served(notices seen_notice[], kind text, loan_id uuid, wait_days integer, times integer,
                              zones text[]) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
    one timestamptz;
    last timestamptz;
    heard integer := 0;
BEGIN
    FOR one IN SELECT n.served_at FROM unnest(notices) AS n
               WHERE n.kind = notice_served.kind AND (n.loan_id IS NULL OR n.loan_id = notice_served.loan_id)
               ORDER BY n.served_at LOOP
        IF heard = 0 OR (SELECT bool_and((one AT TIME ZONE zone)::date - (last AT TIME ZONE zone)::date >= wait_days)
                         FROM unnest(zones) AS zone) THEN
            heard := heard + 1;
            last := one;
        END IF;
        IF heard = times THEN
            RETURN CASE WHEN times > 1 OR wait_days = 0 THEN one
                   ELSE (SELECT max(local_instant((one AT TIME ZONE zone)::date + wait_days + 1, '00:00', zone))
                         FROM unnest(zones) AS zone) END;
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;

-- When a contact of this instant and this recorded day stops counting in a cap of so many calendar days.
CREATE FUNCTION day_frees(at timestamptz, local_on date, days integer, zones text[]) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT max(local_instant(greatest(local_on, (at AT TIME ZONE zone)::date) + days, '00:00', zone)) FROM unnest(zones) AS zone
$$;

-- Key and value of the installation: lender's zone, simulated or live, clock of a simulated book.
-- Writes: store
CREATE TABLE setting (
    key text PRIMARY KEY,
    value jsonb NOT NULL
);

-- Which lane and borrower a key belongs to. key_lane is the first byte of key_hash, so the directory spreads too.
-- Writes: book, dispatch (merge)
CREATE TABLE borrower_key (
    key_lane smallint NOT NULL,
    kind text NOT NULL,                       -- 'customer' (lender's key), 'id-number'
    key_hash bytea NOT NULL,                  -- keyed blind index of the key
    lane smallint NOT NULL,
    borrower_id uuid NOT NULL,
    PRIMARY KEY (key_lane, kind, key_hash),
    CONSTRAINT key_lane_in_range CHECK (key_lane BETWEEN 0 AND 255 AND lane BETWEEN 0 AND 255)
);

-- The workers that showed themselves lately, so that lanes are shared out among them also before they hold one.
-- Writes: store
CREATE TABLE worker (
    owner text PRIMARY KEY,
    expires_at timestamptz NOT NULL
);

-- One row per lane, made at init. A takeover raises epoch, which locks the key and so waits for fenced writes.
-- Writes: store
CREATE TABLE lane_lease (
    lane smallint NOT NULL,
    epoch bigint NOT NULL,
    owner text,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (lane, epoch),
    CONSTRAINT lane_in_range CHECK (lane BETWEEN 0 AND 255)
);

-- A party: a person or a company, whatever role it plays. Who is party to a loan in another lane than their own has a
-- row there as well, a presence, under the same borrower_id. A row merged into another stays as a tombstone.
-- Writes: book, dispatch (merge)
CREATE TABLE borrower (
    lane smallint NOT NULL,
    borrower_id uuid NOT NULL,                -- the same in every lane
    borrower_key text NOT NULL,               -- the lender's customer key: a pseudonym, shown to staff
    kind text NOT NULL DEFAULT 'person',
    person_id uuid,                           -- the first row of the same ID number; null: this one. Caps per person count it
    has_others boolean NOT NULL DEFAULT false,  -- of a home: other rows are this person too. Set once, never taken back
    home_lane smallint,                       -- of a presence: the lane where the party lives; null: this one
    described_by text NOT NULL DEFAULT 'borrower',  -- 'party' until a row of the lender's customers describes it
    name_sealed bytea,
    id_number_sealed bytea,
    id_number_index bytea,
    language text NOT NULL,                   -- BCP 47: zh-CN, en
    region text NOT NULL,                     -- ISO 3166: CN, US-MA
    zone text NOT NULL,                       -- IANA zone by which local days and hours are told
    zones text[],                             -- no zone is stated: all where the party may be, `zone` first; null: stated
    grade text NOT NULL DEFAULT '',
    attributes jsonb NOT NULL DEFAULT '{}',   -- lender's own fields, none personal
    collected_on date,                        -- when the lender got these data, and on what legal basis
    legal_basis text,
    merged_lane smallint,                     -- of a tombstone: who took its place
    merged_into uuid,
    row_digest bytea NOT NULL,                -- of the imported row, to see that nothing changed
    effective_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (lane, borrower_id),
    CONSTRAINT borrower_kind CHECK (kind IN ('person', 'company')),
    CONSTRAINT borrower_described_by CHECK (described_by IN ('borrower', 'party')),
    CONSTRAINT presence_is_elsewhere CHECK (home_lane <> lane),
    CONSTRAINT tombstone_is_whole CHECK ((merged_lane IS NULL) = (merged_into IS NULL))
);
CREATE INDEX borrower_key_text ON borrower (borrower_key);
CREATE INDEX borrower_person ON borrower (person_id) WHERE person_id IS NOT NULL;
CREATE INDEX borrower_merged ON borrower (merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX borrower_presence ON borrower (borrower_id) WHERE home_lane IS NOT NULL;

-- A presence has the contact points of its home, under the same ids.
-- Writes: book, dispatch (merge)
CREATE TABLE contact_point (
    lane smallint NOT NULL,
    borrower_id uuid NOT NULL,
    contact_point_id uuid NOT NULL,
    channel text NOT NULL,
    rank smallint NOT NULL DEFAULT 1,         -- 1 is tried first
    address_sealed bytea,                     -- null, as its index, once its time of keeping was over: erased_at
    address_index bytea,
    zones text[],                             -- of a phone number: where its prefix may be; null: it does not say
    platform text,                            -- whose address it is: of a device its push service, of WeChat the account's appid
    state text NOT NULL DEFAULT 'active',
    retired_reason text,
    collected_on date,                        -- when the lender got it, and on what legal basis
    legal_basis text,
    verified_at timestamptz,                  -- when somebody last saw that it reaches the party
    verified_by text,
    verified_how text,                        -- a word: call, code, document, ...; nothing personal
    effective_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    erased_at timestamptz,
    PRIMARY KEY (lane, contact_point_id),
    CONSTRAINT contact_point_state CHECK (state IN ('active', 'retired')),
    CONSTRAINT only_retired_is_erased CHECK (erased_at IS NULL OR state = 'retired'),
    CONSTRAINT address_unless_erased CHECK ((address_sealed IS NULL) = (erased_at IS NOT NULL)
                                            AND (address_index IS NULL) = (erased_at IS NOT NULL)),
    CONSTRAINT retired_has_reason CHECK (state <> 'retired' OR retired_reason IS NOT NULL),
    CONSTRAINT verification_is_whole CHECK ((verified_at IS NULL) = (verified_by IS NULL)
                                            AND (verified_at IS NULL) = (verified_how IS NULL))
);
CREATE INDEX contact_point_borrower ON contact_point (lane, borrower_id, channel, rank);
CREATE INDEX contact_point_address ON contact_point (address_index);

-- Invitations to say whose a WeChat account is. lane is the first byte of the code's keyed hash, not the borrower's: who
-- answers brings nothing but the code.
-- Writes: book
CREATE TABLE wechat_invitation (
    lane smallint NOT NULL,
    code_index bytea NOT NULL,                -- keyed, of the code
    borrower_key text NOT NULL,
    provider text NOT NULL,                   -- through whose account it is answered
    platform text NOT NULL,                   -- that account's appid
    way text NOT NULL,
    invited_by text NOT NULL,
    invited_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'open',
    reason text,                              -- why it was refused
    address_index bytea,                      -- keyed, of the OpenID that answered
    answered_at timestamptz,
    PRIMARY KEY (lane, code_index),
    CONSTRAINT wechat_invitation_way CHECK (way IN ('code', 'scan')),
    CONSTRAINT wechat_invitation_state CHECK (state IN ('open', 'bound', 'refused', 'withdrawn')),
    CONSTRAINT refused_has_reason CHECK ((state = 'refused') = (reason IS NOT NULL)),
    CONSTRAINT closed_has_time CHECK ((state = 'open') = (answered_at IS NULL))
);
CREATE INDEX wechat_invitation_borrower ON wechat_invitation (borrower_key, invited_at);

-- Who holds an OpenID: one person. lane is the first byte of address_index.
-- Writes: book
CREATE TABLE wechat_binding (
    lane smallint NOT NULL,
    address_index bytea NOT NULL,
    platform text NOT NULL,
    borrower_key text NOT NULL,
    way text NOT NULL,
    bound_by text NOT NULL,
    bound_at timestamptz NOT NULL,
    PRIMARY KEY (lane, address_index, platform),
    CONSTRAINT wechat_binding_way CHECK (way IN ('code', 'scan', 'page', 'staff'))
);

-- Wrong codes that an OpenID tried. lane is the first byte of address_index.
-- Writes: book
CREATE TABLE wechat_guess (
    lane smallint NOT NULL,
    address_index bytea NOT NULL,
    guesses integer NOT NULL,
    began_at timestamptz NOT NULL,
    PRIMARY KEY (lane, address_index)
);

-- What a person agreed to or took back, append-only: the last row of a scope holds. A stop is kind 'contact', not granted.
-- Null purpose, channel or address: all of them.
-- Writes: book, dispatch (merge)
CREATE TABLE consent (
    lane smallint NOT NULL,
    borrower_id uuid NOT NULL,
    consent_id uuid NOT NULL,                 -- of its content, so that the same word twice is one row
    kind text NOT NULL,                       -- what it is about, see consent_kind
    granted boolean NOT NULL,
    purpose text,
    channel text,
    address_index bytea,
    evidence text NOT NULL,                   -- where it can be seen: a document, a call, a message; nothing personal
    source text NOT NULL,                     -- who told us: cli, import, reply, page, api
    recorded_by text NOT NULL,
    messages integer,                         -- allows so many messages; null: any number
    effective_at timestamptz NOT NULL,
    expires_at timestamptz,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (lane, consent_id),
    CONSTRAINT consent_kind CHECK (kind IN
        ('contact', 'consent', 'express-consent', 'contract', 'texted-us', 'number-check', 'hours', 'automation')),
    CONSTRAINT consent_ends_after_it_begins CHECK (expires_at IS NULL OR expires_at > effective_at)
);
CREATE INDEX consent_borrower ON consent (lane, borrower_id);
-- A new holder of an address takes over what was said of it: see importing.carry_stops.
CREATE INDEX consent_address ON consent (address_index) WHERE address_index IS NOT NULL;

-- A reason to leave a person, or one debt of theirs, alone; or (effect 'person') to reach them by a person only.
-- Writes: book, dispatch (merge)
CREATE TABLE hold (
    lane smallint NOT NULL,
    borrower_id uuid NOT NULL,
    hold_id uuid NOT NULL,
    loan_id uuid,                             -- null: every debt of the person
    kind text NOT NULL,                       -- see hold_kind
    effect text NOT NULL DEFAULT 'stop',
    evidence text NOT NULL,
    source text NOT NULL,
    recorded_by text NOT NULL,
    effective_at timestamptz NOT NULL,        -- since when
    until timestamptz,                        -- ends by itself, e.g. a promise or a moratorium
    recorded_at timestamptz NOT NULL,
    ended_at timestamptz,                     -- not after effective_at: it never held, another row replaced it
    ended_by text,
    end_reason text,
    end_recorded_at timestamptz,              -- since when the end is known
    PRIMARY KEY (lane, hold_id),
    CONSTRAINT hold_kind CHECK (kind IN
        ('dispute', 'complaint', 'hardship', 'bankruptcy', 'deceased', 'lawyer', 'calamity', 'cease-request',
         'moratorium', 'promise', 'says-paid', 'refusal', 'identity-theft',
         'serious-illness', 'bereavement', 'disability', 'minor', 'distress')),
    CONSTRAINT hold_effect CHECK (effect IN ('stop', 'person')),
    CONSTRAINT hold_end_is_whole CHECK ((ended_at IS NULL) = (ended_by IS NULL)
        AND (ended_at IS NULL) = (end_recorded_at IS NULL)),
    CONSTRAINT hold_ends_after_it_begins CHECK (until IS NULL OR until > effective_at)
);
CREATE INDEX hold_borrower ON hold (lane, borrower_id);
CREATE INDEX hold_loan ON hold (lane, loan_id) WHERE loan_id IS NOT NULL;

-- How a person wishes to be contacted. The open row of a kind holds; a new one ends the one before.
-- Writes: book, dispatch (merge)
CREATE TABLE preference (
    lane smallint NOT NULL,
    borrower_id uuid NOT NULL,
    preference_id uuid NOT NULL,
    kind text NOT NULL,                       -- see preference_kind
    wish jsonb NOT NULL,                      -- its shape goes with the kind: docs/reference/wishes.md
    evidence text NOT NULL,
    source text NOT NULL,
    recorded_by text NOT NULL,
    effective_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    ended_at timestamptz,
    ended_by text,
    end_recorded_at timestamptz,              -- since when the end is known
    PRIMARY KEY (lane, preference_id),
    CONSTRAINT preference_kind CHECK (kind IN
        ('hours', 'channel', 'work-address', 'place', 'attorney', 'language', 'large-type', 'person')),
    CONSTRAINT preference_end_is_whole CHECK ((ended_at IS NULL) = (ended_by IS NULL)
        AND (ended_at IS NULL) = (end_recorded_at IS NULL))
);
CREATE INDEX preference_borrower ON preference (lane, borrower_id, kind);

-- Numbers, addresses and ID numbers that nobody contacts, also of people who are not borrowers. Small; a reference table
-- on a cluster. Ended only by two people: who asked and, another, who agreed.
-- Writes: book
CREATE TABLE suppression (
    kind text NOT NULL,                       -- phone, email, id-number
    index_hash bytea NOT NULL,                -- keyed blind index
    reason text NOT NULL,                     -- recycled-number, wrong-person, ... ; nothing personal
    source text NOT NULL,
    recorded_by text NOT NULL,
    effective_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    end_asked_by text,
    end_asked_at timestamptz,
    end_reason text,
    ended_by text,
    ended_at timestamptz,
    PRIMARY KEY (kind, index_hash, effective_at),
    CONSTRAINT suppression_kind CHECK (kind IN ('phone', 'email', 'id-number')),
    CONSTRAINT suppression_ended_by_two CHECK (ended_by IS NULL OR (end_asked_by IS NOT NULL AND ended_by <> end_asked_by)),
    CONSTRAINT suppression_end_is_whole CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);

-- A notice that a law asks for before something else, or on a schedule, and when it was served.
-- Writes: book (served elsewhere), dispatch (ours, merge)
CREATE TABLE notice (
    lane smallint NOT NULL,
    borrower_id uuid NOT NULL,
    notice_id uuid NOT NULL,
    loan_id uuid,                             -- null: of every debt of the person
    kind text NOT NULL,                       -- bureau, arrears, validation, ...: rules.model.Notice
    served_at timestamptz NOT NULL,
    evidence text NOT NULL,
    message_id uuid,                          -- ours
    recorded_by text NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (lane, notice_id)
);
CREATE INDEX notice_borrower ON notice (lane, borrower_id);

-- Writes: book, dispatch (merge)
CREATE TABLE loan (
    lane smallint NOT NULL,
    loan_id uuid NOT NULL,
    borrower_id uuid NOT NULL,
    loan_ref text NOT NULL,                   -- the lender's contract key
    creditor text NOT NULL,
    product text NOT NULL,
    rate_type text NOT NULL DEFAULT 'fixed',
    method text NOT NULL,                     -- annuity, equal-principal, revolving, given
    currency char(3) NOT NULL,
    principal_minor bigint,
    annual_rate numeric(12, 8),
    started_on date,
    day_count text,                           -- as the contract names it; null: a month bears a twelfth of the year
    due_day smallint,                         -- of the month, 31 is its end; null: the installments alone say
    due_day_source text NOT NULL DEFAULT 'contract',
    shift text NOT NULL DEFAULT 'none',       -- what becomes of a due day on a holiday of the borrower's region
    autopay boolean NOT NULL DEFAULT false,
    state text NOT NULL DEFAULT 'open',
    attributes jsonb NOT NULL DEFAULT '{}',
    row_digest bytea NOT NULL,
    effective_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (lane, loan_id),
    CONSTRAINT loan_state CHECK (state IN ('open', 'closed')),
    CONSTRAINT loan_rate_type CHECK (rate_type IN ('fixed', 'floating')),
    CONSTRAINT loan_due_day CHECK (due_day BETWEEN 1 AND 31),
    CONSTRAINT loan_due_day_source CHECK (due_day_source IN ('contract', 'allotted', 'request')),
    CONSTRAINT loan_shift CHECK (shift IN ('none', 'following', 'modified-following', 'preceding'))
);
CREATE INDEX loan_borrower ON loan (lane, borrower_id);
CREATE INDEX loan_ref_text ON loan (loan_ref);
-- Whether any loan shifts its due days at all: most books have none, and an import asks at every batch.
CREATE INDEX loan_shifted ON loan (lane, loan_id) WHERE shift <> 'none';

-- Who else answers for a loan. Its borrower stands in the loan itself.
-- Writes: book, dispatch (merge)
CREATE TABLE loan_party (
    lane smallint NOT NULL,                   -- of the loan; the party has a row there
    loan_id uuid NOT NULL,
    borrower_id uuid NOT NULL,
    role text NOT NULL,
    since date,                               -- null: always
    until date,                               -- the last day; null: still
    effective_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (lane, loan_id, borrower_id, role),
    CONSTRAINT loan_party_role CHECK (role IN ('co-borrower', 'guarantor')),
    CONSTRAINT loan_party_ends_after_it_begins CHECK (until >= since)
);
CREATE INDEX loan_party_borrower ON loan_party (lane, borrower_id);

-- The people through whom a company is reached, in the company's lanes.
-- Writes: book, dispatch (merge)
CREATE TABLE company_contact (
    lane smallint NOT NULL,
    company_id uuid NOT NULL,                 -- a borrower of kind company
    borrower_id uuid NOT NULL,                -- the person, who has a row in this lane
    since date,
    until date,
    effective_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (lane, company_id, borrower_id),
    CONSTRAINT company_contact_ends_after_it_begins CHECK (until >= since)
);
CREATE INDEX company_contact_borrower ON company_contact (lane, borrower_id);

-- Two records of one person made one: what was moved, so that it can be undone.
-- Writes: dispatch
CREATE TABLE borrower_merge (
    lane smallint NOT NULL,                   -- of the person kept
    merge_id uuid NOT NULL,
    kept_id uuid NOT NULL,
    other_lane smallint NOT NULL,
    other_id uuid NOT NULL,
    moved jsonb NOT NULL,                     -- table to the number of rows moved; 'loans', 'points', ...: their ids
    evidence text NOT NULL,
    merged_by text NOT NULL,
    merged_at timestamptz NOT NULL,
    undone_by text,
    undone_at timestamptz,
    PRIMARY KEY (lane, merge_id),
    CONSTRAINT undo_is_whole CHECK ((undone_by IS NULL) = (undone_at IS NULL))
);
CREATE INDEX borrower_merge_kept ON borrower_merge (lane, kept_id);

-- One row per amount that falls due: an installment of a schedule, or the minimum due of a statement.
-- settled_on is the day the payments reached due_minor; a replay reads it as "settled_on > today: still open".
-- superseded_on is the day the next statement took the unpaid rest over.
-- Writes: book, dispatch (merge)
CREATE TABLE installment (
    lane smallint NOT NULL,
    loan_id uuid NOT NULL,
    number integer NOT NULL,
    borrower_id uuid NOT NULL,
    due_on date NOT NULL,                     -- after the holiday shift
    contract_due_on date,                     -- the contract's, where the shift moved it or could not be told yet
    due_provisional boolean NOT NULL DEFAULT false, -- no calendar covers the year: the contract's day stands for now
    statement_on date,                        -- revolving: the day it became known
    due_minor bigint NOT NULL,                -- what must be paid by due_on
    balance_minor bigint,                     -- revolving: the whole statement
    principal_minor bigint,
    interest_minor bigint,
    fee_minor bigint NOT NULL DEFAULT 0,
    penalty_minor bigint NOT NULL DEFAULT 0,  -- inside due_minor, as are the three before it
    computed boolean NOT NULL DEFAULT false,  -- from the loan's terms; false: the lender's own, which nothing computed replaces
    settled_on date,
    superseded_on date,
    past_due_since date,                      -- revolving: due date of the oldest minimum still carried in due_minor
    grace_days smallint,                      -- in calendar days, frozen on the due day, only ever extended
    grace_granted smallint,                   -- the part of it that the policy grants; the rest is pauses
    effective_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (lane, loan_id, number),
    CONSTRAINT due_not_negative CHECK (due_minor >= 0),
    CONSTRAINT balance_covers_due CHECK (balance_minor IS NULL OR balance_minor >= due_minor),
    CONSTRAINT grace_in_range CHECK (grace_days BETWEEN 0 AND 3660),
    CONSTRAINT provisional_has_contract_day CHECK (contract_due_on IS NOT NULL OR NOT due_provisional)
);
CREATE INDEX installment_due ON installment (lane, due_on);
-- What freezing has still to look at: without it each day reads every installment of the last 400.
CREATE INDEX installment_unfrozen ON installment (lane, due_on) WHERE grace_days IS NULL;
-- Grace that pauses made longer than any policy's: planning looks for its end further back.
CREATE INDEX installment_extended ON installment (lane, due_on) WHERE grace_days > grace_granted;
CREATE INDEX installment_shifted ON installment (lane, due_on) WHERE contract_due_on IS NOT NULL;
CREATE INDEX installment_statement ON installment (lane, statement_on) WHERE statement_on IS NOT NULL;

-- Days of a loan that do not count, both ends included; two of a loan never overlap (checked by who writes).
-- One that is ended early gets a nearer to_on, its old row goes to book_history.
-- Writes: book, dispatch (merge)
CREATE TABLE loan_pause (
    lane smallint NOT NULL,
    loan_id uuid NOT NULL,
    from_on date NOT NULL,
    to_on date NOT NULL,
    kind text NOT NULL,                       -- 'deferral': the contract was put off; 'pause': only our strategy waits
    evidence text NOT NULL,
    recorded_by text NOT NULL,
    effective_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (lane, loan_id, from_on),
    CONSTRAINT loan_pause_kind CHECK (kind IN ('deferral', 'pause')),
    CONSTRAINT pause_ends_after_it_begins CHECK (to_on >= from_on)
);

-- What the lender's file last said of an installment whose day or amount was changed on request. While a file repeats it, the
-- change stands; a file that says something else has the last word.
-- Writes: book, dispatch (merge)
CREATE TABLE due_move (
    lane smallint NOT NULL,
    loan_id uuid NOT NULL,
    number integer NOT NULL,
    given_due_on date NOT NULL,
    given_due_minor bigint NOT NULL,
    given_principal_minor bigint,
    given_interest_minor bigint,
    given_fee_minor bigint NOT NULL DEFAULT 0,
    given_penalty_minor bigint NOT NULL DEFAULT 0,
    listed boolean NOT NULL DEFAULT true,     -- false: no file has ever listed it, it is of the arrangement alone
    arrangement_id uuid,                      -- of which arrangement; one new word ends the changes of all its installments
    recorded_by text NOT NULL,
    effective_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (lane, loan_id, number)
);

-- Writes: book, dispatch (merge)
CREATE TABLE payment (
    lane smallint NOT NULL,
    loan_id uuid NOT NULL,
    payment_id uuid NOT NULL,
    source text NOT NULL,
    reference text NOT NULL,
    amount_minor bigint NOT NULL,
    paid_on date NOT NULL,
    effective_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (lane, payment_id),
    CONSTRAINT payment_positive CHECK (amount_minor > 0)
);
CREATE INDEX payment_loan ON payment (lane, loan_id, paid_on);

-- A payment that was taken back: returned by the bank, booked in error. The payment counts until the day before; it may
-- itself come later than its reversal. payment_id says of which.
-- Writes: book, dispatch (merge)
CREATE TABLE reversal (
    lane smallint NOT NULL,
    loan_id uuid NOT NULL,
    payment_id uuid NOT NULL,
    source text NOT NULL,                     -- source and reference of the payment
    reference text NOT NULL,
    reversed_on date NOT NULL,                -- the first day on which the payment does not count
    reason text NOT NULL DEFAULT '',
    effective_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (lane, payment_id)
);
CREATE INDEX reversal_loan ON reversal (lane, loan_id);

-- Money whose loan the book does not know, kept by its reference until the loan comes or somebody places it. lane is the
-- first byte of suspense_id, which is the id of the payment that it becomes where the loan was named.
-- Writes: book
CREATE TABLE suspense (
    lane smallint NOT NULL,
    suspense_id uuid NOT NULL,
    loan_id uuid,                             -- of the loan named; null: none was
    creditor text NOT NULL,
    loan_ref text NOT NULL,
    source text NOT NULL,
    reference text NOT NULL,
    currency char(3) NOT NULL,
    amount_minor bigint NOT NULL,
    paid_on date NOT NULL,
    effective_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    placed_loan_id uuid,                      -- the loan whose payment it became
    placed_at timestamptz,
    PRIMARY KEY (lane, suspense_id),
    CONSTRAINT suspense_positive CHECK (amount_minor > 0),
    CONSTRAINT suspense_placed_is_whole CHECK ((placed_loan_id IS NULL) = (placed_at IS NULL))
);
CREATE INDEX suspense_loan ON suspense (loan_id) WHERE placed_at IS NULL;

-- In which order payments to a creditor meet what is due, by how long the loan is overdue; one row a band. A payment
-- follows the order in force on its day. No row: whole installments, the oldest first. Small: a reference table on a cluster.
-- Writes: book
CREATE TABLE allocation_order (
    creditor text NOT NULL,
    product text NOT NULL,                    -- '*': every product that has no order of its own
    effective_on date NOT NULL,
    from_days integer NOT NULL,               -- days past due of the loan from which the band holds; 0 always there
    across text NOT NULL,
    parts text[] NOT NULL,                    -- the order of penalty, fee, interest, principal
    excess text NOT NULL,                     -- what is left over: 'advance' pays what falls due later, 'credit' stays
    recorded_by text NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (creditor, product, effective_on, from_days),
    CONSTRAINT allocation_order_across CHECK (across IN ('horizontal', 'vertical')),
    CONSTRAINT allocation_order_excess CHECK (excess IN ('advance', 'credit')),
    CONSTRAINT allocation_order_from_days CHECK (from_days >= 0)
);

-- Which payment met which installment. Derived from the two, the reversals and the order: written anew for a loan that
-- changed. It holds from from_on until the day before until_on: a reversal ends it, and others take its place.
-- Writes: book, dispatch (merge)
CREATE TABLE allocation (
    lane smallint NOT NULL,
    loan_id uuid NOT NULL,
    number integer NOT NULL,
    payment_id uuid NOT NULL,
    part text NOT NULL,                       -- 'due': the installment as a whole; else penalty, fee, interest, principal
    from_on date NOT NULL,                    -- the payment's day, or that of the reversal that moved it here
    until_on date NOT NULL,
    amount_minor bigint NOT NULL,
    PRIMARY KEY (lane, loan_id, number, payment_id, part, from_on),
    CONSTRAINT allocation_positive CHECK (amount_minor > 0),
    CONSTRAINT allocation_lasts CHECK (until_on > from_on),
    CONSTRAINT allocation_part CHECK (part IN ('due', 'penalty', 'fee', 'interest', 'principal'))
);

-- What an installment was before a payment was reversed, where that differs from what it is now: on the days from from_on
-- until the day before until_on this row speaks, not the installment's. Derived, as allocation.
-- Writes: book, dispatch (merge)
CREATE TABLE installment_was (
    lane smallint NOT NULL,
    loan_id uuid NOT NULL,
    number integer NOT NULL,
    from_on date NOT NULL,
    until_on date NOT NULL,
    settled_on date,
    past_due_since date,
    PRIMARY KEY (lane, loan_id, number, from_on),
    CONSTRAINT installment_was_lasts CHECK (until_on > from_on)
);

-- An instruction to the bank to collect, and what came of it. Instruction and result may come in either order.
-- Writes: book, dispatch (merge)
CREATE TABLE debit (
    lane smallint NOT NULL,
    loan_id uuid NOT NULL,
    debit_id uuid NOT NULL,
    source text NOT NULL,
    reference text NOT NULL,
    number integer,                           -- the installment it collects; null: whatever the loan owes
    amount_minor bigint,
    submitted_on date,                        -- null: only the result is known
    wait_until date,                          -- the last day on which a result is waited for
    state text NOT NULL,
    result_on date,
    code text NOT NULL DEFAULT '',            -- the bank's
    effective_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (lane, debit_id),
    CONSTRAINT debit_state CHECK (state IN ('submitted', 'paid', 'failed', 'cancelled')),
    CONSTRAINT debit_result_is_whole CHECK ((state = 'submitted') = (result_on IS NULL)),
    CONSTRAINT debit_submission_is_whole CHECK ((submitted_on IS NULL) = (wait_until IS NULL)),
    CONSTRAINT debit_is_known CHECK (submitted_on IS NOT NULL OR result_on IS NOT NULL)
);
CREATE INDEX debit_loan ON debit (lane, loan_id, submitted_on);

-- What happened to a person or a loan of theirs that a policy may want to tell: derived from the book's own rows when they
-- are written, or said by the lender. What is too old to be told of has no row. Only planned_at ever changes.
-- Writes: book, responses (promises), planning (planned_at), dispatch (merge)
CREATE TABLE event (
    lane smallint NOT NULL,                   -- of the loan; where there is none, of the person
    event_id uuid NOT NULL,                   -- of what it is, so that the same thing said twice is one row
    borrower_id uuid NOT NULL,                -- the loan's borrower; who applied, where there is no loan yet
    kind text NOT NULL,
    loan_id uuid,
    subject_id uuid,                          -- the payment or debit that it is about; the response that promised
    creditor text NOT NULL,
    product text NOT NULL,                    -- '' where it is not known
    currency char(3) NOT NULL,                -- XXX where there is neither loan nor amount
    amount_minor bigint,
    detail jsonb NOT NULL DEFAULT '{}',       -- decision; reference; rate, rate_before; due_on, due_before, number
    source text NOT NULL,                     -- book: derived; else who told us
    recorded_by text NOT NULL,
    occurred_at timestamptz NOT NULL,         -- of a day alone: as near to when we heard of it as the day allows
    recorded_at timestamptz NOT NULL,
    planned_at timestamptz,                   -- when planning looked at it, once; null: not yet
    PRIMARY KEY (lane, event_id),
    CONSTRAINT event_kind CHECK (kind IN
        ('application.received', 'application.decided', 'contract.signed', 'payout.made', 'payment.received',
         'payment.reversed', 'debit.failed', 'rate.changed', 'date.changed', 'loan.settled', 'promise.kept', 'promise.broken')),
    CONSTRAINT event_source CHECK (source IN ('book', 'cli', 'import', 'reply', 'page', 'api', 'staff'))
);
CREATE INDEX event_new ON event (lane, occurred_at) WHERE planned_at IS NULL;
CREATE INDEX event_borrower ON event (lane, borrower_id, occurred_at);
CREATE INDEX event_settled ON event (recorded_at, lane) WHERE kind = 'loan.settled';

-- What a changed row of the book was before. Append-only; sealed fields are kept sealed.
-- Writes: book, dispatch (merge)
CREATE TABLE book_history (
    lane smallint NOT NULL,
    subject text NOT NULL,                    -- borrower, loan, installment, payment, contact_point, reversal, debit
    subject_id text NOT NULL,
    recorded_at timestamptz NOT NULL,
    was jsonb NOT NULL,
    PRIMARY KEY (lane, subject, subject_id, recorded_at)
);

-- One row per import of a file: totals and where it came from. Idempotency is by row, not by file.
-- Writes: book
CREATE TABLE book_import (
    import_id uuid PRIMARY KEY,
    mapping text NOT NULL,
    file_name text NOT NULL,
    file_digest bytea NOT NULL,
    rows_read bigint NOT NULL,
    rows_rejected bigint NOT NULL,
    totals jsonb NOT NULL,
    state text NOT NULL,
    started_at timestamptz NOT NULL,
    finished_at timestamptz,
    CONSTRAINT book_import_state CHECK (state IN ('running', 'done', 'refused'))
);

-- One row per delivery of several files with a flag file, by what is in it: taken whole or refused whole.
-- Writes: book
CREATE TABLE delivery (
    delivery text NOT NULL,                   -- the name in its delivery file
    digest bytea NOT NULL,                    -- of its files, mappings and rules
    delivered_on date NOT NULL,               -- the lender's day
    flag_file text NOT NULL,
    state text NOT NULL,                      -- running: begun, and not ended if the process is gone
    files jsonb NOT NULL,                     -- of each: rows, refused rows, totals
    problems jsonb NOT NULL,                  -- why it was refused
    started_at timestamptz NOT NULL,
    finished_at timestamptz,
    PRIMARY KEY (delivery, digest),
    CONSTRAINT delivery_state CHECK (state IN ('running', 'done', 'refused'))
);

-- Through which day a payment feed is complete, by the lender's word; it only ever moves forward. No row: nothing was
-- said, and nothing waits. A collection step waits for every feed of its creditor (rules.judge).
-- Writes: book
CREATE TABLE payment_feed (
    creditor text NOT NULL,
    source text NOT NULL,                     -- as in payment.source
    complete_through date NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (creditor, source)
);

-- Published policies and the templates they name: immutable once used.
-- Writes: policy
CREATE TABLE policy_version (
    policy text NOT NULL,
    version integer NOT NULL,
    digest bytea NOT NULL,
    source text NOT NULL,                     -- the YAML as published
    parsed jsonb NOT NULL,                    -- the checked model
    published_at timestamptz NOT NULL,
    published_by text NOT NULL,
    retired_at timestamptz,
    PRIMARY KEY (policy, version)
);
-- Writes: policy
CREATE TABLE template_version (
    template text NOT NULL,
    version integer NOT NULL,
    language text NOT NULL,
    digest bytea NOT NULL,
    parts jsonb NOT NULL,                     -- channel part -> Liquid source: sms, subject, email
    published_at timestamptz NOT NULL,
    PRIMARY KEY (template, version, language)
);

-- What a rule pack said when it judged: written once, when a worker begins with it. Small; reference tables on a cluster.
-- Writes: rules
CREATE TABLE rule_pack_version (
    pack text NOT NULL,
    digest bytea NOT NULL,                    -- SHA-256 of its meaning, the lender's changes made
    version integer NOT NULL,                 -- as its file says
    content jsonb NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (pack, digest)
);
-- All packs together under one digest, which a message names.
-- Writes: rules
CREATE TABLE rule_set (
    rule_set bytea NOT NULL,
    packs jsonb NOT NULL,                     -- pack to the digest of its content, in hexadecimal
    turned_on text[] NOT NULL,                -- drafts that the lender applies
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (rule_set)
);

-- The decision to contact one borrower for one purpose. Only the lane's owner changes its state.
-- Writes: planning (inserts, joins items), dispatch (state)
CREATE TABLE message (
    lane smallint NOT NULL,
    message_id uuid NOT NULL,
    group_id uuid NOT NULL,                   -- one decision; its legs (send: all) share it, and caps count it once
    leg smallint NOT NULL DEFAULT 0,          -- 0 when the route is walked in order, else the leg's place in it
    borrower_id uuid NOT NULL,                -- to whom it goes
    party text NOT NULL DEFAULT 'borrower',   -- as what: of every debt it speaks of
    actor text NOT NULL DEFAULT 'creditor',   -- as whom we speak: rules bind creditors, collectors and agencies differently
    acts text[],                              -- what the text announces or performs: rules.model.Action
    policy text NOT NULL,
    policy_version integer NOT NULL,
    step text NOT NULL,
    purpose text NOT NULL,
    creditor text NOT NULL,
    currency char(3) NOT NULL,
    -- '' for all that falls together for a borrower, 'guarantor/<borrower>' for the debts of one borrower told to
    -- another party ('borrower/<company>' to a company's contact), or the loan it is only for; before it '<actor>:'
    -- where we are not the creditor.
    bundle text NOT NULL DEFAULT '',
    template text NOT NULL,
    template_version integer NOT NULL,
    route text[] NOT NULL,
    next_if text,                             -- go on to the next channel if not: sent, delivered, read, answered, paid
    next_after_seconds integer,               -- within so many, counted while the next channel may be used
    next_by time,                             -- or by this time of the borrower's day, the first after it was sent
    by_debtor boolean NOT NULL DEFAULT false,  -- asked for by the person: bound by no hours, caps or cool-offs
    supersedes boolean NOT NULL DEFAULT false, -- ends earlier steps' messages about its items; else it waits for them
    daily_cap smallint NOT NULL DEFAULT 1,
    zone text NOT NULL,
    local_on date NOT NULL,                   -- the borrower's day it is for
    supplement smallint NOT NULL DEFAULT 0,   -- 1.. for what appeared after the claim
    state text NOT NULL,
    outcome text,
    route_at smallint NOT NULL DEFAULT 1,     -- index into route of the channel to try next
    batch_id uuid,                            -- the batch whose brakes hold it; null where the policy has none
    corrects uuid,                            -- the batch whose wrong messages it puts right
    confirms uuid[],                          -- the words to stop (consent_id) that it confirms, and passes
    to_point uuid,                            -- the only contact point it may go to; null: any of the route's
    event_id uuid,                            -- the first event that it tells of; null: it speaks of installments
    tries smallint NOT NULL DEFAULT 0,        -- attempts made, throttled and released ones included
    planned_for timestamptz NOT NULL,         -- where the step's window put it
    not_before timestamptz NOT NULL,
    useful_until timestamptz NOT NULL,
    waits_since timestamptz,                  -- since when the route waits on its present channel
    next_at timestamptz,                      -- when the route moves on, or the answer is waited for no longer
    rule text,                                -- of the last verdict
    reason text,
    verdict jsonb,                            -- packs, rules that decided with what they saw, rules looked at
    version integer NOT NULL DEFAULT 1,       -- of this row; history has one row per version
    planned_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (lane, message_id),
    UNIQUE (lane, borrower_id, purpose, creditor, currency, bundle, local_on, supplement, leg),
    CONSTRAINT message_party CHECK (party IN ('borrower', 'co-borrower', 'guarantor', 'third')),
    CONSTRAINT message_actor CHECK (actor IN ('creditor', 'collector', 'agency')),
    CONSTRAINT message_state CHECK (state IN ('planned', 'in_flight', 'done')),
    CONSTRAINT message_outcome CHECK ((state = 'done') = (outcome IS NOT NULL)),
    CONSTRAINT message_outcome_known CHECK (outcome IN
        ('sent', 'delivered', 'read', 'failed', 'unknown', 'expired', 'cancelled')),
    CONSTRAINT next_if_known CHECK (next_if IN ('sent', 'delivered', 'read', 'answered', 'paid')),
    CONSTRAINT next_is_whole CHECK (num_nonnulls(next_after_seconds, next_by) = num_nonnulls(next_if)),
    CONSTRAINT route_not_empty CHECK (cardinality(route) > 0),
    CONSTRAINT route_at_within CHECK (route_at BETWEEN 1 AND cardinality(route))  -- else no claim would look for it
);
-- Of each channel the oldest that are due, however many of another are.
CREATE INDEX message_due ON message (lane, (route[route_at]), not_before) WHERE state = 'planned';
-- What a claim asks before it takes what is due: where something may have been heard of a try, or an earlier step gives way.
CREATE INDEX message_tried ON message (lane, not_before) WHERE state = 'planned' AND tries > 0;
CREATE INDEX message_superseding ON message (lane, not_before) WHERE state = 'planned' AND supersedes;
CREATE INDEX message_useful ON message (lane, useful_until) WHERE state = 'planned';
CREATE INDEX message_next ON message (lane, next_at) WHERE next_at IS NOT NULL;
CREATE INDEX message_borrower ON message (lane, borrower_id, local_on);
-- Whether an earlier step of a person still has a way to go.
CREATE INDEX message_open ON message (lane, borrower_id, local_on) WHERE state <> 'done';
CREATE INDEX message_group ON message (lane, group_id);
CREATE INDEX message_batch ON message (batch_id, lane) WHERE batch_id IS NOT NULL;
-- What became of one day's messages: planned day by day, so that a summary of each stretch of the table is enough.
CREATE INDEX message_day ON message USING brin (local_on);

-- What a message speaks of; judged per debt when it is claimed. An item belongs to one group of messages
-- for each party it is told to. It is an installment, or an event: then number is 0, and loan_id zero where there is no loan.
-- Writes: planning, dispatch (merge)
CREATE TABLE message_item (
    lane smallint NOT NULL,
    loan_id uuid NOT NULL,
    number integer NOT NULL,
    policy text NOT NULL,
    step text NOT NULL,
    anchor_on date NOT NULL,
    borrower_id uuid NOT NULL,                -- to whom it is told
    group_id uuid NOT NULL,
    policy_version integer NOT NULL,
    rank bigint NOT NULL,                     -- of its step: the open item of the highest rank leads the text
    template text NOT NULL,
    template_version integer NOT NULL,
    own_template text NOT NULL,               -- the step's own, where its items want different variants
    own_template_version integer NOT NULL,
    names_amount boolean NOT NULL DEFAULT true,  -- whether a text of the step may name an amount
    max_book_age interval,                    -- the policy's: older than this the book names no amount
    serves text,                              -- the notice that the text is, when it is one: notice.kind
    event_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',  -- zero: an installment
    PRIMARY KEY (lane, loan_id, number, policy, step, anchor_on, borrower_id, event_id)
);
CREATE INDEX message_item_group ON message_item (lane, group_id);

-- One hand-over of a message to one provider. Committed before the provider is called.
-- Writes: dispatch
CREATE TABLE attempt (
    lane smallint NOT NULL,
    attempt_id uuid NOT NULL,
    message_id uuid NOT NULL,
    borrower_id uuid NOT NULL,
    seq smallint NOT NULL,                    -- 1.. within the message
    route_at smallint NOT NULL,
    channel text NOT NULL,
    provider text NOT NULL,
    contact_point_id uuid NOT NULL,
    epoch bigint NOT NULL,
    state text NOT NULL,
    provider_message_id text,
    code text,
    cause text,                               -- why it did not arrive, whatever the provider calls it: dead, off, blocked, ...
    reason text,
    parts smallint,
    text_sealed bytea,                        -- what was handed over, exactly
    text_digest bytea,                        -- keyed; stays when the text is erased
    text_erased_at timestamptz,               -- when its time of keeping was over
    valid_until timestamptz NOT NULL,
    resends smallint NOT NULL DEFAULT 0,      -- handed over again under the same id, to a provider that drops the second
    claimed_at timestamptz NOT NULL,
    sent_at timestamptz,
    settled_at timestamptz,                   -- delivered, refused, unknown or released
    version integer NOT NULL DEFAULT 1,
    PRIMARY KEY (lane, attempt_id),
    UNIQUE (lane, message_id, seq),
    CONSTRAINT attempt_state CHECK (state IN
        ('claimed', 'released', 'sent', 'delivered', 'read', 'refused', 'unknown')),
    CONSTRAINT sent_has_time CHECK (state NOT IN ('sent', 'delivered', 'read') OR sent_at IS NOT NULL),
    CONSTRAINT sent_has_text CHECK (state NOT IN ('sent', 'delivered', 'read')
                                         OR text_sealed IS NOT NULL OR text_erased_at IS NOT NULL)
);
-- A receipt may name the attempt and never its lane: without this, every lane is looked into for each.
CREATE INDEX attempt_by_id ON attempt (attempt_id);
CREATE INDEX attempt_claimed ON attempt (lane, attempt_id) WHERE state = 'claimed';
CREATE INDEX attempt_provider ON attempt (provider, provider_message_id) WHERE provider_message_id IS NOT NULL;
CREATE INDEX attempt_open ON attempt (lane, valid_until) WHERE state IN ('sent', 'unknown');
CREATE INDEX attempt_task ON attempt (lane, valid_until) WHERE channel = 'task' AND state = 'sent';
CREATE INDEX attempt_unknown ON attempt (lane, settled_at) WHERE state = 'unknown';
-- What did not arrive in the last days.
CREATE INDEX attempt_lately ON attempt USING brin (claimed_at);

-- The ledger that caps read: one row per debt, attempt and what became of it. Append-only: a released attempt appends
-- weight -1; what is learnt later (connected, conversation) appends a row of weight 0 with that outcome.
-- A contact of a number that nobody holds stands in the number's own lane, under an id made of it, for caps per number.
-- Writes: dispatch (ours, imported ones and permits)
CREATE TABLE contact (
    lane smallint NOT NULL,
    borrower_id uuid NOT NULL,
    attempt_id uuid NOT NULL,                 -- of an imported or permitted contact: an id of its own
    loan_id uuid NOT NULL,
    weight smallint NOT NULL,
    outcome text NOT NULL DEFAULT 'attempt',
    group_id uuid NOT NULL,                   -- the decision: a daily cap counts these
    purpose text NOT NULL,
    channel text NOT NULL,
    actor text NOT NULL DEFAULT 'creditor',
    source text NOT NULL DEFAULT 'ours',      -- ours, permit, import
    address_index bytea,                      -- which number or address was tried, where it is known
    template text,
    local_on date NOT NULL,                   -- the borrower's day
    at timestamptz NOT NULL,
    system text,                              -- made elsewhere: which system said so, under which reference
    reference text,
    agent text,                               -- who spoke: a pseudonym of the call centre's
    PRIMARY KEY (lane, borrower_id, attempt_id, loan_id, weight, outcome),
    CONSTRAINT contact_weight CHECK (weight IN (1, 0, -1)),
    CONSTRAINT contact_outcome CHECK (outcome IN ('attempt', 'delivered', 'connected', 'conversation')),
    CONSTRAINT contact_actor CHECK (actor IN ('creditor', 'collector', 'agency')),
    CONSTRAINT contact_source CHECK (source IN ('ours', 'permit', 'import'))
);
CREATE INDEX contact_day ON contact (lane, borrower_id, local_on);
-- For caps per number, which count whoever holds it: read across lanes, under the lock of shared_key.
CREATE INDEX contact_number ON contact (address_index, local_on) WHERE address_index IS NOT NULL;

-- What caps are counted by that is no person and no debt: a row to lock, in key order, by whoever is about to contact it.
-- lane is the first byte of the key, so that they spread; it is not the borrower's.
-- Writes: dispatch
CREATE TABLE shared_key (
    lane smallint NOT NULL,
    kind text NOT NULL,                       -- number, person
    key bytea NOT NULL,                       -- the blind index of an address; the id that all rows of a person share
    PRIMARY KEY (lane, kind, key),
    CONSTRAINT shared_key_kind CHECK (kind IN ('number', 'person'))
);

-- Leave for one contact by somebody else: a dialler, an agency. The contact stands in the ledger from the moment it is
-- allowed; outcome is what its holder reported.
-- Writes: dispatch
CREATE TABLE permit (
    lane smallint NOT NULL,
    permit_id uuid NOT NULL,
    borrower_id uuid NOT NULL,
    purpose text NOT NULL,
    channel text NOT NULL,
    actor text NOT NULL,
    address_index bytea,                      -- of the number it is for
    attempt_id uuid,                          -- of the call task that it is for
    asked_by text NOT NULL,
    asked_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    outcome text,
    reported_by text,
    reported_at timestamptz,
    PRIMARY KEY (lane, permit_id),
    CONSTRAINT permit_outcome CHECK (outcome IN ('connected', 'conversation', 'no-answer', 'not-used')),
    CONSTRAINT permit_report_is_whole CHECK ((outcome IS NULL) = (reported_at IS NULL) AND (outcome IS NULL) = (reported_by IS NULL)),
    CONSTRAINT permit_expires_later CHECK (expires_at > asked_at)
);
CREATE INDEX permit_attempt ON permit (lane, attempt_id) WHERE attempt_id IS NOT NULL;

-- A provider's word, appended before it is acknowledged. lane is the first byte of the id's hash, not the borrower's.
-- Writes: dispatch
CREATE TABLE receipt (
    lane smallint NOT NULL,
    receipt_id uuid NOT NULL,                 -- of its content, so that the same receipt twice is one row
    provider text NOT NULL,
    provider_message_id text,
    attempt_id uuid,
    status text NOT NULL,
    code text NOT NULL,
    permanent boolean NOT NULL,
    cause text NOT NULL DEFAULT 'other',      -- domain.messaging.Cause
    address_index bytea,                      -- keyed, of the address it is about; only beside a reference
    reference integer,                        -- first two octets of the attempt's id, where the provider carries them
    evidence text,                            -- what proves it and is kept elsewhere: where, and its digest
    occurred_at timestamptz,
    received_at timestamptz NOT NULL,         -- by the book's clock
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (lane, receipt_id),
    CONSTRAINT receipt_names_attempt CHECK (provider_message_id IS NOT NULL OR attempt_id IS NOT NULL),
    CONSTRAINT reference_goes_with_address CHECK ((reference IS NULL) = (address_index IS NULL)),
    CONSTRAINT reference_is_two_octets CHECK (reference BETWEEN 0 AND 65535)
);
CREATE INDEX receipt_provider ON receipt (provider, provider_message_id);
CREATE INDEX receipt_attempt ON receipt (attempt_id) WHERE attempt_id IS NOT NULL;
CREATE INDEX receipt_reference ON receipt (address_index, reference) WHERE reference IS NOT NULL;
-- What came in lately: every worker looks for what another one was told, or the lender's app and staff.
CREATE INDEX receipt_recorded ON receipt (recorded_at);

-- What people sent us or did, appended before the provider is answered. lane is the first byte of the id's hash, not the
-- borrower's.
-- Writes: dispatch
CREATE TABLE reply (
    lane smallint NOT NULL,
    reply_id uuid NOT NULL,
    provider text NOT NULL,
    channel text NOT NULL,
    kind text NOT NULL,                       -- domain.messaging.ReplyKind
    meaning text NOT NULL,                    -- see reply_meaning; 'text' is not understood (yet)
    attempt_id uuid,                          -- that it answers, where the provider says so
    address_index bytea,                      -- keyed, of whose it is
    text_sealed bytea,                        -- the exact words, where it has any
    received_at timestamptz NOT NULL,         -- by the book's clock
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (lane, reply_id),
    CONSTRAINT reply_kind CHECK (kind IN ('text', 'key', 'unsubscribed', 'subscribed', 'complaint')),
    CONSTRAINT reply_meaning CHECK (meaning IN ('stop', 'heard', 'pay-link', 'call-me', 'subscribed', 'text')),
    CONSTRAINT reply_is_somebodys CHECK (attempt_id IS NOT NULL OR address_index IS NOT NULL)
);
CREATE INDEX reply_attempt ON reply (attempt_id) WHERE attempt_id IS NOT NULL;
CREATE INDEX reply_address ON reply (address_index, received_at) WHERE address_index IS NOT NULL;

-- Replies that nobody has followed yet: a row goes in the transaction that does.
-- Writes: dispatch (inserts), responses (takes away)
CREATE TABLE reply_waiting (
    lane smallint NOT NULL,                   -- of the reply
    reply_id uuid NOT NULL,
    PRIMARY KEY (lane, reply_id)
);

-- What a borrower answered, whatever it came by. Append-only. lane is the borrower's; where whose it is is not known (yet),
-- the first byte of response_id.
-- Writes: responses, dispatch (merge)
CREATE TABLE response (
    lane smallint NOT NULL,
    response_id uuid NOT NULL,                -- of its source and request: the same said twice is one row
    borrower_id uuid,                         -- null: nobody knows (yet) whose it is
    source text NOT NULL,
    request_id uuid NOT NULL,                 -- the source's own; of a reply its reply_id
    channel text,
    address_index bytea,                      -- keyed, of where it came from
    loan_id uuid,                             -- the debt it is about; null: all the person answers for
    message_id uuid,                          -- the message it answers
    attempt_id uuid,
    contact_point_id uuid,                    -- where that message went, or where the answer came from
    purpose text,                             -- a stop of messages of this purpose alone
    text_sealed bytea,                        -- the exact words, where it has any
    acted boolean NOT NULL DEFAULT false,     -- what it says was done when it was taken in (dispatch.replies)
    recorded_by text NOT NULL,
    said_at timestamptz NOT NULL,             -- effects follow the order of these, not that of arrival
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (lane, response_id),
    CONSTRAINT response_source CHECK (source IN ('reply', 'page', 'api', 'staff'))
);
CREATE INDEX response_borrower ON response (lane, borrower_id, said_at) WHERE borrower_id IS NOT NULL;
CREATE INDEX response_said ON response (said_at);
CREATE INDEX response_message ON response (lane, message_id) WHERE message_id IS NOT NULL;

-- What an answer was taken to mean. The last reading holds; staff correct by another one. Append-only.
-- Writes: responses, dispatch (merge)
CREATE TABLE response_reading (
    lane smallint NOT NULL,
    response_id uuid NOT NULL,
    reading smallint NOT NULL,                -- 1, 2, ...
    borrower_id uuid,
    intents text[] NOT NULL,                  -- responses.intents.Intent, the gravest first
    confidence numeric(4, 3) NOT NULL,
    read_by text NOT NULL,                    -- rule, model, endpoint, form, staff
    promised_on date,
    amount_minor bigint,
    currency text NOT NULL DEFAULT '',
    terms jsonb NOT NULL,                     -- policy.model.Responses as in force when it was read
    undone boolean NOT NULL DEFAULT false,    -- nothing follows from it any more
    recorded_by text NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (lane, response_id, reading),
    CONSTRAINT reading_means_something CHECK (cardinality(intents) > 0),
    CONSTRAINT reading_amount_positive CHECK (amount_minor > 0)
);
CREATE INDEX response_reading_recorded ON response_reading (recorded_at, response_id);

-- What followed from an answer, or was decided not to. Rows of holds are made anew from the person's answers in the order
-- they were said, whenever one comes or is read otherwise.
-- Writes: responses, dispatch (merge)
CREATE TABLE response_effect (
    lane smallint NOT NULL,
    effect_id uuid NOT NULL,                  -- of its content
    response_id uuid NOT NULL,
    borrower_id uuid NOT NULL,
    effect text NOT NULL,                     -- see responses.following
    loan_id uuid,
    hold_kind text,                           -- of an effect that is a hold
    until timestamptz,
    detail jsonb NOT NULL DEFAULT '{}',       -- what undoing needs; nothing personal
    effective_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    undone_at timestamptz,
    undone_by text,
    undone_for text,
    PRIMARY KEY (lane, effect_id),
    CONSTRAINT effect_undone_is_whole CHECK ((undone_at IS NULL) = (undone_by IS NULL))
);
CREATE INDEX response_effect_borrower ON response_effect (lane, borrower_id, effective_at);
CREATE INDEX response_effect_response ON response_effect (lane, response_id);

-- What people did with an answer in the queue: waits, looked, closed, handled. Append-only; the last of waits and closed
-- says whether it is open.
-- Writes: responses, dispatch (merge)
CREATE TABLE response_event (
    lane smallint NOT NULL,
    response_id uuid NOT NULL,
    seq integer NOT NULL,
    borrower_id uuid,
    event text NOT NULL,
    reason text NOT NULL DEFAULT '',          -- why it waits: a word of responses.following
    note_sealed bytea,
    recorded_by text NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (lane, response_id, seq),
    CONSTRAINT response_event_known CHECK (event IN ('waits', 'looked', 'handled', 'undone', 'closed', 'erased'))
);

-- The answers that a person must look at now: those whose last event of the two is waits.
-- Writes: responses, dispatch (merge)
CREATE TABLE response_waiting (
    lane smallint NOT NULL,
    response_id uuid NOT NULL,
    borrower_id uuid,
    reason text NOT NULL,
    since timestamptz NOT NULL,               -- when it was said
    PRIMARY KEY (lane, response_id)
);

-- Promises to pay, and whether payments kept them: derived from responses and payments, written anew when either changes.
-- Writes: responses, dispatch (merge)
CREATE TABLE promise (
    lane smallint NOT NULL,
    response_id uuid NOT NULL,
    borrower_id uuid NOT NULL,
    loan_id uuid,                             -- null: all the person's debts
    said_on date NOT NULL,                    -- the borrower's day
    promised_on date NOT NULL,
    keep_by date NOT NULL,                    -- the last day on which a payment keeps it
    amount_minor bigint,                      -- null: what is due by then
    currency text NOT NULL,
    accepted boolean NOT NULL,                -- whether it pauses: not one too late, or one too many
    standing boolean NOT NULL,                -- not replaced by a later one, nor taken back
    state text NOT NULL DEFAULT 'open',
    paid_minor bigint NOT NULL DEFAULT 0,     -- by keep_by, of the debts it is about
    kept_on date,                             -- when it was whole, in time or late
    said_at timestamptz NOT NULL,
    judged_at timestamptz,
    PRIMARY KEY (lane, response_id),
    CONSTRAINT promise_state CHECK (state IN ('open', 'kept', 'late', 'partial', 'broken', 'withdrawn'))
);
CREATE INDEX promise_borrower ON promise (lane, borrower_id, said_at);
CREATE INDEX promise_day ON promise (lane, promised_on);

-- What somebody who cannot pay stated of their household, to be fitted a plan: sealed, and used for nothing else. Append-only.
-- Writes: responses, dispatch (merge)
CREATE TABLE hardship (
    lane smallint NOT NULL,
    hardship_id uuid NOT NULL,                -- of the request: the same form twice is one row
    borrower_id uuid NOT NULL,
    loan_id uuid NOT NULL,                    -- of the person's own loan that it is about
    response_id uuid NOT NULL,                -- the answer that it came with
    trouble text NOT NULL,
    stated_sealed bytea,                      -- income, costs, other debts a month, days wished; null: erased
    said_at timestamptz NOT NULL,
    erased_at timestamptz,
    PRIMARY KEY (lane, hardship_id),
    CONSTRAINT hardship_trouble CHECK (trouble IN ('late-income', 'less-income', 'other-day', 'emergency', 'other')),
    CONSTRAINT hardship_erased CHECK ((stated_sealed IS NULL) = (erased_at IS NOT NULL))
);
CREATE INDEX hardship_borrower ON hardship (lane, borrower_id, said_at);

-- What was offered to a borrower and taken up, with the figures that they saw. Append-only; how it stands is the last of its
-- events that names a state.
-- Writes: responses, dispatch (merge)
CREATE TABLE arrangement (
    lane smallint NOT NULL,
    arrangement_id uuid NOT NULL,             -- of hardship and kind: taken up twice it is one row
    borrower_id uuid NOT NULL,
    loan_id uuid NOT NULL,
    hardship_id uuid NOT NULL,
    kind text NOT NULL,
    exception text NOT NULL DEFAULT '',       -- why it is outside of what the policy allows; two persons approve it
    policy text NOT NULL,
    policy_version integer NOT NULL,
    terms jsonb NOT NULL,                     -- policy.offered.Offer as it was
    currency text NOT NULL,
    figures jsonb NOT NULL,                   -- responses.offers.figures.Figures: every day and amount, before and after
    figures_digest bytea NOT NULL,            -- of these, as the borrower's form carried it
    cooling_off_days smallint,                -- for how many days after it is agreed the borrower may withdraw; null: not
    proposed_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (lane, arrangement_id),
    CONSTRAINT arrangement_kind CHECK (kind IN ('extension', 'due-day', 'plan', 'pause'))
);
CREATE INDEX arrangement_loan ON arrangement (lane, loan_id, proposed_at);
CREATE INDEX arrangement_borrower ON arrangement (lane, borrower_id, proposed_at);

-- What became of arrangements, and who looked at them. Append-only.
-- Writes: responses, dispatch (merge)
CREATE TABLE arrangement_event (
    lane smallint NOT NULL,
    arrangement_id uuid NOT NULL,
    seq smallint NOT NULL,                    -- 1, 2, ...
    borrower_id uuid NOT NULL,
    loan_id uuid NOT NULL,
    event text NOT NULL,
    reason text NOT NULL DEFAULT '',
    written jsonb,                            -- of 'agreed': the installments as they then stood: number, day, amount
    recorded_by text NOT NULL,
    effective_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (lane, arrangement_id, seq),
    CONSTRAINT arrangement_event_kind CHECK (event IN
        ('proposed', 'seconded', 'agreed', 'declined', 'withdrawn', 'broken', 'completed', 'overruled', 'looked'))
);
CREATE INDEX arrangement_event_at ON arrangement_event (event, effective_at) WHERE event = 'agreed';

-- The brake: what is halted now. Rows are taken away by resume; both are in history.
-- Writes: dispatch
CREATE TABLE stop (
    stop_id uuid PRIMARY KEY,
    step text,                                -- null: every step
    channel text,
    purpose text,
    reason text NOT NULL,
    stopped_by text NOT NULL,
    stopped_at timestamptz NOT NULL,
    resumed_by text,
    resumed_at timestamptz
);

-- How a provider stands, for every worker. No row: it works, by the weight that providers.toml gives it. Small; a reference
-- table on a cluster.
-- Writes: dispatch
CREATE TABLE provider_state (
    provider text PRIMARY KEY,
    state text NOT NULL,
    share double precision NOT NULL DEFAULT 1,  -- of its weight: less while it errs or is slow
    weight integer,                           -- set by a person; null: as in providers.toml
    trips integer NOT NULL DEFAULT 0,         -- times it went to rest lately: the next rest is longer
    retry_at timestamptz,                     -- of a resting one: when a few messages may try it
    probes integer NOT NULL DEFAULT 0,        -- of a probing one: how many may still try it
    reason text NOT NULL,
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL,          -- of state, share or weight
    version integer NOT NULL,
    CONSTRAINT provider_state_known CHECK (state IN ('working', 'resting', 'probing', 'paused', 'trouble')),
    CONSTRAINT provider_share CHECK (share > 0 AND share <= 1),
    CONSTRAINT provider_weight CHECK (weight BETWEEN 0 AND 1000000),
    CONSTRAINT resting_ends CHECK (state <> 'resting' OR retry_at IS NOT NULL)
);

-- Every change of a provider's standing, with its reason. Append-only.
-- Writes: dispatch
CREATE TABLE provider_history (
    provider text NOT NULL,
    version integer NOT NULL,
    state text NOT NULL,
    share double precision NOT NULL,
    weight integer,
    reason text NOT NULL,
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (provider, version)
);

-- What a provider answered in one second, all workers together. Kept for an hour.
-- Writes: dispatch
CREATE TABLE provider_seen (
    provider text NOT NULL,
    at timestamptz NOT NULL,                  -- beginning of the second
    good bigint NOT NULL,
    bad bigint NOT NULL,                      -- trouble of the provider's own, or no answer
    throttled bigint NOT NULL,
    slow bigint NOT NULL,                     -- of the good ones: answered late
    PRIMARY KEY (provider, at)
);

-- What may be handed to a provider now, by its limit of messages a second; one row a sender where senders are limited.
-- Writes: dispatch
CREATE TABLE provider_bucket (
    provider text NOT NULL,
    sender text NOT NULL,                     -- '': the provider as a whole
    tokens double precision NOT NULL,
    granted bigint NOT NULL,                  -- by the last reservation
    at timestamptz NOT NULL,                  -- through when tokens were filled up
    PRIMARY KEY (provider, sender),
    CONSTRAINT tokens_not_negative CHECK (tokens >= 0)
);

-- What a person must look at. Closed by whoever mends it.
-- Writes: dispatch
CREATE TABLE alert (
    alert_id uuid PRIMARY KEY,
    code text NOT NULL,                       -- of docs/reference/errors
    subject text NOT NULL,                    -- a provider
    reason text NOT NULL,
    raised_at timestamptz NOT NULL,
    closed_by text,
    closed_at timestamptz,
    CONSTRAINT alert_closed_is_whole CHECK ((closed_by IS NULL) = (closed_at IS NULL))
);
CREATE UNIQUE INDEX alert_open ON alert (code, subject) WHERE closed_at IS NULL;

-- What a provider must have approved before it may carry a text: signatures, senders, templates. Small; a reference table
-- on a cluster.
-- Writes: dispatch
CREATE TABLE registration (
    provider text NOT NULL,
    kind text NOT NULL,
    subject text NOT NULL,                    -- the signature, the sender; of a template our name for it
    version integer NOT NULL DEFAULT 0,       -- of our template; 0 for everything else
    language text NOT NULL DEFAULT '',        -- BCP 47; '': whatever the language
    code text NOT NULL DEFAULT '',            -- the provider's name for it
    parameters text[] NOT NULL DEFAULT '{}',  -- of a template, in the provider's order: 'name' or 'theirs=ours'
    state text NOT NULL,
    expires_at timestamptz,                   -- of an approval
    evidence text NOT NULL,
    recorded_by text NOT NULL,
    changed_at timestamptz NOT NULL,
    change integer NOT NULL,                  -- number of the row's last change; history has one row each
    PRIMARY KEY (provider, kind, subject, version, language),
    CONSTRAINT registration_kind CHECK (kind IN ('signature', 'sender', 'sub-port', 'template', 'category-suffix')),
    CONSTRAINT registration_state CHECK (state IN ('draft', 'submitted', 'approved', 'refused', 'expired')),
    CONSTRAINT only_templates_have_versions CHECK ((kind = 'template') = (version > 0))
);

-- Every change of a registration. Append-only.
-- Writes: dispatch
CREATE TABLE registration_history (
    provider text NOT NULL,
    kind text NOT NULL,
    subject text NOT NULL,
    version integer NOT NULL,
    language text NOT NULL,
    change integer NOT NULL,
    code text NOT NULL,
    parameters text[] NOT NULL,
    state text NOT NULL,
    expires_at timestamptz,
    evidence text NOT NULL,
    recorded_by text NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (provider, kind, subject, version, language, change)
);

-- The carrier that serves a contact point's number, by prefix or because it was ported; '' where none is known.
-- Writes: dispatch
CREATE TABLE point_carrier (
    lane smallint NOT NULL,
    contact_point_id uuid NOT NULL,
    carrier text NOT NULL,
    source text NOT NULL,
    learnt_at timestamptz NOT NULL,
    PRIMARY KEY (lane, contact_point_id),
    CONSTRAINT point_carrier_source CHECK (source IN ('prefix', 'ported', 'checked'))
);

-- Numbers that left the carrier of their prefix, by the lender's word. A reference table on a cluster.
-- Writes: dispatch
CREATE TABLE ported_number (
    address_index bytea PRIMARY KEY,          -- keyed blind index
    carrier text NOT NULL,
    source text NOT NULL,                     -- who says so
    recorded_at timestamptz NOT NULL
);

-- What one step of one policy version says on one day, where the policy has brakes. Opened at the first claim; a reference
-- table on a cluster. The id is computed from the four, so that every lane's messages name the same.
-- Writes: dispatch
CREATE TABLE batch (
    batch_id uuid PRIMARY KEY,
    policy text NOT NULL,
    policy_version integer NOT NULL,
    step text NOT NULL,
    local_on date NOT NULL,
    state text NOT NULL,
    messages bigint NOT NULL,                 -- when it was opened
    amounts jsonb NOT NULL,                   -- currency to [largest message, total], minor units, when it was opened
    published_by text NOT NULL,               -- the first person: another one resumes it
    reason text,                              -- why it is held
    opened_at timestamptz NOT NULL,
    decided_at timestamptz,                   -- when it was let go or held
    resumed_by text,                          -- the second person; from then on it is outside the band by decision
    resumed_at timestamptz,
    corrected_by text,
    corrected_at timestamptz,
    CONSTRAINT batch_state CHECK (state IN ('canary', 'going', 'held', 'corrected')),
    CONSTRAINT batch_resumed_by_another CHECK (resumed_by IS NULL OR resumed_by <> published_by),
    CONSTRAINT held_has_reason CHECK (state <> 'held' OR reason IS NOT NULL)
);
CREATE INDEX batch_step ON batch (policy, step, local_on);

-- The messages of a batch that go first. Append-only but for those that were withheld and make room for others.
-- Writes: dispatch
CREATE TABLE batch_canary (
    lane smallint NOT NULL,
    message_id uuid NOT NULL,
    batch_id uuid NOT NULL,
    PRIMARY KEY (lane, message_id)
);
CREATE INDEX batch_canary_batch ON batch_canary (batch_id);

-- Every transition of a message or attempt, in the statement that made it. Append-only; evidence reads it.
-- Writes: planning, dispatch
CREATE TABLE history (
    lane smallint NOT NULL,
    subject_id uuid NOT NULL,
    version integer NOT NULL,
    subject text NOT NULL,                    -- message, attempt
    state text NOT NULL,
    rule text,
    reason text,
    verdict jsonb,                            -- as of the message
    at timestamptz NOT NULL,                  -- by the book's clock
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (lane, subject_id, version)
);

-- Through which day each lane has been planned, so that missed days are caught up.
-- Writes: planning
CREATE TABLE planned_through (
    lane smallint NOT NULL,
    policy text NOT NULL,
    planned_on date NOT NULL,
    PRIMARY KEY (lane, policy)
);

-- Who may use the API. Of a key only a keyed digest is kept. Few rows: a reference table on a cluster.
-- Writes: api
CREATE TABLE api_key (
    key_id text PRIMARY KEY,                  -- stands in the key itself; public
    name text NOT NULL UNIQUE,
    digest bytea NOT NULL,
    scopes text[] NOT NULL,                   -- api.keys.Scope
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz,
    revoked_by text,
    last_used_on date,
    CONSTRAINT api_key_may_something CHECK (cardinality(scopes) > 0),
    CONSTRAINT revoked_by_somebody CHECK ((revoked_at IS NULL) = (revoked_by IS NULL))
);

-- Requests that were refused before they were done, by day. key_id is '' where no key of ours was shown.
-- Writes: api
CREATE TABLE api_refusal (
    refused_on date NOT NULL,
    key_id text NOT NULL,
    reason text NOT NULL,                     -- no-key, bad-key, scope, rate
    refusals bigint NOT NULL,
    PRIMARY KEY (refused_on, key_id, reason)
);

-- What was answered to a request that named itself with an idempotency key, written in the transaction that did it.
-- Writes: api
CREATE TABLE api_answer (
    key_id text NOT NULL,
    name_digest bytea NOT NULL,               -- keyed, of the Idempotency-Key
    request_digest bytea NOT NULL,            -- keyed, of method, address and body
    status smallint,                          -- null only inside the transaction that does it
    body text,
    answered_at timestamptz NOT NULL,         -- by the database's clock
    PRIMARY KEY (key_id, name_digest)
);
CREATE INDEX api_answer_old ON api_answer (answered_at);

-- Short links: a code of eight letters and digits that one attempt carries or that staff handed over. Only its keyed hash is
-- kept, and lane is the hash's first byte: who comes with a code says nothing else. owner_lane, owner_id: the borrower it was
-- made for; who was merged since is found by the tombstone.
-- Writes: dispatch (of attempts), responses (of staff; taken back)
CREATE TABLE link (
    lane smallint NOT NULL,
    code_hash bytea NOT NULL,
    owner_lane smallint NOT NULL,
    owner_id uuid NOT NULL,
    message_id uuid,                          -- null, as the next three: handed over by staff
    attempt_id uuid,
    channel text,
    contact_point_id uuid,                    -- where it was sent: once that is retired the link is dead
    purpose text NOT NULL DEFAULT '',
    language text NOT NULL,
    made_by text,                             -- who of the staff
    issued_at timestamptz NOT NULL,           -- by the book's clock, as the next
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    revoked_by text,
    revoked_why text,
    PRIMARY KEY (lane, code_hash),
    CONSTRAINT link_is_of_an_attempt_or_of_staff CHECK ((attempt_id IS NULL) = (made_by IS NOT NULL)
        AND (attempt_id IS NULL) = (message_id IS NULL) AND (attempt_id IS NULL) = (channel IS NULL)),
    CONSTRAINT link_ends_after_it_begins CHECK (expires_at > issued_at),
    CONSTRAINT link_revocation_is_whole CHECK ((revoked_at IS NULL) = (revoked_by IS NULL)
        AND (revoked_at IS NULL) = (revoked_why IS NULL))
);
CREATE INDEX link_owner ON link (owner_id, issued_at);

-- Each time a link was opened, and by what, as far as it can be told. Append-only. lane is the link's.
-- Writes: responses
CREATE TABLE click (
    lane smallint NOT NULL,
    click_id uuid NOT NULL,                   -- of its content, so that the same request told twice is one row
    code_hash bytea NOT NULL,
    told text NOT NULL,
    why text NOT NULL,                        -- what told it: a word of responses/clicks.toml
    at timestamptz NOT NULL,
    PRIMARY KEY (lane, click_id),
    CONSTRAINT click_told CHECK (told IN ('person', 'scanner', 'preview', 'prefetch'))
);
CREATE INDEX click_link ON click (lane, code_hash, at);

-- Who showed by a second factor that they are the borrower, for a while. lane is the first byte of the token's keyed hash.
-- Writes: responses
CREATE TABLE visit (
    lane smallint NOT NULL,
    token_hash bytea NOT NULL,
    code_hash bytea NOT NULL,                 -- of the link it began with, whose lane is its first byte
    question text NOT NULL,                   -- which factor was asked
    began_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    ended_at timestamptz,
    PRIMARY KEY (lane, token_hash)
);
CREATE INDEX visit_link ON visit (code_hash);

-- What a network address tried lately. peer_hash: of the address, under a key of the day, so that nobody can tell afterwards
-- who came; lane is its first byte. Rows are of use for a day.
-- Writes: responses
CREATE TABLE peer (
    lane smallint NOT NULL,
    peer_hash bytea NOT NULL,
    kind text NOT NULL,
    tries integer NOT NULL,                   -- of its kind since began_at
    mark bytea,                               -- of 'opened': the last code, hashed
    began_at timestamptz NOT NULL,
    PRIMARY KEY (lane, peer_hash, kind),
    CONSTRAINT peer_kind CHECK (kind IN ('unknown-code', 'wrong-answer', 'opened'))
);
CREATE INDEX peer_began ON peer (began_at);

-- Wrong answers to the second factor of one person, whoever gave them by whichever link. lane is the first byte of person_id.
-- Writes: responses
CREATE TABLE answer_lock (
    lane smallint NOT NULL,
    person_id uuid NOT NULL,                  -- borrower.person_id where there is one, else the borrower's id
    tries integer NOT NULL,
    began_at timestamptz NOT NULL,
    locked_until timestamptz,
    PRIMARY KEY (lane, person_id)
);

-- What a borrower asked to pay on a page: one order at a gateway. Its number there is request_id in hexadecimal, whose first
-- byte is the lane. Times are of the wall clock, by which gateways live, also where the book's days are replayed.
-- Writes: responses
CREATE TABLE payment_request (
    lane smallint NOT NULL,                   -- of who pays
    request_id uuid NOT NULL,
    borrower_id uuid NOT NULL,
    gateway text NOT NULL,                    -- by its name in gateways.toml
    scope text NOT NULL,                      -- what it pays for: 'all', a loan's id with an installment, 'part'; one is open for each
    currency char(3) NOT NULL,
    amount_minor bigint NOT NULL,             -- by the bill as it stood then
    shares jsonb NOT NULL,                    -- [[creditor, loan_ref, amount_minor], ...], a loan once, the oldest debt first
    state text NOT NULL DEFAULT 'open',
    way text,                                 -- how the payer gets there: redirect, link, code; null: the gateway has not been asked
    pay_url text,
    reference text NOT NULL DEFAULT '',       -- the gateway's own number of the order
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    asked_at timestamptz,                     -- when the gateway was last asked what became of it
    ask_at timestamptz,                       -- when it is asked next; null: no more
    PRIMARY KEY (lane, request_id),
    CONSTRAINT payment_request_state CHECK (state IN ('open', 'replaced', 'closed', 'paid', 'refunded')),
    CONSTRAINT payment_request_positive CHECK (amount_minor > 0),
    CONSTRAINT payment_request_start_is_whole CHECK ((way IS NULL) = (pay_url IS NULL))
);
CREATE UNIQUE INDEX payment_request_open ON payment_request (lane, borrower_id, currency, scope) WHERE state = 'open';
CREATE INDEX payment_request_ask ON payment_request (ask_at) WHERE ask_at IS NOT NULL;

-- A payment as a gateway tells of it, and what of it is in the book. lane: of its order; where that is none of ours, the first
-- byte of a digest of gateway and trade number. Its facts come in any order and more than once; the last columns follow from them.
-- Writes: responses
CREATE TABLE gateway_trade (
    lane smallint NOT NULL,
    gateway text NOT NULL,
    trade_no text NOT NULL,
    order_no text NOT NULL,                   -- as the gateway says it
    request_id uuid,                          -- null: no order of ours
    currency char(3) NOT NULL,
    paid_minor bigint,                        -- null: only refunds were heard of so far
    paid_at timestamptz,
    refunded_minor bigint NOT NULL DEFAULT 0,
    refunded_at timestamptz,
    booked jsonb NOT NULL DEFAULT '[]',       -- [[creditor, loan_ref, amount_minor, where], ...]; where: payment or suspense
    booked_as text,                           -- their reference in the book
    flags text[] NOT NULL DEFAULT '{}',       -- why a person must look; words of responses.trades
    looked_by text,
    looked_at timestamptz,
    note text,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (lane, gateway, trade_no),
    CONSTRAINT gateway_trade_paid_is_whole CHECK ((paid_minor IS NULL) = (paid_at IS NULL)),
    CONSTRAINT gateway_trade_positive CHECK (paid_minor > 0 AND refunded_minor >= 0),
    CONSTRAINT gateway_trade_look_is_whole CHECK ((looked_by IS NULL) = (looked_at IS NULL))
);
CREATE INDEX gateway_trade_request ON gateway_trade (lane, request_id);

-- What went back of a trade: each refund by its number, or under '' all so far where the gateway numbers none.
-- Writes: responses
CREATE TABLE gateway_refund (
    lane smallint NOT NULL,
    gateway text NOT NULL,
    trade_no text NOT NULL,
    refund_no text NOT NULL,
    amount_minor bigint NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (lane, gateway, trade_no, refund_no),
    CONSTRAINT gateway_refund_positive CHECK (amount_minor > 0)
);

-- What the sandbox's bank has done with an order. lane: the first byte of the order number.
-- Writes: responses
CREATE TABLE sandbox_trade (
    lane smallint NOT NULL,
    order_no text NOT NULL,
    trade_no text NOT NULL,
    currency char(3) NOT NULL,
    amount_minor bigint NOT NULL,
    paid_at timestamptz NOT NULL,             -- by the book's clock
    known_at timestamptz NOT NULL,            -- from when the bank tells of it, by the wall clock
    PRIMARY KEY (lane, order_no, trade_no)
);

-- Settlement certificates: one for each loan, day of settlement, language and edition; the next edition only after the last was
-- taken back by staff. The signed file is kept, sealed, since a signature made again is another one. Whether it holds
-- otherwise follows from the book and is worked out when somebody asks.
-- Writes: evidence, dispatch (merge)
CREATE TABLE certificate (
    lane smallint NOT NULL,                   -- of the loan
    certificate_id uuid NOT NULL,             -- of the loan, the day it was settled, language and edition
    loan_id uuid NOT NULL,
    borrower_id uuid NOT NULL,                -- the loan's borrower
    creditor text NOT NULL,
    settled_on date NOT NULL,
    edition smallint NOT NULL,                -- how many of this settlement and language were taken back before it
    language text NOT NULL,                   -- BCP 47
    number text NOT NULL,                     -- printed on it
    code_hash bytea NOT NULL,                 -- keyed, of the code printed on it
    file_sealed bytea NOT NULL,               -- the signed PDF, in base64
    file_digest bytea NOT NULL,               -- keyed, of the PDF
    issued_on date NOT NULL,                  -- by the book's clock; printed on it
    issued_at timestamptz NOT NULL,           -- by the wall clock, as in the signature
    issued_by text NOT NULL,
    seal text NOT NULL,                       -- SHA-256 of the certificate it was signed with, hexadecimal
    demonstration boolean NOT NULL,           -- the seal has no legal effect
    revoked_on date,                          -- by staff, as the next two
    revoked_by text,
    revoked_why text,
    PRIMARY KEY (lane, certificate_id),
    CONSTRAINT certificate_revocation_is_whole CHECK ((revoked_on IS NULL) = (revoked_by IS NULL)
        AND (revoked_on IS NULL) = (revoked_why IS NULL))
);
CREATE INDEX certificate_loan ON certificate (lane, loan_id);
CREATE INDEX certificate_borrower ON certificate (borrower_id);
CREATE INDEX certificate_code ON certificate (code_hash);
CREATE INDEX certificate_file ON certificate (file_digest);
