-- Permits: asking, judged by the fragment that judges claims, and reporting.

-- name: lock_lane
-- Alone with the lane until the commit: a claim holds its lanes FOR KEY SHARE, so that it waits for us or we for it, and
-- each then sees what the other wrote in the ledger. lane.
SELECT lane FROM lane_lease WHERE lane = %(lane)s FOR UPDATE;

-- name: find_permit
-- lanes: all of them; permit_id.
SELECT lane, permit_id, borrower_id, outcome, asked_at, expires_at
FROM permit WHERE lane = ANY(%(lanes)s::smallint[]) AND permit_id = %(permit_id)s;

-- name: number_of
-- The index of a borrower's number for a channel: a call goes to the one for calls, or the one for SMS.
-- lane, borrower_id, channels: in order of preference.
SELECT c.address_index FROM contact_point c
WHERE c.lane = %(lane)s AND c.borrower_id = %(borrower_id)s AND c.state = 'active' AND c.channel = ANY(%(channels)s::text[])
ORDER BY array_position(%(channels)s::text[], c.channel), c.rank, c.contact_point_id
LIMIT 1;

-- name: debts_of
-- The debts a contact would be about, each with what the book says against it by the tests of rules.judge: closed, paid, in
-- grace, payments not known yet. lane; borrower_id: who would be contacted, who has a row in it; loans: uuid[]; named: whether
-- a closed one is told as closed, and not left out; purpose, now, as_of.
WITH
-- include: rules.fed
SELECT l.loan_id, l.product,
       CASE WHEN l.state = 'closed' THEN 'LOAN-CLOSED'
            WHEN %(purpose)s NOT IN ('reminder', 'collection') THEN NULL
            WHEN count(i.number) = 0 THEN 'PAID'
            WHEN %(purpose)s = 'reminder' THEN NULL
            WHEN bool_or(i.due_on + coalesce(i.grace_days, 0) < (%(now)s AT TIME ZONE b.zone)::date
                         AND coalesce(i.due_on + coalesce(i.grace_days, 0) <= f.complete_through, true)) THEN NULL
            WHEN bool_or(i.due_on + coalesce(i.grace_days, 0) < (%(now)s AT TIME ZONE b.zone)::date) THEN 'FEED-BEHIND'
            ELSE 'IN-GRACE' END AS rule
FROM loan l
JOIN borrower b ON b.lane = l.lane AND b.borrower_id = %(borrower_id)s
LEFT JOIN fed f ON f.creditor = l.creditor
LEFT JOIN installment i ON i.lane = l.lane AND i.loan_id = l.loan_id AND i.due_minor > 0
    AND (i.settled_on IS NULL OR i.settled_on > %(as_of)s) AND (i.superseded_on IS NULL OR i.superseded_on > %(as_of)s)
WHERE l.lane = %(lane)s AND l.loan_id = ANY(%(loans)s::uuid[])
  AND (l.state = 'open' OR %(named)s)
GROUP BY l.lane, l.loan_id, b.zone, f.complete_through
ORDER BY l.loan_id;

-- name: halted
-- The stop in force for such a contact, if any. purpose, channel.
SELECT reason FROM stop
WHERE resumed_at IS NULL AND step IS NULL AND (purpose IS NULL OR purpose = %(purpose)s)
  AND (channel IS NULL OR channel = %(channel)s)
ORDER BY stopped_at LIMIT 1;

-- fragment: asked
-- What a verdict on a permit says: one row per debt.
SELECT j.not_before IS NOT DISTINCT FROM j.at AS allow, j.not_before,
       coalesce((SELECT jsonb_agg(jsonb_build_object('rule', r.rule, 'primitive', r.primitive, 'saw', r.saw))
                 FROM unnest(j.refused) AS r), '[]')
       || coalesce((SELECT jsonb_agg(jsonb_build_object('rule', (j.windows[n]).id, 'primitive', 'P1', 'saw',
                               jsonb_build_object('zones', j.places, 'at', j.at, 'openings', (j.windows[n]).openings::text)))
                    FROM unnest(j.shut) AS n), '[]') AS refused,
       least((SELECT min(lower(b)) FROM unnest(j.refusals) AS r CROSS JOIN unnest(r.blocked) AS b WHERE lower(b) > j.at),
             first_shut(j.at, %(expires_at)s, j.places, j.windows, j.lifted), %(expires_at)s) AS expires_at,
       EXISTS (SELECT 1 FROM unnest(j.caps) AS cap WHERE cap.per = 'number') AS shared
FROM judged_unit j
ORDER BY j.loan_id

-- name: person_of
-- The id that the rows of a person share, of one who has other rows. lane, borrower_id.
SELECT coalesce(person_id, borrower_id) FROM borrower
WHERE lane = %(lane)s AND borrower_id = %(borrower_id)s AND (has_others OR home_lane IS NOT NULL OR person_id IS NOT NULL);

-- name: judge_permit
-- Judges one contact now, about each of some debts, by what is known of the person, contacts of all their rows. lane, borrower_id, loans, products:
-- parallel arrays; elsewhere: as rules.elsewhere; purpose, channel, actor, party, address_kind, address_index, caller, human (what asks for a person does not
-- stand against it), now, expires_at; and those of RuleBook.parameters. Answers a row per debt: allow, not_before, refused, expires_at, and whether a cap counts
-- what others had from the same number.
WITH
-- include: rules.elsewhere
,
known AS MATERIALIZED (
    SELECT b.region, coalesce(b.zones, ARRAY[b.zone]) AS zones,
           ARRAY(SELECT
                 -- include: rules.seen_contact(b.zone)
                 FROM (SELECT k.* FROM contact k WHERE k.lane = %(lane)s AND k.borrower_id = %(borrower_id)s
                       UNION ALL SELECT (e.k).* FROM elsewhere e) AS k
                 WHERE k.local_on >= (%(now)s AT TIME ZONE b.zone)::date - (SELECT max(value::int) FROM jsonb_each(%(look_back)s::jsonb))
                 GROUP BY k.attempt_id HAVING sum(k.weight) > 0) AS contacts,
           ARRAY(SELECT ROW(x.kind, x.granted, x.purpose, x.channel, x.address_index, x.effective_at, x.expires_at)::seen_consent
                 FROM consent x
                 WHERE x.lane = %(lane)s AND x.borrower_id = b.borrower_id AND x.effective_at <= %(now)s
                   AND NOT (%(human)s AND x.kind = 'automation')) AS consents,
           ARRAY(SELECT ROW(x.kind, x.effect, x.loan_id, x.effective_at, x.until)::seen_hold
                 FROM hold x
                 WHERE x.lane = %(lane)s AND x.borrower_id = b.borrower_id
                   AND (x.ended_at IS NULL OR x.ended_at > %(now)s)
                   AND NOT (%(human)s AND x.effect = 'person'))
           -- As rules.judge: a debt that others hold back is held from those who answer for it, too.
           || CASE WHEN %(party)s = 'borrower' THEN ARRAY[]::seen_hold[] ELSE ARRAY(
                 SELECT ROW(x.kind, x.effect, x.loan_id, x.effective_at, x.until)::seen_hold
                 FROM hold x
                 WHERE x.lane = %(lane)s AND x.loan_id = ANY(%(loans)s::uuid[]) AND x.borrower_id <> b.borrower_id
                   AND (x.ended_at IS NULL OR x.ended_at > %(now)s)
                   AND NOT (%(human)s AND x.effect = 'person')) END AS holds,
           ARRAY(SELECT ROW(x.kind, x.wish)::seen_wish
                 FROM preference x
                 WHERE x.lane = %(lane)s AND x.borrower_id = b.borrower_id AND x.effective_at <= %(now)s
                   AND (x.ended_at IS NULL OR x.ended_at > %(now)s)
                   AND NOT (%(human)s AND x.kind = 'person')) AS wishes,
           ARRAY(SELECT ROW(x.kind, x.loan_id, x.served_at)::seen_notice
                 FROM notice x
                 WHERE x.lane = %(lane)s AND x.borrower_id = b.borrower_id AND x.served_at <= %(now)s)
           -- As rules.judge: before some acts a conversation will do.
           || CASE WHEN %(actions)s::text[] = '{}' THEN ARRAY[]::seen_notice[] ELSE ARRAY(
                 SELECT ROW('conversation', k.loan_id, k.at)::seen_notice
                 FROM contact k
                 WHERE k.lane = %(lane)s AND k.borrower_id = b.borrower_id AND k.outcome = 'conversation'
                   AND k.actor = %(actor)s AND k.at <= %(now)s) END AS notices,
           EXISTS (SELECT 1 FROM suppression x
                   WHERE (x.kind = 'id-number' AND x.index_hash = b.id_number_index
                          OR x.kind IN ('phone', 'email') AND x.index_hash = %(address_index)s)
                     AND x.effective_at <= %(now)s AND (x.ended_at IS NULL OR x.ended_at > %(now)s)) AS suppressed
    FROM borrower b WHERE b.lane = %(lane)s AND b.borrower_id = %(borrower_id)s
),
unit AS (
    SELECT %(lane)s::smallint AS lane, d.loan_id AS message_id, 1::smallint AS place, d.loan_id, k.region, k.zones,
           %(purpose)s::text AS purpose, %(channel)s::text AS channel, %(actor)s::text AS actor, d.product, %(party)s::text AS party,
           %(address_kind)s::text AS address_kind, %(actions)s::text[] AS actions, %(lender_kinds)s::text[] AS lenders,
           NULL::text AS provider_kind, false AS by_debtor, NULL::smallint AS daily_cap, %(now)s::timestamptz AS at,
           %(now)s::timestamptz + make_interval(days => %(horizon_days)s) AS until, %(address_index)s::bytea AS address_index,
           NULL::text AS template, NULL::uuid AS group_id, k.suppressed, ARRAY['signature', 'header', 'template', 'category-suffix', 'licence'] AS registered, %(caller)s::text AS caller,
           k.contacts, k.consents, k.holds, k.wishes, k.notices
    FROM known k CROSS JOIN unnest(%(loans)s::uuid[], %(products)s::text[]) AS d (loan_id, product)
),
-- include: rules.judge_units
-- include: asked
;

-- name: judge_permit_number
-- As judge_permit, by nothing but the caps per number, hours (RuleBook.number_parameters) and what anybody had from it: runs
-- after dispatch.lock_numbers. elsewhere: as rules.elsewhere; the rest as above.
WITH
-- include: rules.elsewhere
,
unit AS (
    SELECT %(lane)s::smallint AS lane, d.loan_id AS message_id, 1::smallint AS place, d.loan_id, b.region, coalesce(b.zones, ARRAY[b.zone]) AS zones,
           %(purpose)s::text AS purpose, %(channel)s::text AS channel, %(actor)s::text AS actor, d.product, %(party)s::text AS party,
           %(address_kind)s::text AS address_kind, %(actions)s::text[] AS actions, %(lender_kinds)s::text[] AS lenders,
           NULL::text AS provider_kind, false AS by_debtor, NULL::smallint AS daily_cap, %(now)s::timestamptz AS at,
           %(now)s::timestamptz + make_interval(days => %(horizon_days)s) AS until, %(address_index)s::bytea AS address_index,
           NULL::text AS template, NULL::uuid AS group_id, false AS suppressed, ARRAY['signature', 'header', 'template', 'category-suffix', 'licence'] AS registered, %(caller)s::text AS caller,
           ARRAY(SELECT
                 -- include: rules.seen_contact(b.zone)
                 FROM (SELECT (e.k).* FROM elsewhere e) AS k
                 WHERE k.local_on >= (%(now)s AT TIME ZONE b.zone)::date - (SELECT max(value::int) FROM jsonb_each(%(look_back)s::jsonb))
                 GROUP BY k.attempt_id HAVING sum(k.weight) > 0) AS contacts,
           ARRAY(SELECT ROW(x.kind, x.granted, x.purpose, x.channel, x.address_index, x.effective_at, x.expires_at)::seen_consent
                 FROM consent x
                 WHERE x.lane = %(lane)s AND x.borrower_id = b.borrower_id AND x.effective_at <= %(now)s) AS consents,
           ARRAY[]::seen_hold[] AS holds, ARRAY[]::seen_wish[] AS wishes,
           ARRAY[]::seen_notice[] AS notices
    FROM borrower b CROSS JOIN unnest(%(loans)s::uuid[], %(products)s::text[]) AS d (loan_id, product)
    WHERE b.lane = %(lane)s AND b.borrower_id = %(borrower_id)s
),
-- include: rules.judge_units
-- include: asked
;

-- name: give_permit
-- The permit and its contact, one row per debt. lane, permit_id, borrower_id, loans, purpose, channel, actor,
-- address_index, by, now, expires_at. Writes: permit, contact
WITH given AS (
    INSERT INTO permit (lane, permit_id, borrower_id, purpose, channel, actor, address_index, asked_by, asked_at, expires_at)
    VALUES (%(lane)s, %(permit_id)s, %(borrower_id)s, %(purpose)s, %(channel)s, %(actor)s, %(address_index)s, %(by)s,
            %(now)s, %(expires_at)s)
),
ledger AS (
    INSERT INTO contact (lane, borrower_id, attempt_id, loan_id, weight, group_id, purpose, channel, actor, source,
                         address_index, local_on, at, agent)
    SELECT b.lane, b.borrower_id, %(permit_id)s, loan_id, 1, %(permit_id)s, %(purpose)s, %(channel)s, %(actor)s, 'permit',
           %(address_index)s, (%(now)s AT TIME ZONE b.zone)::date, %(now)s::timestamptz, %(by)s
    FROM borrower b CROSS JOIN unnest(%(loans)s::uuid[]) AS loan_id
    WHERE b.lane = %(lane)s AND b.borrower_id = %(borrower_id)s
)
SELECT %(permit_id)s;

-- fragment: append_outcome(lane, outcome)
-- To the ledger of {lane}, beside what told (lane, borrower_id, permit_id) was entered as when it was given.
INSERT INTO contact (lane, borrower_id, attempt_id, loan_id, weight, outcome, group_id, purpose, channel, actor, source,
                     address_index, local_on, at, agent)
SELECT k.lane, k.borrower_id, k.attempt_id, k.loan_id, o.weight, o.outcome, k.group_id, k.purpose, k.channel, k.actor,
       k.source, k.address_index, k.local_on, k.at, k.agent
FROM told t
JOIN contact k ON k.lane = {lane} AND k.borrower_id = t.borrower_id AND k.attempt_id = t.permit_id AND k.weight = 1
JOIN (VALUES ('not-used', 'attempt', (-1)::smallint), ('connected', 'connected', 0), ('conversation', 'connected', 0),
             ('conversation', 'conversation', 0)) AS o (report, outcome, weight) ON o.report = {outcome}
ON CONFLICT DO NOTHING

-- name: report_permit
-- What became of it: appended to the ledger, a weight of -1 when it was not used. lane, permit_id, outcome, by, now.
-- A conversation may be learnt after a connection; any other second word is another's. Writes: permit, contact
WITH told AS (
    UPDATE permit SET outcome = %(outcome)s, reported_by = %(by)s, reported_at = %(now)s
    WHERE lane = %(lane)s AND permit_id = %(permit_id)s
      AND (outcome IS NULL OR outcome = 'connected' AND %(outcome)s = 'conversation')
    RETURNING lane, permit_id, borrower_id
),
ledger AS (
    -- include: append_outcome(%(lane)s, %(outcome)s)
)
SELECT permit_id FROM told;
