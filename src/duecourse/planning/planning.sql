-- From the book and the published policies to messages. Every statement is idempotent.

-- name: lock_lanes
-- One planner at a time per lane: the rows are the lock. Gives the day through which a lane is planned.
-- lanes: smallint[]; policies: text[]. Writes: planned_through
INSERT INTO planned_through (lane, policy, planned_on)
SELECT lane, policy, 'epoch'::date
FROM unnest(%(lanes)s::smallint[]) AS lane CROSS JOIN unnest(%(policies)s::text[]) AS policy
ORDER BY lane, policy
ON CONFLICT DO NOTHING;

-- name: give_memory
-- Until the transaction ends, sorts and intermediate results of so much stay out of files. kilobytes: int.
SELECT set_config('work_mem', greatest(%(kilobytes)s::int,
                  (SELECT setting::int FROM pg_settings WHERE name = 'work_mem'))::text || 'kB', true);

-- name: planned_from
-- The first day each policy still has to be planned for in these lanes; rows are locked in key order.
-- lanes: smallint[]; as_of: the lender's date, which is also where a policy new to the lane begins.
-- Runs: where its lanes are.
SELECT policy, min(CASE WHEN planned_on = 'epoch'::date THEN %(as_of)s::date
                        ELSE least(planned_on + 1, %(as_of)s::date) END)
FROM (SELECT policy, planned_on FROM planned_through
      WHERE lane = ANY(%(lanes)s::smallint[]) ORDER BY lane, policy FOR UPDATE) AS locked
GROUP BY policy;

-- name: mark_planned
-- Remember through which day these lanes are planned; never goes back.
-- lanes: smallint[]; as_of: date. Writes: planned_through
UPDATE planned_through SET planned_on = %(as_of)s
WHERE lane = ANY(%(lanes)s::smallint[]) AND planned_on < %(as_of)s;

-- name: withdraw_outdated
-- Take back what an earlier version of a policy, or the policy as another actor, planned and nobody has claimed; planning
-- follows and plans it anew. So for the policies of gentle, to whomever an answer since then makes it speak gently, or no
-- more. What waits for its batch's canaries or a person's decision stays, and so does what one decided.
-- Of events it takes back, planning looks again.
-- lanes, policies text[], versions int[], actors text[], gentle text[]; from_on: date, now. Writes: message, message_item, event, history
-- Runs: where its lanes are.
WITH current AS (
    SELECT policy, version, actor FROM unnest(%(policies)s::text[], %(versions)s::int[], %(actors)s::text[]) AS c (policy, version, actor)
),
stale AS (
    SELECT m.lane, m.message_id, m.group_id, m.version FROM message m
    WHERE m.lane = ANY(%(lanes)s::smallint[]) AND m.state = 'planned' AND m.tries = 0
      -- By the lane's index of what is of use yet. That of the days is a summary, and what was planned since it was made is read
      -- whole: all lanes' messages, for each few lanes that are planned.
      AND m.useful_until > %(from_on)s::date - 2 AND coalesce(m.local_on >= %(from_on)s, true)
      AND m.corrects IS NULL AND m.confirms IS NULL
      AND (NOT EXISTS (SELECT 1 FROM current c
                       WHERE c.policy = m.policy AND c.version = m.policy_version AND c.actor = m.actor)
           OR m.policy = ANY(%(gentle)s::text[]) AND NOT m.by_debtor AND EXISTS (
               SELECT 1 FROM response_effect e
               WHERE e.lane = m.lane AND e.borrower_id = m.borrower_id AND e.effect = 'gentle'
                 AND greatest(e.recorded_at, e.undone_at) > m.planned_at))
      AND NOT EXISTS (SELECT 1 FROM batch b
                      WHERE b.batch_id = m.batch_id AND (b.state <> 'going' OR b.resumed_by IS NOT NULL))
      AND NOT EXISTS (SELECT 1 FROM message o WHERE o.lane = m.lane AND o.group_id = m.group_id
                                                AND (o.state <> 'planned' OR o.tries > 0))
    FOR UPDATE OF m
),
-- All legs of a decision or none: one that was claimed just now still speaks of the items.
whole AS (
    SELECT s.lane, s.group_id FROM stale s GROUP BY s.lane, s.group_id
    HAVING count(*) = (SELECT count(*) FROM message o WHERE o.lane = s.lane AND o.group_id = s.group_id)
),
gone AS (
    DELETE FROM message m USING whole w
    WHERE m.lane = w.lane AND m.group_id = w.group_id AND m.state = 'planned' AND m.tries = 0
    RETURNING m.lane, m.message_id, m.group_id, m.version, m.policy, m.policy_version, m.actor
),
items AS (
    DELETE FROM message_item i USING gone g WHERE i.lane = g.lane AND i.group_id = g.group_id
    RETURNING i.lane, nullif(i.event_id, '00000000-0000-0000-0000-000000000000') AS event_id
),
looked_at_again AS (
    UPDATE event e SET planned_at = NULL FROM items i
    WHERE i.event_id IS NOT NULL AND e.lane = i.lane AND e.event_id = i.event_id
),
told AS (
    INSERT INTO history (lane, subject_id, version, subject, state, reason, at)
    SELECT lane, message_id, version + 1, 'message', 'withdrawn',
           CASE WHEN EXISTS (SELECT 1 FROM current c
                             WHERE c.policy = gone.policy AND c.version = gone.policy_version AND c.actor = gone.actor)
                THEN 'an answer since it was planned' ELSE 'a newer version of the policy' END, %(now)s
    FROM gone
)
SELECT count(*) FROM gone;

-- name: plan_lanes
-- Insert the messages of these lanes that the steps call for. Running it again inserts nothing.
-- {items} is the union of one SELECT per step, compiled from the policy (see compile.py).
-- An item joins the unclaimed message of its group, or makes a supplementary one after the claim. elsewhere: the new
-- messages to people who have other rows: see judge_elsewhere.
-- lanes: smallint[]; as_of: lender's date; now; recheck, pause: intervals; template_versions: policy to template to
-- version.
-- Runs: where its lanes are. Writes: message, message_item, history
WITH item AS (
    {items}
),
fresh AS (
    SELECT item.*,
           md5(concat_ws('|', lane, borrower_id, purpose, creditor, currency, bundle, local_on)) AS group_key
    FROM item
    WHERE item.looked_up OR (
        SELECT true FROM message_item x
        WHERE x.lane = item.lane AND x.loan_id = item.loan_id AND x.number = item.number
          AND x.policy = item.policy AND x.step = item.step AND x.anchor_on = item.anchor_on
          AND x.borrower_id = item.borrower_id LIMIT 1) IS NULL
),
-- One text speaks of all: where the items of the leading step want different variants, the step's own serves. This
-- is what people are shown; the claim chooses again from the items that are still open.
agreed AS (
    SELECT fresh.*, CASE WHEN min(template) OVER same_step = max(template) OVER same_step
                         THEN template ELSE own_template END AS agreed_template
    FROM fresh WINDOW same_step AS (PARTITION BY lane, group_key, policy, step)
),
lead AS (
    SELECT DISTINCT ON (lane, group_key) * FROM agreed
    ORDER BY lane, group_key, priority DESC, step_rank DESC, loan_id, number
),
kin AS (
    SELECT l.lane, l.group_key, max(m.supplement) AS last_supplement
    FROM lead l
    JOIN message m ON m.lane = l.lane AND m.borrower_id = l.borrower_id AND m.purpose = l.purpose
                  AND m.creditor = l.creditor AND m.currency = l.currency AND m.bundle = l.bundle
                  AND m.local_on = l.local_on
    GROUP BY l.lane, l.group_key
),
joinable AS (
    SELECT l.lane, l.group_key, m.group_id
    FROM lead l
    JOIN kin k ON k.lane = l.lane AND k.group_key = l.group_key
    JOIN message m ON m.lane = l.lane AND m.borrower_id = l.borrower_id AND m.purpose = l.purpose
                  AND m.creditor = l.creditor AND m.currency = l.currency AND m.bundle = l.bundle
                  AND m.local_on = l.local_on AND m.supplement = k.last_supplement
    WHERE m.leg IN (0, 1) AND m.state = 'planned' AND m.tries = 0 AND m.useful_until > %(now)s
      AND NOT EXISTS (SELECT 1 FROM message o WHERE o.lane = m.lane AND o.group_id = m.group_id
                                                AND (o.state <> 'planned' OR o.tries > 0))
    FOR UPDATE OF m
),
grouped AS (
    SELECT l.*, coalesce(k.last_supplement + 1, 0)::smallint AS supplement, j.group_id IS NOT NULL AS joins,
           coalesce(j.group_id, md5(l.group_key || '|' || coalesce(k.last_supplement + 1, 0))::uuid) AS group_id
    -- FULL for the reason that rules.judge gives: every kin and joinable has its lead.
    FROM lead l
    FULL JOIN kin k ON k.lane = l.lane AND k.group_key = l.group_key
    FULL JOIN joinable j ON j.lane = l.lane AND j.group_key = l.group_key
),
new_message AS (
    -- at: as which instant it is judged. OFFSET 0 keeps planned_for from being computed again for it.
    SELECT n.*, CASE WHEN n.planned_for >= %(now)s THEN n.planned_for
                     ELSE %(now)s + greatest(least(n.useful_until - %(now)s, interval '1 hour'), interval '0')
                          * ((hashtextextended(concat_ws('|', n.borrower_id, n.step, n.local_on), 1) & 1048575) / 1048576.0)
                END AS at
    FROM (
        SELECT g.*, leg::smallint AS leg,
               (%(template_versions)s::jsonb -> g.policy ->> g.agreed_template)::int AS template_version,
               CASE WHEN leg = 0 THEN g.group_id ELSE md5(g.group_id::text || '|' || leg)::uuid END AS message_id,
               CASE WHEN leg = 0 THEN g.full_route ELSE g.full_route[leg:leg] END AS route,
               CASE WHEN g.braked THEN md5(concat_ws('|', g.policy, g.policy_version, g.step, g.local_on))::uuid
               END AS batch_id,
               local_instant(g.local_on + g.useful_days, g.useful_time, g.zone) AS useful_until,
               local_instant(g.local_on, (g.starts + coalesce(g.ends - g.starts, interval '0')
                   * ((hashtextextended(concat_ws('|', g.borrower_id, g.step, g.local_on), 0) & 1048575) / 1048576.0)
                   )::time, g.zone) AS planned_for
        FROM grouped g
        CROSS JOIN generate_series(CASE WHEN g.legs THEN 1 ELSE 0 END,
                                   CASE WHEN g.legs THEN cardinality(g.full_route) ELSE 0 END) AS leg
        WHERE NOT g.joins
        OFFSET 0) AS n
),
candidate AS (
    -- A batch is judged by what is known when it begins, so not yet.
    SELECT lane, message_id, group_id, borrower_id, party, actor, CASE WHEN act IS NOT NULL THEN ARRAY[act] END AS acts,
           NULL::uuid[] AS confirms, NULL::uuid AS to_point, step, purpose, route, 1::smallint AS route_at, leg, false AS by_debtor, zone,
           agreed_template AS template, template_version, 0::smallint AS tries, NULL::text[] AS failed, daily_cap, NULL::uuid AS batch_id, NULL::uuid AS corrects, useful_until, planned_for, at
    FROM new_message
),
read_item AS (
    -- As rules.read_items would read it again.
    SELECT n.lane, n.message_id, f.loan_id, f.number, f.anchor_on, f.step, f.names_amount, f.max_book_age, NULL::uuid AS event_id,
           f.due_on, f.statement_on, f.grace_days, f.due_minor, f.superseded_on, f.settled_on, f.product, f.creditor, f.loan_state, f.owner_id
    FROM new_message n JOIN fresh f ON f.lane = n.lane AND f.group_key = n.group_key
),
-- include: any_provider
,
-- include: rules.judge
,
inserted AS (
    INSERT INTO message (lane, message_id, group_id, leg, borrower_id, party, actor, acts, policy, policy_version, step, purpose,
        creditor, currency, bundle, template, template_version, route, next_if, next_after_seconds, next_by, supersedes,
        daily_cap, batch_id, zone, local_on, supplement, state, planned_for, not_before, useful_until, rule, reason, verdict, version,
        planned_at, changed_at)
    SELECT n.lane, n.message_id, n.group_id, n.leg, n.borrower_id, n.party, n.actor, CASE WHEN n.act IS NOT NULL THEN ARRAY[n.act] END, n.policy, n.policy_version, n.step, n.purpose,
           n.creditor, n.currency, n.bundle, n.agreed_template, n.template_version, n.route, n.next_if,
           n.next_after_seconds, n.next_by, n.supersedes, n.daily_cap, n.batch_id, n.zone, n.local_on, n.supplement, 'planned', n.planned_for,
           CASE WHEN v.waits THEN v.not_before ELSE n.at END,
           n.useful_until, v.rule, v.reason, v.verdict,
           1 + coalesce((SELECT max(h.version) FROM history h
                         WHERE h.lane = n.lane AND h.subject_id = n.message_id), 0),
           %(now)s, %(now)s
    FROM new_message n
    JOIN verdict v ON v.lane = n.lane AND v.message_id = n.message_id
    ON CONFLICT DO NOTHING
    RETURNING lane, message_id, borrower_id, version, rule, reason, verdict
),
items AS (
    INSERT INTO message_item (lane, loan_id, number, policy, step, anchor_on, borrower_id, group_id, policy_version, rank,
        template, template_version, own_template, own_template_version, names_amount, max_book_age, serves)
    SELECT f.lane, f.loan_id, f.number, f.policy, f.step, f.anchor_on, f.borrower_id, g.group_id, f.policy_version,
           f.priority * 10000::bigint + f.step_rank,
           f.template, (%(template_versions)s::jsonb -> f.policy ->> f.template)::int,
           f.own_template, (%(template_versions)s::jsonb -> f.policy ->> f.own_template)::int,
           f.names_amount, f.max_book_age, f.serves
    FROM fresh f FULL JOIN grouped g ON g.lane = f.lane AND g.group_key = f.group_key
    ON CONFLICT DO NOTHING
    RETURNING 1
),
told AS (
    INSERT INTO history (lane, subject_id, version, subject, state, rule, reason, verdict, at)
    SELECT lane, message_id, version, 'message', 'planned', rule, reason, verdict, %(now)s FROM inserted
)
SELECT (SELECT count(*) FROM inserted) AS messages, (SELECT count(*) FROM items) AS items,
       (SELECT array_agg(message_id) FROM new_message WHERE elsewhere) AS elsewhere;

-- name: judge_elsewhere
-- What was planned just now, and nothing stands against, for people with rows in several lanes, or under several records,
-- judged by the caps that count all a person had. As dispatch.judge_persons, with nobody locked: the claim judges again. lanes; messages: uuid[]; now; elsewhere (as rules.elsewhere); and
-- RuleBook.person_parameters. Runs: where its lanes are. Writes: message, history
WITH asked AS (
    SELECT m.lane, m.message_id, m.group_id, m.borrower_id, m.purpose, m.actor, m.acts, m.template, m.party, m.daily_cap, m.route[m.route_at] AS channel,
           m.not_before AS at, coalesce(b.person_id, b.borrower_id) AS person, b.region, b.zone, coalesce(b.zones, ARRAY[b.zone]) AS zones
    FROM message m JOIN borrower b ON b.lane = m.lane AND b.borrower_id = m.borrower_id
    WHERE m.lane = ANY(%(lanes)s::smallint[]) AND m.message_id = ANY(%(messages)s::uuid[])
      AND m.planned_at = %(now)s AND m.rule IS NULL
),
-- include: rules.mates
,
-- include: rules.elsewhere
,
unit AS (
    SELECT a.lane, a.message_id, 1::smallint AS place, l.loan_id, a.region, a.zones, a.purpose, a.channel, a.actor, l.product,
           a.party, NULL::text AS address_kind, coalesce(a.acts, ARRAY[]::text[]) AS actions, %(lender_kinds)s::text[] AS lenders,
           NULL::text AS provider_kind, false AS by_debtor, a.daily_cap, a.at,
           a.at + make_interval(days => %(horizon_days)s) AS until, NULL::bytea AS address_index, a.template, a.group_id,
           false AS suppressed, NULL::text[] AS registered, NULL::text AS caller,
           ARRAY(SELECT
                 -- include: rules.seen_contact(a.zone)
                 FROM (SELECT k.* FROM mate t JOIN contact k ON k.lane = t.lane AND k.borrower_id = t.borrower_id
                       WHERE t.person = a.person
                       UNION ALL SELECT (e.k).* FROM elsewhere e WHERE e.person = a.person) AS k
                 WHERE k.at <= a.at AND k.local_on >= (a.at AT TIME ZONE a.zone)::date - (SELECT max(value::int) FROM jsonb_each(%(look_back)s::jsonb))
                 GROUP BY k.attempt_id HAVING sum(k.weight) > 0) AS contacts,
           ARRAY(SELECT ROW(x.kind, x.granted, x.purpose, x.channel, x.address_index, x.effective_at, x.expires_at)::seen_consent
                 FROM consent x
                 WHERE x.lane = a.lane AND x.borrower_id = a.borrower_id AND x.effective_at <= a.at) AS consents,
           ARRAY[]::seen_hold[] AS holds, ARRAY[]::seen_wish[] AS wishes, ARRAY[]::seen_notice[] AS notices
    FROM asked a
    JOIN LATERAL (SELECT DISTINCT x.loan_id, x.lane FROM message_item x WHERE x.lane = a.lane AND x.group_id = a.group_id) AS d ON true
    LEFT JOIN loan l ON l.lane = d.lane AND l.loan_id = d.loan_id  -- none: of an application
),
-- include: rules.judge_units
,
refused AS (
    SELECT DISTINCT ON (lane, message_id)
           lane, message_id, (refused[1]).rule, not_before,
           jsonb_build_object('rule_set', %(rule_set)s::text, 'considered', considered, 'first_allowed', not_before, 'rules', (
               SELECT jsonb_agg(jsonb_build_object('rule', r.rule, 'primitive', r.primitive, 'saw', r.saw)) FROM unnest(refused) AS r))
               AS verdict
    FROM judged_unit WHERE refused IS NOT NULL
    ORDER BY lane, message_id, not_before DESC NULLS FIRST
),
moved AS (
    UPDATE message m
    SET rule = r.rule, verdict = r.verdict, not_before = coalesce(r.not_before, m.not_before), version = m.version + 1,
        changed_at = %(now)s
    FROM refused r
    WHERE m.lane = r.lane AND m.message_id = r.message_id AND m.state = 'planned' AND m.tries = 0
    RETURNING m.lane, m.message_id, m.version, m.rule, m.verdict
)
INSERT INTO history (lane, subject_id, version, subject, state, rule, verdict, at)
SELECT lane, message_id, version, 'message', 'planned', rule, verdict, %(now)s FROM moved;

-- name: persons_of
-- Whose these messages are, each the id that a person's rows share. lanes; messages: uuid[]. Runs: where its lanes are.
SELECT DISTINCT coalesce(b.person_id, b.borrower_id)
FROM message m JOIN borrower b ON b.lane = m.lane AND b.borrower_id = m.borrower_id
WHERE m.lane = ANY(%(lanes)s::smallint[]) AND m.message_id = ANY(%(messages)s::uuid[]);

-- name: preview
-- What is planned for the days from :from_on to :to_on, by step and verdict. lanes: smallint[].
SELECT policy, step, purpose, local_on, route[1] AS channel, coalesce(rule, '') AS rule, count(*) AS messages
FROM message
WHERE lane = ANY(%(lanes)s::smallint[]) AND local_on BETWEEN %(from_on)s AND %(to_on)s AND state = 'planned'
GROUP BY policy, step, purpose, local_on, route[1], coalesce(rule, '')
ORDER BY local_on, policy, step, rule;

-- fragment: any_provider
-- A CTE provider for every channel of new_message. Which it will be shows at the claim: here one that is registered for
-- everything.
provider AS (
    SELECT row_number() OVER () AS line, NULL::text AS name, channel, NULL::text AS provider, true AS ready, NULL::text AS caller,
           NULL::text AS kind, NULL::text[] AS registered, 1 AS tier, 1.0::double precision AS weight, 1.0::double precision AS admits, NULL::text[] AS carriers,
           NULL::text[] AS regions, NULL::text[] AS needs, false AS needs_template, NULL::jsonb AS approved, NULL::text AS serves
    -- There are fewer channels. LIMIT says so to the planner, which takes them for ten to a message.
    FROM (SELECT unnest(route) AS channel FROM new_message UNION SELECT 'task' LIMIT 64) AS each_channel
)

-- fragment: items
-- The columns that {items} gives, with their types; it stands in for the compiled policy when statements are checked.
SELECT i.lane, i.loan_id, i.number, i.borrower_id, ''::text AS party, ''::text AS actor, ''::text AS act, l.creditor, l.currency, ''::text AS zone,
       ''::text AS policy, 0 AS policy_version, 0 AS priority, ''::text AS step, 0 AS step_rank,
       ''::text AS purpose, ''::text AS template, ''::text AS own_template, ARRAY['']::text[] AS full_route, true AS legs,
       ''::text AS next_if, 0 AS next_after_seconds, '00:00'::time AS next_by, false AS supersedes, 0::smallint AS daily_cap, false AS braked,
       '0'::interval AS starts, '0'::interval AS ends, 0 AS useful_days, '00:00'::time AS useful_time,
       ''::text AS bundle, true AS names_amount, '0'::interval AS max_book_age, ''::text AS serves, i.due_on AS anchor_on,
       i.due_on AS local_on, i.due_on, i.statement_on, i.grace_days, i.due_minor, i.superseded_on, i.settled_on, l.product,
       l.state AS loan_state, l.borrower_id AS owner_id, false AS elsewhere, false AS looked_up
FROM installment i
JOIN loan l ON l.lane = i.lane AND l.loan_id = i.loan_id
