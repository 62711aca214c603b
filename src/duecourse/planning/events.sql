-- From what happened to the messages that tell of it. Each event is looked at once, whatever becomes of it.

-- name: has_new
-- Lanes in which something happened that planning has not looked at. lanes: smallint[]; now.
SELECT DISTINCT lane FROM event
WHERE lane = ANY(%(lanes)s::smallint[]) AND planned_at IS NULL AND occurred_at <= %(now)s ORDER BY lane;

-- name: next_event
-- When the next thing happens that planning has not looked at; null when nothing does. lanes: smallint[].
SELECT min(occurred_at) FROM event WHERE lane = ANY(%(lanes)s::smallint[]) AND planned_at IS NULL;

-- name: plan_events
-- Insert the messages that tell of what happened in these lanes, and mark it as looked at. Running it again inserts nothing.
-- {items} is the union of one SELECT per step on an event, over fresh (see events.py).
-- Of several policies that speak of an event the one of the highest priority does. An event joins an unclaimed message of
-- its step that still waits when it happens; else it makes a message of its own, with those that are gathered with it.
-- What is past its use is looked at and told to nobody.
-- lanes: smallint[]; as_of: lender's date; now; recheck, pause: intervals; template_versions; and those of RuleBook.parameters.
-- Answers as plan_lanes. Runs: where its lanes are. Writes: event, message, message_item, history
WITH fresh AS (
    UPDATE event SET planned_at = %(now)s
    WHERE lane = ANY(%(lanes)s::smallint[]) AND planned_at IS NULL AND occurred_at <= %(now)s
    RETURNING *
),
item AS (
    {items}
),
spoken AS (
    SELECT * FROM (
        SELECT item.*, first_value(policy) OVER (PARTITION BY lane, event_id ORDER BY priority DESC, policy) AS speaks FROM item) AS i
    WHERE policy = speaks AND NOT EXISTS (
        SELECT 1 FROM message_item x
        WHERE x.lane = i.lane AND x.loan_id = i.item_loan AND x.number = 0 AND x.policy = i.policy AND x.step = i.step
          AND x.event_id = i.event_id AND x.borrower_id = i.borrower_id)
),
marked AS (
    SELECT s.*, md5(concat_ws('|', lane, borrower_id, party, actor, policy, step, creditor, currency, template)) AS kin_key,
           min(told_at) OVER (PARTITION BY lane, borrower_id, party, actor, policy, step, creditor, currency, template) AS first_at
    FROM spoken s
),
gathered AS (
    SELECT k.*, CASE WHEN gather > interval '0' THEN floor(extract(epoch FROM told_at - first_at) / extract(epoch FROM gather))
                     ELSE extract(epoch FROM told_at) END AS bucket
    FROM marked k
),
lead AS (
    SELECT DISTINCT ON (lane, kin_key, bucket) * FROM gathered ORDER BY lane, kin_key, bucket, told_at, event_id
),
joinable AS (
    SELECT DISTINCT ON (l.lane, l.kin_key, l.bucket) l.lane, l.kin_key, l.bucket, m.group_id
    FROM lead l
    JOIN message m ON m.lane = l.lane AND m.borrower_id = l.borrower_id AND m.state = 'planned' AND m.event_id IS NOT NULL
    WHERE m.policy = l.policy AND m.policy_version = l.policy_version AND m.step = l.step AND m.party = l.party AND m.actor = l.actor
      AND m.creditor = l.creditor AND m.currency = l.currency AND m.template = l.template AND m.tries = 0
      AND m.not_before >= l.told_at AND m.useful_until > %(now)s
      -- It waits for its moment, an hour or a cap; what only a new fact can free would keep the new event waiting, too.
      AND (m.rule IS NULL OR m.verdict IS NOT NULL AND NOT EXISTS (
               SELECT 1 FROM jsonb_array_elements(m.verdict -> 'rules') AS r WHERE r ->> 'primitive' NOT IN ('P1', 'P2', 'P3')))
      AND NOT EXISTS (SELECT 1 FROM message o WHERE o.lane = m.lane AND o.group_id = m.group_id
                                                AND (o.state <> 'planned' OR o.tries > 0))
    ORDER BY l.lane, l.kin_key, l.bucket, m.planned_for, m.group_id
),
-- A claim that came first has what it has; one that comes later, or is judging at this moment, sees another version.
joined AS (
    UPDATE message m SET version = m.version + 1, changed_at = %(now)s
    FROM (SELECT DISTINCT lane, group_id FROM joinable) AS j
    WHERE m.lane = j.lane AND m.group_id = j.group_id AND m.state = 'planned' AND m.tries = 0
    RETURNING m.lane, m.message_id, m.group_id, m.leg, m.version, m.rule
),
grouped AS (
    SELECT l.*, m.group_id IS NOT NULL AS joins,
           coalesce(m.group_id, md5(concat_ws('|', 'event', l.lane, l.borrower_id, l.party, l.policy, l.step, l.event_id))::uuid) AS group_id
    FROM lead l
    LEFT JOIN joinable j ON j.lane = l.lane AND j.kin_key = l.kin_key AND j.bucket = l.bucket
    LEFT JOIN joined m ON m.lane = j.lane AND m.group_id = j.group_id AND m.leg IN (0, 1)
),
timed AS (
    SELECT g.*, CASE
               WHEN g.starts IS NULL OR (r.ready AT TIME ZONE g.zone)::time >= g.starts AND (r.ready AT TIME ZONE g.zone)::time < g.ends
               THEN r.ready
               ELSE local_instant((r.ready AT TIME ZONE g.zone)::date
                                  + CASE WHEN (r.ready AT TIME ZONE g.zone)::time < g.starts THEN 0 ELSE 1 END, g.starts, g.zone)
           END AS planned_for
    FROM grouped g CROSS JOIN LATERAL (SELECT g.told_at + g.gather AS ready) AS r
    WHERE NOT g.joins
),
new_message AS (
    SELECT t.*, leg::smallint AS leg, (%(template_versions)s::jsonb -> t.policy ->> t.template)::int AS template_version,
           CASE WHEN leg = 0 THEN t.group_id ELSE md5(t.group_id::text || '|' || leg)::uuid END AS message_id,
           CASE WHEN leg = 0 THEN t.full_route ELSE t.full_route[leg:leg] END AS route,
           (t.planned_for AT TIME ZONE t.zone)::date AS local_on, t.told_at + t.useful AS useful_until
    FROM timed t
    CROSS JOIN generate_series(CASE WHEN t.legs THEN 1 ELSE 0 END, CASE WHEN t.legs THEN cardinality(t.full_route) ELSE 0 END) AS leg
),
candidate AS (
    SELECT lane, message_id, group_id, borrower_id, party, actor, NULL::text[] AS acts, NULL::uuid[] AS confirms, NULL::uuid AS to_point,
           step, purpose, route, 1::smallint AS route_at, leg, false AS by_debtor, zone, template, template_version,
           0::smallint AS tries, NULL::text[] AS failed, daily_cap, NULL::uuid AS batch_id, NULL::uuid AS corrects, useful_until, planned_for,
           greatest(planned_for, %(now)s::timestamptz) AS at
    FROM new_message
),
candidate_item AS (
    SELECT n.lane, n.message_id, g.item_loan AS loan_id, 0 AS number, n.local_on AS anchor_on, g.step, g.names_amount, g.max_book_age,
           g.event_id
    FROM new_message n JOIN gathered g ON g.lane = n.lane AND g.kin_key = n.kin_key AND g.bucket = n.bucket
),
-- include: planning.any_provider
,
-- include: rules.read_items
,
-- include: rules.judge
,
inserted AS (
    INSERT INTO message (lane, message_id, group_id, leg, borrower_id, party, actor, policy, policy_version, step, purpose, creditor,
        currency, bundle, template, template_version, route, next_if, next_after_seconds, next_by, daily_cap, event_id, zone,
        local_on, state, planned_for, not_before, useful_until, rule, reason, verdict, version, planned_at, changed_at)
    SELECT n.lane, n.message_id, n.group_id, n.leg, n.borrower_id, n.party, n.actor, n.policy, n.policy_version, n.step, n.purpose,
           n.creditor, n.currency, concat_ws(' ', 'event', n.policy || '/' || n.step, n.event_id, n.party), n.template, n.template_version, n.route,
           n.next_if, n.next_after_seconds, n.next_by, n.daily_cap, n.event_id, n.zone, n.local_on, 'planned', n.planned_for,
           CASE WHEN v.waits THEN v.not_before ELSE c.at END, n.useful_until, v.rule, v.reason, v.verdict,
           1 + coalesce((SELECT max(h.version) FROM history h WHERE h.lane = n.lane AND h.subject_id = n.message_id), 0),
           %(now)s, %(now)s
    FROM new_message n
    JOIN candidate c ON c.lane = n.lane AND c.message_id = n.message_id
    JOIN verdict v ON v.lane = n.lane AND v.message_id = n.message_id
    ON CONFLICT DO NOTHING
    RETURNING lane, message_id, borrower_id, version, rule, reason, verdict
),
items AS (
    INSERT INTO message_item (lane, loan_id, number, policy, step, anchor_on, borrower_id, group_id, policy_version, rank, template,
        template_version, own_template, own_template_version, names_amount, max_book_age, event_id)
    SELECT k.lane, k.item_loan, 0, k.policy, k.step, (k.told_at AT TIME ZONE k.zone)::date, k.borrower_id, g.group_id, k.policy_version, 0,
           k.template, (%(template_versions)s::jsonb -> k.policy ->> k.template)::int, k.template,
           (%(template_versions)s::jsonb -> k.policy ->> k.template)::int, k.names_amount, k.max_book_age, k.event_id
    FROM gathered k JOIN grouped g ON g.lane = k.lane AND g.kin_key = k.kin_key AND g.bucket = k.bucket
    ON CONFLICT DO NOTHING
    RETURNING 1
),
told AS (
    INSERT INTO history (lane, subject_id, version, subject, state, rule, reason, verdict, at)
    SELECT lane, message_id, version, 'message', 'planned', rule, reason, verdict, %(now)s FROM inserted
    UNION ALL
    SELECT lane, message_id, version, 'message', 'planned', rule, 'another event joined it', NULL, %(now)s FROM joined
)
SELECT (SELECT count(*) FROM inserted) AS messages, (SELECT count(*) FROM items) AS items,
       (SELECT array_agg(i.message_id) FROM inserted i JOIN borrower b ON b.lane = i.lane AND b.borrower_id = i.borrower_id
        WHERE i.rule IS NULL AND (b.has_others OR b.home_lane IS NOT NULL OR b.person_id IS NOT NULL)) AS elsewhere,
       (SELECT count(*) FROM fresh) AS looked_at;

-- fragment: items
-- The columns that {items} gives, with their types; it stands in for the compiled policy when statements are checked.
SELECT e.lane, e.event_id, coalesce(e.loan_id, '00000000-0000-0000-0000-000000000000') AS item_loan, e.borrower_id, ''::text AS party,
       ''::text AS actor, e.creditor, e.currency, ''::text AS zone, ''::text AS policy, 0 AS policy_version, 0 AS priority, ''::text AS step,
       ''::text AS purpose, ''::text AS template, ARRAY['']::text[] AS full_route, true AS legs, ''::text AS next_if,
       0 AS next_after_seconds, '00:00'::time AS next_by, 0::smallint AS daily_cap, '00:00'::time AS starts, '00:00'::time AS ends,
       '0'::interval AS gather, '0'::interval AS useful, true AS names_amount, '0'::interval AS max_book_age, now() AS told_at
FROM fresh e
