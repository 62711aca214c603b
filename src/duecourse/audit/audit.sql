-- An audit of the past. Everything stands in temporary tables of one session, so that nothing is left behind, whatever
-- ends it. A contact is judged by rules.judge_units at its own instant, with what was before it.

-- name: create_audit
-- The tables of one audit; they go with the session.
CREATE TEMP TABLE IF NOT EXISTS audit_batch (
    row_no bigint, line bigint, attempt_id uuid, digest uuid, system text, reference text, key_hash bytea, label text,
    loan_id uuid, loan_ref text, address_index bytea, channel text, purpose text, actor text, reached smallint, template text,
    agent text, at timestamptz, at_local timestamp, at_zone text, region text, zone text, product text, party text,
    address_kind text, by_debtor boolean, day_alone boolean, texted boolean, text_refused jsonb,
    lane smallint, borrower_id uuid, zones text[]);
CREATE TEMP TABLE IF NOT EXISTS audit_bad (row_no bigint, code text, PRIMARY KEY (row_no, code));
-- Every good row of the file. lane, borrower_id: of the book.
CREATE TEMP TABLE IF NOT EXISTS audit_row (
    row_no bigint PRIMARY KEY, line bigint, attempt_id uuid, digest uuid, system text, reference text, person_key uuid,
    label text, loan_id uuid, loan_ref text, address_index bytea, channel text, purpose text, actor text, reached smallint,
    template text, agent text, at timestamptz, region text, zone text, product text, party text, address_kind text,
    by_debtor boolean, texted boolean, text_refused jsonb, lane smallint, borrower_id uuid, zones text[]);
CREATE UNIQUE INDEX IF NOT EXISTS audit_row_attempt ON audit_row (attempt_id);
-- The same in the order in which each person was contacted. share: 0..255, by person.
CREATE TEMP TABLE IF NOT EXISTS audit_past (
    share smallint, person uuid, at timestamptz, row_no bigint, attempt_id uuid, loans uuid[], local_on date, clock text,
    channel text, purpose text, actor text, reached smallint, address_index bytea, template text, region text, zones text[],
    product text, party text, address_kind text, by_debtor boolean, lane smallint, borrower_id uuid, shared boolean,
    PRIMARY KEY (share, person, at, row_no));
CREATE INDEX IF NOT EXISTS audit_past_number ON audit_past (address_index, at) WHERE shared;
CREATE TEMP TABLE IF NOT EXISTS audit_person (person uuid PRIMARY KEY, label text);
-- A rule's no to a contact. proven: not only for want of a record that the file cannot hold. by_number: counted over people.
CREATE TEMP TABLE IF NOT EXISTS audit_breach (
    row_no bigint, rule text, primitive text, saw jsonb, opens_at timestamptz, proven boolean, by_number boolean,
    PRIMARY KEY (row_no, rule));
-- What that comes to for a contact. withheld: null while it hangs on what else was withheld.
CREATE TEMP TABLE IF NOT EXISTS audit_verdict (
    row_no bigint PRIMARY KEY, law boolean, draft boolean, policy boolean, unproven boolean, opens_at timestamptz,
    withheld boolean);
CREATE TEMP TABLE IF NOT EXISTS audit_open (
    turn integer, share smallint, person uuid, at timestamptz, row_no bigint, PRIMARY KEY (turn, share, row_no));

-- name: clear_audit
-- Forget an audit before.
TRUNCATE audit_batch, audit_bad, audit_row, audit_past, audit_person, audit_breach, audit_verdict, audit_open;

-- name: copy_batch
-- A batch of rows as they were read.
COPY audit_batch (row_no, line, attempt_id, digest, system, reference, key_hash, label, loan_id, loan_ref, address_index,
                  channel, purpose, actor, reached, template, agent, at, at_local, at_zone, region, zone, product, party,
                  address_kind, by_debtor, day_alone, texted, text_refused) FROM STDIN;

-- name: clear_batch
-- Forget the batch before.
TRUNCATE audit_batch, audit_bad;

-- name: analyze_batch
-- So that the batch's joins are planned by its size.
ANALYZE audit_batch;

-- name: keys_of_batch
-- For the working copy: the directory's rows of the batch's customer keys.
SELECT d.* FROM borrower_key d
JOIN (SELECT DISTINCT get_byte(key_hash, 0)::smallint AS key_lane, key_hash FROM audit_batch WHERE key_hash IS NOT NULL OFFSET 0) AS s
  ON s.key_lane = d.key_lane AND s.key_hash = d.key_hash
WHERE d.kind = 'customer';

-- name: loans_of_batch
-- For the working copy: the loans that the batch speaks of.
SELECT l.* FROM loan l WHERE l.loan_id IN (SELECT loan_id FROM audit_batch WHERE loan_id IS NOT NULL OFFSET 0);

-- name: scope_batch
-- In the working copy: whom keys and loans name.
INSERT INTO scope_person (lane, borrower_id)
SELECT lane, borrower_id FROM borrower_key UNION SELECT lane, borrower_id FROM loan ON CONFLICT DO NOTHING;

-- name: scope_past
-- For the working copy: whom of the book the audit is about.
INSERT INTO scope_person (lane, borrower_id)
SELECT DISTINCT lane, borrower_id FROM audit_past WHERE borrower_id IS NOT NULL ON CONFLICT DO NOTHING;

-- name: suppressed_past
-- For the working copy: what is suppressed of the addresses and the ID numbers.
SELECT x.* FROM suppression x
WHERE x.kind = 'id-number'
   OR x.index_hash IN (SELECT address_index FROM audit_past WHERE address_index IS NOT NULL OFFSET 0);

-- name: find_in_book
-- Who of the batch is in the book, by the customer key or the loan; region, zone and product that the file does not say.
-- Runs: in a working copy.
UPDATE audit_batch s
SET lane = b.lane, borrower_id = b.borrower_id, region = coalesce(s.region, b.region), zone = coalesce(s.zone, b.zone),
    zones = CASE WHEN s.zone IS NULL THEN b.zones END,
    product = coalesce(s.product, l.product)
FROM audit_batch o
LEFT JOIN borrower_key d ON d.key_lane = get_byte(o.key_hash, 0) AND d.kind = 'customer' AND d.key_hash = o.key_hash
LEFT JOIN loan l ON l.loan_id = o.loan_id
JOIN borrower b ON b.lane = coalesce(d.lane, CASE WHEN o.key_hash IS NULL THEN l.lane END)
               AND b.borrower_id = coalesce(d.borrower_id, CASE WHEN o.key_hash IS NULL THEN l.borrower_id END)
WHERE o.ctid = s.ctid;

-- name: time_batch
-- A wall clock without a zone is the recipient's; where only the region is known, and has one zone, it is that one's.
-- zone: for rows that say none, or null; region_zones, within: of RuleBook.parameters.
UPDATE audit_batch
SET zone = coalesce(zone, %(zone)s::text),
    at = coalesce(at, local_instant(at_local::date, at_local::time, coalesce(nullif(at_zone, ''), zone, %(zone)s::text,
        CASE WHEN jsonb_array_length(coalesce(%(region_zones)s::jsonb -> region, %(region_zones)s::jsonb -> (%(within)s::jsonb ->> region),
                                              %(region_zones)s::jsonb -> split_part(region, '-', 1))) = 1
             THEN coalesce(%(region_zones)s::jsonb -> region, %(region_zones)s::jsonb -> (%(within)s::jsonb ->> region),
                           %(region_zones)s::jsonb -> split_part(region, '-', 1)) ->> 0 END)))
WHERE at IS NULL OR zone IS NULL;

-- name: check_batch
-- A wall clock whose zone nobody knows (R080), a day without its hour (R084), a contact that is still to come (B113), a reference that came before in the
-- file, with the same content (B030) or another (B031). now.
INSERT INTO audit_bad (row_no, code)
SELECT row_no, 'R080' FROM audit_batch WHERE at IS NULL
UNION
SELECT row_no, 'R084' FROM audit_batch WHERE day_alone
UNION
SELECT row_no, 'B113' FROM audit_batch WHERE at > %(now)s
UNION
-- include: dispatch/contacts.again(audit_batch, audit_row)
ON CONFLICT DO NOTHING;

-- name: bad_rows
-- The faults of the batch.
SELECT row_no, code FROM audit_bad ORDER BY row_no, code;

-- name: append_batch
-- The good rows.
INSERT INTO audit_row
SELECT row_no, line, attempt_id, digest, system, reference, encode(substring(key_hash FOR 16), 'hex')::uuid, label, loan_id, loan_ref,
       address_index, channel, purpose, actor, reached, template, agent, at, region, zone, product, party, address_kind,
       by_debtor, texted, text_refused, lane, borrower_id, zones
FROM audit_batch s
WHERE NOT EXISTS (SELECT 1 FROM audit_bad x WHERE x.row_no = s.row_no);

-- name: analyze_rows
-- So that placing people is planned by what was read.
ANALYZE audit_row;

-- name: place_people
-- Whose each contact was: of the customer key; else of the loan's or the number's only one in the file; else the loan's or
-- the number's own. A contact that names no loan was about every loan of the person in the file, or about one that
-- nobody named. region_zones, within: of RuleBook.parameters.
INSERT INTO audit_past (share, person, at, row_no, attempt_id, loans, local_on, clock, channel, purpose, actor, reached,
                        address_index, template, region, zones, product, party, address_kind, by_debtor, lane, borrower_id, shared)
WITH of_loan AS (
    SELECT loan_id, (array_agg(person_key))[1] AS person
    FROM (SELECT DISTINCT loan_id, person_key FROM audit_row WHERE loan_id IS NOT NULL AND person_key IS NOT NULL) AS d
    GROUP BY loan_id HAVING count(*) = 1
),
of_number AS (
    SELECT address_index, (array_agg(person_key))[1] AS person
    FROM (SELECT DISTINCT address_index, person_key FROM audit_row
          WHERE address_index IS NOT NULL AND person_key IS NOT NULL) AS d
    GROUP BY address_index HAVING count(*) = 1
),
placed AS MATERIALIZED (
    SELECT r.*, coalesce(r.person_key, l.person, n.person, r.loan_id,
                         encode(substring(r.address_index FOR 16), 'hex')::uuid) AS person,
           coalesce(r.zone, coalesce(%(region_zones)s::jsonb -> r.region, %(region_zones)s::jsonb -> (%(within)s::jsonb ->> r.region),
                                     %(region_zones)s::jsonb -> split_part(r.region, '-', 1),
                                     %(region_zones)s::jsonb -> '*') ->> 0) AS clock
    FROM audit_row r
    LEFT JOIN of_loan l ON l.loan_id = r.loan_id AND r.person_key IS NULL
    LEFT JOIN of_number n ON n.address_index = r.address_index AND r.person_key IS NULL AND l.person IS NULL
),
debts AS (
    SELECT person, array_agg(DISTINCT loan_id) AS loans FROM placed WHERE loan_id IS NOT NULL GROUP BY person
),
shared AS (
    SELECT address_index
    FROM (SELECT DISTINCT address_index, person FROM placed WHERE address_index IS NOT NULL) AS d
    GROUP BY address_index HAVING count(*) > 1
)
SELECT get_byte(uuid_send(p.person), 0), p.person, p.at, p.row_no, p.attempt_id,
       CASE WHEN p.loan_id IS NOT NULL THEN ARRAY[p.loan_id] ELSE coalesce(d.loans, ARRAY[p.person]) END,
       (p.at AT TIME ZONE p.clock)::date, p.clock, p.channel, p.purpose, p.actor, p.reached, p.address_index, p.template, p.region,
       coalesce(p.zones, CASE WHEN p.zone IS NOT NULL THEN ARRAY[p.zone] END), p.product, p.party, p.address_kind, p.by_debtor, p.lane, p.borrower_id,
       s.address_index IS NOT NULL
FROM placed p
LEFT JOIN debts d ON d.person = p.person
LEFT JOIN shared s ON s.address_index = p.address_index;

-- name: label_people
-- By the lender's customer key, else the contract key, else a number of our own.
INSERT INTO audit_person (person, label)
SELECT person, coalesce(label, loan_ref, '#' || row_number() OVER (ORDER BY first_row))
FROM (SELECT p.person, min(r.label) AS label, min(r.loan_ref) AS loan_ref, min(r.row_no) AS first_row
      FROM audit_past p JOIN audit_row r USING (row_no) GROUP BY p.person) AS known;

-- name: analyze_past
-- So that judging is planned by what there is.
ANALYZE audit_past;

-- name: shares
-- How many contacts each share has.
SELECT share, count(*) FROM audit_past WHERE region IS NOT NULL GROUP BY share ORDER BY share;

-- fragment: past_unit
-- unit (rules.judge_units) of every row of asked(share, person, at, row_no), with what was before it of the same person; of
-- contacts of the same instant the one that stands first in the file. kept: leave out what would have been withheld.
-- Of the book what it knows of borrower_id at that instant. Parameters kept, and those of RuleBook.parameters.
unit AS (
    SELECT p.share AS lane, p.attempt_id AS message_id, 1 AS place, d.loan_id, p.region, p.zones, p.purpose, p.channel, p.actor,
           p.product, p.party, p.address_kind, ARRAY[]::text[] AS actions, %(lender_kinds)s::text[] AS lenders,
           NULL::text AS provider_kind, p.by_debtor, NULL::smallint AS daily_cap, p.at,
           p.at + make_interval(days => %(horizon_days)s) AS until, p.address_index, p.template, p.attempt_id AS group_id,
           EXISTS (SELECT 1 FROM suppression x
                   WHERE x.kind = CASE p.channel WHEN 'email' THEN 'email' ELSE 'phone' END AND x.index_hash = p.address_index
                     AND x.effective_at <= p.at AND (x.ended_at IS NULL OR x.ended_at > p.at))
           OR EXISTS (SELECT 1 FROM borrower b
                      JOIN suppression x ON x.kind = 'id-number' AND x.index_hash = b.id_number_index
                      WHERE b.lane = p.lane AND b.borrower_id = p.borrower_id
                        AND x.effective_at <= p.at AND (x.ended_at IS NULL OR x.ended_at > p.at)) AS suppressed,
           NULL::text[] AS registered, NULL::text AS caller,
           ARRAY(SELECT ROW(k.attempt_id, k.attempt_id, k.loans, k.channel, k.purpose, k.reached, k.address_index, k.template, k.at,
                            greatest(k.local_on, (k.at AT TIME ZONE p.clock)::date))::seen_contact
                 FROM audit_past k
                 WHERE k.share = p.share AND k.person = p.person AND (k.at, k.row_no) < (p.at, p.row_no)
                   AND k.at >= p.at - make_interval(days => 1 + coalesce(%(look_back)s::jsonb -> p.region,
                                                                         %(look_back)s::jsonb -> split_part(p.region, '-', 1),
                                                                         %(look_back)s::jsonb -> '*')::int)
                   AND (NOT %(kept)s OR NOT EXISTS (SELECT 1 FROM audit_verdict v WHERE v.row_no = k.row_no AND v.withheld)))
               AS contacts,
           ARRAY(SELECT ROW(x.kind, x.granted, x.purpose, x.channel, x.address_index, x.effective_at, x.expires_at)::seen_consent
                 FROM consent x
                 WHERE x.lane = p.lane AND x.borrower_id = p.borrower_id AND x.effective_at <= p.at) AS consents,
           ARRAY(SELECT ROW(x.kind, x.effect, x.loan_id, x.effective_at, x.until)::seen_hold
                 FROM hold x
                 WHERE x.lane = p.lane AND x.borrower_id = p.borrower_id
                   AND (x.ended_at IS NULL OR x.ended_at > p.at)) AS holds,
           ARRAY(SELECT ROW(x.kind, x.wish)::seen_wish
                 FROM preference x
                 WHERE x.lane = p.lane AND x.borrower_id = p.borrower_id AND x.effective_at <= p.at
                   AND (x.ended_at IS NULL OR x.ended_at > p.at)) AS wishes,
           ARRAY(SELECT ROW(x.kind, x.loan_id, x.served_at)::seen_notice
                 FROM notice x
                 WHERE x.lane = p.lane AND x.borrower_id = p.borrower_id AND x.served_at <= p.at) AS notices,
           p.row_no, p.borrower_id
    FROM asked a
    JOIN audit_past p ON p.share = a.share AND p.person = a.person AND p.at = a.at AND p.row_no = a.row_no
    CROSS JOIN unnest(p.loans) AS d (loan_id)
)

-- fragment: noes
-- Every rule that refused, of judged_unit with row_no and borrower_id.
noes AS (
    SELECT j.row_no, x.rule, x.primitive, x.saw, j.not_before AS opens_at,
           j.borrower_id IS NOT NULL OR x.primitive NOT IN ('P4', 'P11') AS proven
    FROM judged_unit j
    CROSS JOIN LATERAL (
        SELECT r.rule, r.primitive, r.saw FROM unnest(j.refused) AS r
        UNION ALL
        SELECT (j.windows[n]).id, 'P1', jsonb_build_object('zones', j.places, 'at', j.at, 'openings', (j.windows[n]).openings::text)
        FROM unnest(j.shut) AS n) AS x
    WHERE j.not_before IS DISTINCT FROM j.at
)

-- name: judge_past
-- Judge the contacts of the shares first..last as they were. first, last; and those of audit.past_unit. Answers how many
-- noes there were.
-- Runs: in a working copy.
WITH asked AS (
    SELECT share, person, at, row_no FROM audit_past WHERE share BETWEEN %(first)s AND %(last)s AND region IS NOT NULL
),
-- include: past_unit
,
-- include: rules.judge_units
,
-- include: noes
INSERT INTO audit_breach (row_no, rule, primitive, saw, opens_at, proven, by_number)
SELECT DISTINCT ON (row_no, rule) row_no, rule, primitive, saw, opens_at, proven, false
FROM noes ORDER BY row_no, rule, opens_at DESC NULLS FIRST;

-- name: judge_shared_numbers
-- Judge the contacts of numbers that several people share, of the shares first..last, by the caps per number, which count
-- them all. first, last; days: how far such a cap looks back; and those of RuleBook.number_parameters.
WITH unit AS (
    SELECT p.share AS lane, p.attempt_id AS message_id, 1 AS place, p.loans[1] AS loan_id, p.region, p.zones, p.purpose, p.channel,
           p.actor, p.product, p.party, p.address_kind, ARRAY[]::text[] AS actions, %(lender_kinds)s::text[] AS lenders,
           NULL::text AS provider_kind, p.by_debtor, NULL::smallint AS daily_cap, p.at,
           p.at + make_interval(days => %(horizon_days)s) AS until, p.address_index, p.template, p.attempt_id AS group_id,
           false AS suppressed, NULL::text[] AS registered, NULL::text AS caller,
           ARRAY(SELECT ROW(k.attempt_id, k.attempt_id, k.loans, k.channel, k.purpose, k.reached, k.address_index, k.template, k.at,
                            greatest(k.local_on, (k.at AT TIME ZONE p.clock)::date))::seen_contact
                 FROM audit_past k
                 WHERE k.shared AND k.address_index = p.address_index AND (k.at, k.row_no) < (p.at, p.row_no)
                   AND k.at >= p.at - make_interval(days => %(days)s)) AS contacts,
           ARRAY[]::seen_consent[] AS consents, ARRAY[]::seen_hold[] AS holds, ARRAY[]::seen_wish[] AS wishes,
           ARRAY[]::seen_notice[] AS notices, p.row_no, p.borrower_id
    FROM audit_past p
    WHERE p.shared AND p.region IS NOT NULL AND p.share BETWEEN %(first)s AND %(last)s
),
-- include: rules.judge_units
,
-- include: noes
INSERT INTO audit_breach (row_no, rule, primitive, saw, opens_at, proven, by_number)
SELECT row_no, rule, primitive, saw, opens_at, proven, true FROM noes WHERE primitive IN ('P2', 'P3')
ON CONFLICT (row_no, rule) DO UPDATE SET saw = EXCLUDED.saw, opens_at = EXCLUDED.opens_at, by_number = true;

-- name: note_texts
-- What the rules of content say of the texts that the file has; no waiting mends a text.
INSERT INTO audit_breach (row_no, rule, primitive, saw, opens_at, proven, by_number)
SELECT r.row_no, x.rule, x.primitive, x.saw, NULL, true, false
FROM audit_row r
CROSS JOIN jsonb_to_recordset(r.text_refused) AS x (rule text, primitive text, saw jsonb)
WHERE r.text_refused IS NOT NULL AND r.region IS NOT NULL
ON CONFLICT DO NOTHING;

-- name: sum_up
-- What the noes come to for each contact. One that only caps and cool-offs refuse hangs on what else was withheld.
-- levels: jsonb, rule to law, draft or policy.
INSERT INTO audit_verdict (row_no, law, draft, policy, unproven, opens_at, withheld)
SELECT row_no,
       coalesce(bool_or(proven AND %(levels)s::jsonb ->> rule = 'law'), false),
       coalesce(bool_or(proven AND %(levels)s::jsonb ->> rule = 'draft'), false),
       coalesce(bool_or(proven AND coalesce(%(levels)s::jsonb ->> rule, 'policy') = 'policy'), false),
       bool_or(NOT proven),
       CASE WHEN bool_or(opens_at IS NULL) THEN NULL ELSE max(opens_at) END,
       CASE WHEN NOT bool_or(proven) THEN false
            WHEN bool_or(proven AND (by_number OR primitive NOT IN ('P2', 'P3'))) THEN true END
FROM audit_breach GROUP BY row_no;

-- name: queue_open
-- Those that hang on others, each person's in their order: turn 1 is a person's first.
INSERT INTO audit_open (turn, share, person, at, row_no)
SELECT row_number() OVER (PARTITION BY p.share, p.person ORDER BY p.at, p.row_no), p.share, p.person, p.at, p.row_no
FROM audit_verdict v JOIN audit_past p USING (row_no)
WHERE v.withheld IS NULL;

-- name: analyze_verdicts
-- So that the turns are planned by what is open.
ANALYZE audit_breach, audit_verdict, audit_open;

-- name: turns
-- How many contacts each turn has, by share.
SELECT turn, share, count(*) FROM audit_open GROUP BY turn, share ORDER BY turn, share;

-- name: judge_turn
-- Judge again, without what was withheld before. turn, first and last share; and those of audit.past_unit, kept true.
-- Runs: in a working copy.
WITH asked AS (
    SELECT share, person, at, row_no FROM audit_open WHERE turn = %(turn)s AND share BETWEEN %(first)s AND %(last)s
),
-- include: past_unit
,
-- include: rules.judge_units
,
-- include: noes
UPDATE audit_verdict v
SET withheld = EXISTS (SELECT 1 FROM noes n WHERE n.row_no = v.row_no AND n.primitive IN ('P2', 'P3'))
WHERE v.row_no IN (SELECT row_no FROM asked);

-- name: totals
-- What the file held: rows by whether and why they were not judged, people, days, people found in the book, texts.
SELECT count(*) AS contacts, count(*) FILTER (WHERE p.region IS NULL) AS no_region, count(DISTINCT p.person) AS people,
       min(p.local_on) AS first_on, max(p.local_on) AS last_on,
       count(DISTINCT p.person) FILTER (WHERE p.borrower_id IS NOT NULL) AS people_in_book,
       count(*) FILTER (WHERE r.texted) AS texts,
       count(*) FILTER (WHERE r.loan_id IS NULL) AS no_loan, count(*) FILTER (WHERE p.product IS NULL) AS no_product,
       array_agg(DISTINCT p.region) FILTER (WHERE p.region IS NOT NULL) AS regions
FROM audit_past p JOIN audit_row r USING (row_no);

-- name: zoneless
-- Judged contacts by region, of those whose zone is not known.
SELECT region, count(*) FROM audit_past WHERE zones IS NULL AND region IS NOT NULL GROUP BY region ORDER BY region;

-- name: counts
-- Judged contacts and what was found, by each dimension by itself. which: all, month, channel, agent, hour.
SELECT CASE grouping(month, channel, actor, agent, weekday, hour)
            WHEN 63 THEN 'all' WHEN 31 THEN 'month' WHEN 47 THEN 'channel' WHEN 51 THEN 'agent' ELSE 'hour' END AS which,
       month, channel, actor, agent, weekday, hour, count(*) AS contacts,
       count(*) FILTER (WHERE law OR draft OR policy) AS breaches, count(*) FILTER (WHERE law) AS law,
       count(*) FILTER (WHERE draft AND NOT law) AS draft, count(*) FILTER (WHERE policy AND NOT law AND NOT draft) AS policy,
       count(*) FILTER (WHERE unproven) AS unproven, count(*) FILTER (WHERE withheld) AS withheld
FROM (SELECT to_char(p.local_on, 'YYYY-MM') AS month, p.channel, p.actor, coalesce(r.agent, '') AS agent,
             extract(isodow FROM p.local_on)::int AS weekday, extract(hour FROM p.at AT TIME ZONE p.clock)::int AS hour,
             v.law, v.draft, v.policy, v.unproven, v.withheld
      FROM audit_past p
      JOIN audit_row r USING (row_no)
      LEFT JOIN audit_verdict v USING (row_no)
      WHERE p.region IS NOT NULL) AS c
GROUP BY GROUPING SETS ((), (month), (channel), (actor, agent), (weekday, hour))
ORDER BY which, month, channel, breaches DESC, actor, agent, weekday, hour;

-- name: count_rules
-- Contacts and people that each rule refused. proven: see audit_breach.
SELECT b.rule, b.primitive, b.proven, count(*) AS contacts, count(DISTINCT p.person) AS people,
       count(*) FILTER (WHERE v.withheld) AS withheld, min(p.local_on) AS first_on, max(p.local_on) AS last_on
FROM audit_breach b
JOIN audit_past p USING (row_no)
JOIN audit_verdict v USING (row_no)
GROUP BY b.rule, b.primitive, b.proven
ORDER BY b.proven DESC, contacts DESC, b.rule;

-- fragment: breach_lines
-- One line per contact and rule.
SELECT b.row_no, r.line, r.system, r.reference, o.label AS person, r.loan_ref, p.at, p.clock, p.zones IS NULL AS anywhere, p.region,
       p.channel, p.purpose, p.actor, r.agent, p.party, b.rule, b.primitive, b.saw, b.proven, v.opens_at, v.withheld
FROM audit_breach b
JOIN audit_row r USING (row_no)
JOIN audit_past p USING (row_no)
JOIN audit_person o USING (person)
JOIN audit_verdict v USING (row_no)

-- name: breaches
-- All of them, in the order of the file.
-- include: breach_lines
ORDER BY b.row_no, b.rule;

-- name: examples
-- The latest few of each rule. each: how many.
WITH latest AS (
    SELECT row_no, rule
    FROM (SELECT b.row_no, b.rule, row_number() OVER (PARTITION BY b.rule, b.proven ORDER BY p.at DESC, b.row_no) AS n
          FROM audit_breach b JOIN audit_past p USING (row_no) WHERE b.proven) AS ranked
    WHERE n <= %(each)s
)
SELECT * FROM (
-- include: breach_lines
) AS told
WHERE (row_no, rule) IN (SELECT row_no, rule FROM latest)
ORDER BY rule, at DESC, row_no;
