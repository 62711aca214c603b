-- Claim, record, settle, receive, move on, recover. Only the owner of a lane runs the statements that carry a fence.

-- name: has_due
-- Whether a message of these lanes is due. lanes: smallint[]; channels: all there are, by which the index goes; now.
SELECT EXISTS (SELECT 1 FROM message
               WHERE lane = ANY(%(lanes)s::smallint[]) AND route[route_at] = ANY(%(channels)s::text[])
                 AND state = 'planned' AND not_before <= %(now)s);

-- name: count_open
-- Messages of these lanes that are due by the database's clock, in flight, or waiting a moment to be tried again.
-- lanes: smallint[].
SELECT count(*) FROM message
WHERE lane = ANY(%(lanes)s::smallint[])
  AND (state = 'in_flight'
       OR state = 'planned' AND (not_before <= now()
                                 OR rule IN ('THROTTLED', 'DEFERRED', 'ACCOUNT-TROUBLE', 'NOT-HANDED-OVER', 'PROVIDER-PAUSED', 'BATCH-WAITS')));

-- name: next_instant
-- The next instant at which something is to do in these lanes; null when nothing is. lanes: smallint[].
SELECT least(
    (SELECT min(least(not_before, useful_until)) FROM message
     WHERE lane = ANY(%(lanes)s::smallint[]) AND state = 'planned'),
    (SELECT min(next_at) FROM message WHERE lane = ANY(%(lanes)s::smallint[]) AND state = 'in_flight'));

-- fragment: due_head
-- CTEs after a fence, head: up to :take due messages, the oldest; of each channel that they begin with as many as it has places;
-- of each lane in which some of it is due, twice its share; places, most: that many. Some are read, however many are due.
-- take; head_channels, head_places: parallel arrays, a channel that is not in them is left alone (dispatch.reach); now.
busy AS (
    SELECT f.lane, c.channel, c.places, ceil(2.0 * c.places / count(*) OVER (PARTITION BY c.channel))::int AS most
    FROM fence f CROSS JOIN unnest(%(head_channels)s::text[], %(head_places)s::int[]) AS c (channel, places)
    WHERE (SELECT true FROM message d
           WHERE d.lane = f.lane AND d.route[d.route_at] = c.channel AND d.state = 'planned' AND d.not_before <= %(now)s
             AND coalesce(d.useful_until > %(now)s, true) LIMIT 1)
),
head AS (
    SELECT * FROM (
        SELECT m.*, b.channel AS first_channel, b.places, b.most,
               row_number() OVER (PARTITION BY b.channel ORDER BY m.not_before) AS nth
        FROM busy b
        CROSS JOIN LATERAL (SELECT * FROM message o
                            WHERE o.lane = b.lane AND o.route[o.route_at] = b.channel AND o.state = 'planned' AND o.not_before <= %(now)s
                              AND coalesce(o.useful_until > %(now)s, true)  -- not by the index of that, which is in another order
                            ORDER BY o.not_before LIMIT b.most) AS m) AS oldest
    WHERE nth <= places
    ORDER BY not_before
    LIMIT %(take)s
)

-- name: claim_messages
-- Claim at most :take messages, one per person, each judged again by the rules; refusals keep rule and reason.
-- lanes, epochs: parallel arrays; now; as_of; head_channels, head_places (of due_head); those of dispatch.lines.line_parameters;
-- recheck, pause: intervals; and those of RuleBook.parameters.
-- room: how many may be handed to a line by this claim; what does not fit stays due.
-- Returns every judged message, or one row without any, each with seen, how many of each channel were looked at, and cut, whether
-- there may be more; the allowed ones with their contact point, the debts that may be spoken of and, where the person has other
-- rows, the id that they share; batch_id also of those that wait for their batch to be opened or decided. Writes: message, history
-- Runs: where its lanes are.
WITH
-- include: store.fence
,
-- include: due_head
,
-- An earlier step about the same installment still has a way to go, by the passing of time alone: on its route, or
-- because it was early, capped or not taken by the provider. What only a new fact can free, or a person halted, is no reason.
behind AS MATERIALIZED (
    SELECT DISTINCT ON (h.lane, h.message_id) h.lane, h.message_id, w.step,
           least(greatest(coalesce(w.next_at, w.not_before), %(now)s::timestamptz + %(pause)s), %(now)s::timestamptz + %(recheck)s) AS look_at
    FROM head h
    JOIN message w ON w.lane = h.lane AND w.borrower_id = h.borrower_id AND w.state <> 'done' AND w.local_on < h.local_on
    WHERE h.tries = 0 AND h.corrects IS NULL AND h.event_id IS NULL AND w.policy = h.policy AND w.purpose = h.purpose AND w.useful_until > %(now)s
      AND (NOT h.supersedes AND w.state = 'in_flight' AND w.next_if IS NOT NULL AND w.route_at < cardinality(w.route)
           OR w.state = 'in_flight' AND EXISTS (SELECT 1 FROM attempt a WHERE a.lane = w.lane AND a.message_id = w.message_id
                                                                          AND a.state = 'claimed')
           OR NOT h.supersedes AND w.state = 'planned' AND CASE
                WHEN w.rule IS NULL OR w.rule IN ('THROTTLED', 'DEFERRED', 'ACCOUNT-TROUBLE', 'NOT-HANDED-OVER',
                                                  'PROVIDER-PAUSED', 'BATCH-WAITS', 'EARLIER-WAITS') THEN true
                ELSE w.verdict IS NOT NULL AND NOT EXISTS (
                    SELECT 1 FROM jsonb_array_elements(w.verdict -> 'rules') AS r WHERE r ->> 'primitive' NOT IN ('P1', 'P2', 'P3')) END)
      AND EXISTS (SELECT 1 FROM message_item x
                  JOIN message_item y ON y.lane = x.lane AND y.loan_id = x.loan_id AND y.number = x.number
                  WHERE x.lane = h.lane AND x.group_id = h.group_id AND y.group_id = w.group_id)
    ORDER BY h.lane, h.message_id, w.planned_for
),
held_back AS (
    UPDATE message m
    SET rule = 'EARLIER-WAITS', reason = b.step, verdict = NULL, not_before = b.look_at, changed_at = %(now)s,
        version = m.version + CASE WHEN m.rule = 'EARLIER-WAITS' AND m.reason = b.step THEN 0 ELSE 1 END
    FROM behind b, head h
    WHERE m.lane = b.lane AND m.message_id = b.message_id AND m.state = 'planned' AND h.lane = b.lane AND h.message_id = b.message_id
    RETURNING m.lane, m.message_id, m.version, m.rule, m.reason, m.version <> h.version AS changed
),
told_behind AS (
    INSERT INTO history (lane, subject_id, version, subject, state, rule, reason, at)
    SELECT lane, message_id, version, 'message', 'planned', rule, reason, %(now)s FROM held_back WHERE changed
),
candidate AS (
    SELECT DISTINCT ON (coalesce(b.person_id, h.borrower_id))
           h.lane, h.message_id, h.group_id, h.borrower_id, h.party, h.actor, h.acts, h.confirms, h.to_point, h.step, h.purpose, h.route, h.route_at, h.leg, h.by_debtor, b.zone,
           h.template, h.template_version, h.tries, h.daily_cap, h.batch_id, h.corrects, h.useful_until, h.version, h.rule AS old_rule, h.reason AS old_reason,
           %(now)s::timestamptz AS at,
           -- Who did not take it the last times: others go first.
           CASE WHEN h.tries > 0 THEN ARRAY(SELECT a.provider FROM attempt a WHERE a.lane = h.lane AND a.message_id = h.message_id
                                            AND a.seq > h.tries - 3 AND a.state = 'released') END AS failed,
           CASE WHEN b.has_others OR b.home_lane IS NOT NULL OR b.person_id IS NOT NULL
                THEN coalesce(b.person_id, b.borrower_id) END AS person
    FROM head h
    JOIN borrower b ON b.lane = h.lane AND b.borrower_id = h.borrower_id  -- the zone as it is now
    WHERE NOT EXISTS (SELECT 1 FROM behind o WHERE o.lane = h.lane AND o.message_id = h.message_id)
    ORDER BY coalesce(b.person_id, h.borrower_id), h.not_before, h.message_id
),
candidate_item AS (
    SELECT c.lane, c.message_id, i.loan_id, i.number, i.anchor_on, i.step, i.names_amount, i.max_book_age,
           nullif(i.event_id, '00000000-0000-0000-0000-000000000000') AS event_id
    FROM candidate c JOIN message_item i ON i.lane = c.lane AND i.group_id = c.group_id
),
-- include: dispatch/providers.provider
,
-- include: rules.read_items
,
-- include: rules.judge
,
-- The text follows the items that are still open: a bundle planned as "due today" that has lost that debt says so no more.
spoken AS (
    SELECT DISTINCT ON (o.lane, o.message_id)
           o.lane, o.message_id, x.policy, x.policy_version, x.step,
           CASE WHEN min(x.template) OVER same_step = max(x.template) OVER same_step
                THEN x.template ELSE x.own_template END AS template,
           CASE WHEN min(x.template) OVER same_step = max(x.template) OVER same_step
                THEN x.template_version ELSE x.own_template_version END AS template_version
    FROM open_item o
    JOIN message c ON c.lane = o.lane AND c.message_id = o.message_id
    JOIN message_item x ON x.lane = o.lane AND x.loan_id = o.loan_id AND x.number = o.number AND x.step = o.step
                       AND x.group_id = c.group_id
    WINDOW same_step AS (PARTITION BY o.lane, o.message_id, x.policy, x.step)
    ORDER BY o.lane, o.message_id, x.rank DESC, x.loan_id, x.number
),
-- FULL as in rules.judge: each candidate has one verdict, and what is spoken of has its candidate.
queued AS (
    SELECT v.*, c.version AS judged_version, c.old_rule, c.old_reason, c.person, s.policy, s.policy_version, s.step, s.template, s.template_version,
           row_number() OVER (PARTITION BY v.allow, v.line ORDER BY v.not_before, v.message_id) AS place
    FROM verdict v
    FULL JOIN candidate c ON c.lane = v.lane AND c.message_id = v.message_id
    FULL JOIN spoken s ON s.lane = v.lane AND s.message_id = v.message_id
),
fitting AS (
    SELECT q.* FROM queued q LEFT JOIN provider p ON p.line = q.line
    WHERE NOT q.allow OR q.place <= p.room
),
moved AS (
    UPDATE message m
    SET state = CASE WHEN v.allow THEN 'in_flight' ELSE 'planned' END,
        policy = CASE WHEN v.allow THEN coalesce(v.policy, m.policy) ELSE m.policy END,
        policy_version = CASE WHEN v.allow THEN coalesce(v.policy_version, m.policy_version) ELSE m.policy_version END,
        step = CASE WHEN v.allow THEN coalesce(v.step, m.step) ELSE m.step END,
        template = CASE WHEN v.allow THEN coalesce(v.template, m.template) ELSE m.template END,
        template_version = CASE WHEN v.allow THEN coalesce(v.template_version, m.template_version)
                                ELSE m.template_version END,
        not_before = v.not_before,
        next_at = CASE WHEN v.allow THEN v.valid_until
                       WHEN v.rule = 'PROVIDER-PAUSED' AND m.next_if IS NOT NULL THEN coalesce(m.next_at, (
                           SELECT
                           -- include: moves_at
                           FROM (SELECT m.next_by, m.next_after_seconds, m.zone, %(now)s::timestamptz AS waits_since) AS w))
                       ELSE m.next_at END,
        waits_since = CASE WHEN v.allow AND m.route_at <> v.route_at THEN %(now)s
                           WHEN v.allow OR v.rule = 'PROVIDER-PAUSED' THEN coalesce(m.waits_since, %(now)s)
                           ELSE m.waits_since END,
        route_at = CASE WHEN v.allow THEN v.route_at ELSE m.route_at END,
        -- A person is asked for, whom the route did not have.
        route = CASE WHEN v.allow AND v.route_at > cardinality(m.route) THEN m.route || v.channel ELSE m.route END,
        tries = m.tries + CASE WHEN v.allow THEN 1 ELSE 0 END,
        rule = v.rule, reason = v.reason, verdict = v.verdict,
        version = m.version + CASE WHEN v.allow OR v.rule IS DISTINCT FROM v.old_rule
                                                OR v.reason IS DISTINCT FROM v.old_reason THEN 1 ELSE 0 END,
        changed_at = %(now)s
    FROM fitting v
    WHERE m.lane = v.lane AND m.message_id = v.message_id AND m.state = 'planned'
      AND m.version = v.judged_version  -- nothing joined it since it was read
    RETURNING m.lane, m.message_id, m.version, m.state, m.rule, m.reason, m.verdict, m.tries, m.batch_id, v.allow, v.route_at,
              v.channel, v.line, v.contact_point_id, v.address_sealed, v.valid_until, v.loans, v.shared, v.address_index, v.person,
              v.allow OR v.rule IS DISTINCT FROM v.old_rule OR v.reason IS DISTINCT FROM v.old_reason AS changed
),
told AS (
    INSERT INTO history (lane, subject_id, version, subject, state, rule, reason, verdict, at)
    SELECT lane, message_id, version, 'message', state, rule, reason, verdict, %(now)s FROM moved WHERE changed
)
SELECT coalesce((SELECT jsonb_object_agg(first_channel, number)
                 FROM (SELECT first_channel, count(*) AS number FROM head GROUP BY first_channel) AS x), '{}') AS seen,
       EXISTS (SELECT 1 FROM head GROUP BY head.lane, first_channel, head.most HAVING count(*) >= head.most) AS cut,
       lane, message_id, allow, tries AS seq, route_at, channel, line, contact_point_id, address_sealed, valid_until, loans,
       shared, address_index, verdict -> 'considered' AS considered,
       CASE WHEN rule = 'BATCH-WAITS' OR allow THEN batch_id END AS batch_id,
       coalesce((SELECT b.resumed_by IS NOT NULL FROM batch b WHERE b.batch_id = moved.batch_id), false) AS resumed, person,
       rule, changed
FROM (SELECT) AS always LEFT JOIN moved ON true;

-- fragment: reachable
-- Whether the route of s, from its present place on, has another address than the one that will not work again.
EXISTS (SELECT 1 FROM message m CROSS JOIN unnest(m.route) WITH ORDINALITY AS r (channel, place)
        WHERE m.lane = s.lane AND m.message_id = s.message_id AND r.place >= s.route_at
          AND (r.channel IN ('inbox', 'task') AND r.place > s.route_at
               OR EXISTS (SELECT 1 FROM contact_point p
                          WHERE p.lane = m.lane AND p.borrower_id = m.borrower_id AND p.state = 'active'
                            AND p.contact_point_id <> s.contact_point_id
                            AND (p.channel = r.channel OR r.channel IN ('voice', 'task') AND p.channel IN ('voice', 'sms')))))

-- fragment: moves_at
-- When the route of message w moves on from what it waits for, hours at which nothing may go not taken out yet.
CASE WHEN w.next_by IS NULL THEN w.waits_since + make_interval(secs => w.next_after_seconds)
     ELSE local_instant((w.waits_since AT TIME ZONE w.zone)::date
                        + CASE WHEN (w.waits_since AT TIME ZONE w.zone)::time < w.next_by THEN 0 ELSE 1 END, w.next_by, w.zone) END

-- fragment: enough
-- Whether what became of attempt a is what the policy of its message w waits for: then nothing more goes. Of a call and
-- of a task, that somebody answered is an answer.
(CASE a.state WHEN 'read' THEN coalesce(w.next_if, 'sent') IN ('sent', 'delivered', 'read')
              WHEN 'delivered' THEN coalesce(w.next_if, 'sent') IN ('sent', 'delivered') ELSE false END
 OR a.state IN ('delivered', 'read') AND w.next_if = 'answered' AND a.channel IN ('voice', 'task'))

-- name: lock_persons
-- Lock the persons who are about to be contacted and have rows in several lanes or under several records, in key order,
-- until the transaction ends. Before lock_numbers. persons: uuid[]. Writes: shared_key
INSERT INTO shared_key (lane, kind, key)
SELECT DISTINCT get_byte(uuid_send(person), 0)::smallint, 'person', uuid_send(person)
FROM unnest(%(persons)s::uuid[]) AS person
ORDER BY 1, 3
ON CONFLICT (lane, kind, key) DO UPDATE SET kind = EXCLUDED.kind;

-- name: judge_persons
-- Which of the claimed messages a cap refuses, with what the person had under any of their rows. Runs after lock_persons, so
-- that it sees what they committed. A debt that may not be spoken of refuses its message. lanes, messages, points, persons,
-- debts (uuid[] as text), kinds (of the provider): parallel arrays; now; elsewhere (as rules.elsewhere); and
-- RuleBook.person_parameters. Runs: where its lanes are.
WITH asked AS (
    SELECT c.lane, c.message_id, c.person, m.group_id, m.purpose, m.template, m.party, m.actor, m.by_debtor, m.daily_cap,
           CASE m.route[m.route_at] WHEN 'task' THEN 'voice' ELSE m.route[m.route_at] END AS channel,
           p.address_index, b.borrower_id, b.region, b.zone, coalesce(b.zones, ARRAY[b.zone]) AS zones, l.loan_id, l.product, c.kind
    FROM unnest(%(lanes)s::smallint[], %(messages)s::uuid[], %(points)s::uuid[], %(persons)s::uuid[], %(debts)s::text[], %(kinds)s::text[])
         AS c (lane, message_id, point, person, debts, kind)
    JOIN message m ON m.lane = c.lane AND m.message_id = c.message_id
    JOIN borrower b ON b.lane = m.lane AND b.borrower_id = m.borrower_id
    LEFT JOIN contact_point p ON p.lane = c.lane AND p.contact_point_id = c.point
    LEFT JOIN loan l ON l.lane = c.lane AND l.loan_id = ANY(c.debts::uuid[])  -- none: of an application
),
-- include: rules.mates
,
-- include: rules.elsewhere
,
unit AS (
    SELECT c.lane, c.message_id, 1::smallint AS place, c.loan_id, c.region, c.zones, c.purpose,
           c.channel, c.actor, c.product, c.party, NULL::text AS address_kind,
           ARRAY[]::text[] AS actions, %(lender_kinds)s::text[] AS lenders, c.kind AS provider_kind, c.by_debtor,
           c.daily_cap, %(now)s::timestamptz AS at,
           %(now)s::timestamptz + make_interval(days => %(horizon_days)s) AS until, c.address_index, c.template, c.group_id,
           false AS suppressed, NULL::text[] AS registered, NULL::text AS caller,
           ARRAY(SELECT
                 -- include: rules.seen_contact(c.zone)
                 FROM (SELECT k.* FROM mate t JOIN contact k ON k.lane = t.lane AND k.borrower_id = t.borrower_id
                       WHERE t.person = c.person
                       UNION ALL SELECT (e.k).* FROM elsewhere e WHERE e.person = c.person) AS k
                 WHERE k.local_on >= (%(now)s AT TIME ZONE c.zone)::date - (SELECT max(value::int) FROM jsonb_each(%(look_back)s::jsonb))
                 GROUP BY k.attempt_id HAVING sum(k.weight) > 0) AS contacts,
           ARRAY(SELECT ROW(x.kind, x.granted, x.purpose, x.channel, x.address_index, x.effective_at, x.expires_at)::seen_consent
                 FROM consent x
                 WHERE x.lane = c.lane AND x.borrower_id = c.borrower_id AND x.effective_at <= %(now)s) AS consents,
           ARRAY[]::seen_hold[] AS holds, ARRAY[]::seen_wish[] AS wishes,
           ARRAY[]::seen_notice[] AS notices
    FROM asked c
),
-- include: rules.judge_units
SELECT DISTINCT ON (lane, message_id)
       lane, message_id, (refused[1]).rule, not_before - at AS after,
       jsonb_build_object('rule_set', %(rule_set)s::text, 'considered', considered, 'first_allowed', not_before, 'rules', (
           SELECT jsonb_agg(jsonb_build_object('rule', r.rule, 'primitive', r.primitive, 'saw', r.saw)) FROM unnest(refused) AS r))
           AS verdict
FROM judged_unit WHERE refused IS NOT NULL
ORDER BY lane, message_id, not_before DESC NULLS FIRST;

-- name: lock_numbers
-- Lock the numbers that are about to be contacted and whose caps others share, in key order, until the transaction
-- ends: whoever counts them afterwards counts us. numbers: bytea[]. Writes: shared_key
INSERT INTO shared_key (lane, kind, key)
SELECT DISTINCT get_byte(number, 0)::smallint, 'number', number FROM unnest(%(numbers)s::bytea[]) AS number
ORDER BY 1, 3
ON CONFLICT (lane, kind, key) DO UPDATE SET kind = EXCLUDED.kind;

-- name: judge_numbers
-- Which of the claimed messages a cap per number refuses, or one per template and number, with what others were sent to
-- the same number. Runs after lock_numbers, so that it sees what they committed. lanes, messages, points, kinds (of the
-- provider): parallel arrays; now; elsewhere (as rules.elsewhere); RuleBook parameters reduced to such caps and hours
-- (RuleBook.number_parameters). Of several for one number, the earlier in the arrays goes. Runs: where its lanes are.
WITH claimed AS (
    SELECT c.lane, c.message_id, c.n, c.kind, m.group_id, m.borrower_id, m.purpose, m.actor, m.template, m.by_debtor,
           CASE m.route[m.route_at] WHEN 'task' THEN 'voice' ELSE m.route[m.route_at] END AS channel, p.address_index, b.region, b.zone,
           coalesce(b.zones, ARRAY[b.zone]) AS zones
    FROM unnest(%(lanes)s::smallint[], %(messages)s::uuid[], %(points)s::uuid[],
                %(kinds)s::text[]) WITH ORDINALITY AS c (lane, message_id, point, kind, n)
    JOIN message m ON m.lane = c.lane AND m.message_id = c.message_id
    JOIN borrower b ON b.lane = m.lane AND b.borrower_id = m.borrower_id
    JOIN contact_point p ON p.lane = c.lane AND p.contact_point_id = c.point
),
-- include: rules.elsewhere
,
unit AS (
    SELECT c.lane, c.message_id, 1::smallint AS place, NULL::uuid AS loan_id, c.region, c.zones, c.purpose,
           c.channel, c.actor, NULL::text AS product, 'borrower'::text AS party, NULL::text AS address_kind,
           ARRAY[]::text[] AS actions, %(lender_kinds)s::text[] AS lenders, c.kind AS provider_kind, c.by_debtor,
           NULL::smallint AS daily_cap, %(now)s::timestamptz AS at,
           %(now)s::timestamptz + make_interval(days => %(horizon_days)s) AS until, c.address_index, c.template, c.group_id,
           false AS suppressed, NULL::text[] AS registered, NULL::text AS caller,
           ARRAY(SELECT
                 -- include: rules.seen_contact(c.zone)
                 FROM (SELECT k.* FROM contact k WHERE k.address_index = c.address_index
                       UNION ALL SELECT (e.k).* FROM elsewhere e WHERE (e.k).address_index = c.address_index) AS k
                 WHERE k.local_on >= (%(now)s AT TIME ZONE c.zone)::date - (SELECT max(value::int) FROM jsonb_each(%(look_back)s::jsonb))
                 GROUP BY k.attempt_id HAVING sum(k.weight) > 0)
           || ARRAY(SELECT ROW(o.message_id, o.group_id, NULL, o.channel, o.purpose, 0, o.address_index, o.template, %(now)s, NULL)::seen_contact
                    FROM claimed o WHERE o.address_index = c.address_index AND o.n < c.n) AS contacts,
           ARRAY(SELECT ROW(x.kind, x.granted, x.purpose, x.channel, x.address_index, x.effective_at, x.expires_at)::seen_consent
                 FROM consent x
                 WHERE x.lane = c.lane AND x.borrower_id = c.borrower_id AND x.effective_at <= %(now)s) AS consents,
           ARRAY[]::seen_hold[] AS holds, ARRAY[]::seen_wish[] AS wishes,
           ARRAY[]::seen_notice[] AS notices
    FROM claimed c
),
-- include: rules.judge_units
SELECT lane, message_id, (refused[1]).rule, not_before - at AS after,
       jsonb_build_object('rule_set', %(rule_set)s::text, 'considered', considered, 'first_allowed', not_before, 'rules', (
           SELECT jsonb_agg(jsonb_build_object('rule', r.rule, 'primitive', r.primitive, 'saw', r.saw)) FROM unnest(refused) AS r))
           AS verdict
FROM judged_unit WHERE refused IS NOT NULL;

-- fragment: wished
-- Whether the preference p is in force at :now, as the book knows it then.
p.recorded_at <= %(now)s AND p.effective_at <= %(now)s
AND NOT coalesce(p.end_recorded_at <= %(now)s AND p.ended_at <= %(now)s, false)

-- name: read_facts
-- What the claimed messages speak of, amounts as they stand at the claim. lanes, messages, debts (uuid[] as text: those
-- that may be spoken of): parallel arrays; as_of; now.
-- local_on: the borrower's day on which it is said. events: what it tells of, in the order in which it happened, and standing:
-- what the loans of these owe by then; null for what speaks of installments. language: as wished, else as in the book. large: large type and plain
-- words are wished, or the lender's field large_type of the borrower says so. items: JSON array of the debts still open, oldest first, by the
-- same tests as rules.judge. Runs: where its lanes are.
WITH
-- include: rules.fed
SELECT m.lane, m.message_id, m.borrower_id, m.policy, m.policy_version, m.purpose, m.creditor, m.currency,
       m.template, m.template_version, (%(now)s AT TIME ZONE b.zone)::date AS local_on, b.name_sealed,
       coalesce((SELECT max(p.wish ->> 'language') FROM preference p
                 WHERE p.lane = m.lane AND p.borrower_id = m.borrower_id AND p.kind = 'language'
                   AND
                   -- include: wished
                ), b.language) AS language, b.borrower_key,
       (coalesce(b.attributes ->> 'large_type' IN ('true', 'yes', '1'), false)
        OR EXISTS (SELECT 1 FROM preference p
                   WHERE p.lane = m.lane AND p.borrower_id = m.borrower_id AND p.kind = 'large-type'
                     AND
                     -- include: wished
                  )) AS large,
       NOT EXISTS (SELECT 1 FROM contact k WHERE k.lane = m.lane AND k.borrower_id = m.borrower_id AND k.purpose = m.purpose)
           AS is_first,
       (SELECT json_agg(json_build_object(
                   'loan_id', l.loan_id, 'loan_ref', l.loan_ref, 'product', l.product, 'number', i.number,
                   'due_on', i.due_on,
                   'due_minor', i.due_minor, 'balance_minor', i.balance_minor,
                   'paid_minor', coalesce((SELECT sum(a.amount_minor) FROM allocation a
                                           WHERE a.lane = i.lane AND a.loan_id = i.loan_id AND a.number = i.number
                                             AND a.from_on <= %(as_of)s AND a.until_on > %(as_of)s), 0),
                   'past_due_since', CASE WHEN w.lane IS NULL THEN i.past_due_since ELSE w.past_due_since END,
                   'grace_days', coalesce(i.grace_days, 0),
                   'deferrals', (SELECT json_agg(json_build_array(p.from_on, p.to_on)) FROM loan_pause p
                                 WHERE p.lane = i.lane AND p.loan_id = i.loan_id AND p.kind = 'deferral'))
               ORDER BY i.due_on, l.loan_ref, i.number)
        FROM message_item x
        JOIN installment i ON i.lane = x.lane AND i.loan_id = x.loan_id AND i.number = x.number
        JOIN loan l ON l.lane = x.lane AND l.loan_id = x.loan_id
        LEFT JOIN installment_was w ON w.lane = i.lane AND w.loan_id = i.loan_id AND w.number = i.number
                                   AND w.from_on <= %(as_of)s AND w.until_on > %(as_of)s
        WHERE x.lane = m.lane AND x.group_id = m.group_id AND x.loan_id = ANY(claimed.debts::uuid[])
          AND m.event_id IS NULL
          AND (m.corrects IS NOT NULL OR m.to_point IS NOT NULL OR l.state = 'open'
          AND coalesce(CASE WHEN w.lane IS NULL THEN i.settled_on ELSE w.settled_on END > %(as_of)s, true)
          AND NOT ((SELECT bool_or(y.names_amount) FROM message_item y
                    WHERE y.lane = m.lane AND y.group_id = m.group_id)
                   AND
                   -- include: rules.debit_pending
                   IS NOT NULL)
          AND (i.superseded_on IS NULL OR i.superseded_on > %(as_of)s)
          AND i.due_minor > 0
          AND (x.anchor_on IN (i.due_on, i.statement_on) OR x.anchor_on = i.due_on + coalesce(i.grace_days, 0)
               OR EXISTS (SELECT 1 FROM promise q
                          WHERE q.lane = l.lane AND q.borrower_id = l.borrower_id AND q.standing
                            AND coalesce(q.loan_id = l.loan_id, true) AND q.promised_on = x.anchor_on
                            AND i.due_on <= q.promised_on))
          AND NOT (SELECT
                   -- include: rules.not_party
                   FROM (SELECT m.party, m.borrower_id, b.zone, %(now)s::timestamptz AS at) AS c)
          AND (m.purpose <> 'collection'
               OR i.due_on + coalesce(i.grace_days, 0) < (%(now)s AT TIME ZONE b.zone)::date
                  AND coalesce(i.due_on + coalesce(i.grace_days, 0) <= f.complete_through, true)))) AS items,
       CASE WHEN m.event_id IS NOT NULL THEN (
           SELECT json_agg(json_build_object(
                      'kind', e.kind, 'on', (e.occurred_at AT TIME ZONE b.zone)::date, 'amount_minor', e.amount_minor,
                      'detail', e.detail, 'loan_id', x.loan_id, 'loan_ref', l.loan_ref, 'product', e.product)
                  ORDER BY e.occurred_at, e.event_id)
           FROM message_item x
           JOIN event e ON e.lane = x.lane AND e.event_id = x.event_id
           LEFT JOIN loan l ON l.lane = e.lane AND l.loan_id = e.loan_id
           WHERE x.lane = m.lane AND x.group_id = m.group_id
             AND (e.loan_id IS NULL OR e.loan_id = ANY(claimed.debts::uuid[]))
             AND (
             -- include: rules.event_over
             ) IS NULL) END AS events,
       CASE WHEN m.event_id IS NOT NULL THEN (
           SELECT json_build_object('remaining_minor', coalesce(sum(o.open_minor), 0),
                                    'due_minor', coalesce(sum(o.open_minor) FILTER (WHERE o.due_on <= o.today), 0),
                                    'next_on', min(o.due_on) FILTER (WHERE o.due_on > o.today AND o.open_minor > 0),
                                    'next_minor', sum(o.open_minor) FILTER (WHERE o.due_on = o.next_on))
           FROM (
               SELECT n.*, min(n.due_on) FILTER (WHERE n.due_on > n.today AND n.open_minor > 0) OVER () AS next_on
               FROM (
                   SELECT i.due_on, (%(now)s AT TIME ZONE b.zone)::date AS today,
                          greatest(0, i.due_minor - coalesce((
                              SELECT sum(a.amount_minor) FROM allocation a
                              WHERE a.lane = i.lane AND a.loan_id = i.loan_id AND a.number = i.number
                                AND a.from_on <= %(as_of)s AND a.until_on > %(as_of)s), 0)) AS open_minor
                   FROM (SELECT DISTINCT x.loan_id FROM message_item x WHERE x.lane = m.lane AND x.group_id = m.group_id) AS x
                   JOIN installment i ON i.lane = m.lane AND i.loan_id = x.loan_id
                   WHERE coalesce(i.statement_on <= %(as_of)s, true) AND coalesce(i.superseded_on > %(as_of)s, true)) AS n) AS o) END AS standing
FROM unnest(%(lanes)s::smallint[], %(messages)s::uuid[], %(debts)s::text[]) AS claimed (lane, message_id, debts)
JOIN message m ON m.lane = claimed.lane AND m.message_id = claimed.message_id
JOIN borrower b ON b.lane = m.lane AND b.borrower_id = m.borrower_id
LEFT JOIN fed f ON f.creditor = m.creditor;

-- name: record_attempts
-- Write before we speak: one attempt per claimed message with its exact text, and the ledger's rows, one per debt.
-- lanes, epochs: the fence. Parallel arrays: at_lanes, messages, attempts, seqs, routes, channels, providers, points, texts, digests,
-- parts, valids; loan_lanes, loan_attempts, loans for the ledger; now. Fenced. Writes: attempt, contact, history
-- Runs: where its lanes are.
WITH
-- include: store.fence
,
written AS (
    INSERT INTO attempt (lane, attempt_id, message_id, borrower_id, seq, route_at, channel, provider,
        contact_point_id, epoch, state, text_sealed, text_digest, parts, valid_until, claimed_at)
    SELECT a.lane, a.attempt_id, a.message_id, m.borrower_id, a.seq, a.route_at, a.channel, a.provider,
           a.contact_point_id, f.epoch, 'claimed', a.text_sealed, a.text_digest, a.parts, a.valid_until, %(now)s
    FROM unnest(%(at_lanes)s::smallint[], %(messages)s::uuid[], %(attempts)s::uuid[],
                %(seqs)s::smallint[], %(routes)s::smallint[], %(channels)s::text[], %(providers)s::text[],
                %(points)s::uuid[], %(texts)s::bytea[], %(digests)s::bytea[], %(parts)s::smallint[],
                %(valids)s::timestamptz[])
         AS a (lane, message_id, attempt_id, seq, route_at, channel, provider, contact_point_id,
               text_sealed, text_digest, parts, valid_until)
    JOIN fence f ON f.lane = a.lane
    JOIN message m ON m.lane = a.lane AND m.message_id = a.message_id
    RETURNING lane, attempt_id, message_id, borrower_id, channel, contact_point_id
),
ledger AS (
    INSERT INTO contact (lane, borrower_id, attempt_id, loan_id, weight, group_id, purpose, channel, actor, address_index,
        template, local_on, at)
    SELECT DISTINCT w.lane, w.borrower_id, w.attempt_id, d.loan_id, 1, m.group_id, m.purpose, w.channel, m.actor, p.address_index,
           m.template, (%(now)s AT TIME ZONE b.zone)::date, %(now)s::timestamptz
    FROM written w
    LEFT JOIN contact_point p ON p.lane = w.lane AND p.contact_point_id = w.contact_point_id
    JOIN borrower b ON b.lane = w.lane AND b.borrower_id = w.borrower_id
    JOIN unnest(%(loan_lanes)s::smallint[], %(loan_attempts)s::uuid[], %(loans)s::uuid[])
         AS d (lane, attempt_id, loan_id) ON d.lane = w.lane AND d.attempt_id = w.attempt_id
    JOIN message m ON m.lane = w.lane AND m.message_id = w.message_id
    WHERE w.channel <> 'task'  -- no contact yet: the permit of the call is
),
told AS (
    INSERT INTO history (lane, subject_id, version, subject, state, at)
    SELECT lane, attempt_id, 1, 'attempt', 'claimed', %(now)s FROM written
)
SELECT attempt_id FROM written;

-- name: give_back
-- A claimed message that cannot go out now (content refused): planned again or, past its use, left to expire. It had no
-- attempt, so that a newer version of its policy may still plan it anew.
-- lanes, epochs: the fence; at_lanes, messages, rules, reasons, verdicts (jsonb as text), afters (interval): parallel
-- arrays; now.
-- Runs: where its lanes are. Writes: message, history
WITH
-- include: store.fence
,
moved AS (
    UPDATE message m
    SET state = 'planned', next_at = NULL, not_before = %(now)s::timestamptz + g.after, rule = g.rule, reason = g.reason,
        verdict = g.verdict::jsonb, tries = m.tries - 1, version = m.version + 1, changed_at = %(now)s
    FROM unnest(%(at_lanes)s::smallint[], %(messages)s::uuid[], %(rules)s::text[],
                %(reasons)s::text[], %(verdicts)s::text[], %(afters)s::interval[])
         AS g (lane, message_id, rule, reason, verdict, after)
    JOIN fence f ON f.lane = g.lane
    WHERE m.lane = g.lane AND m.message_id = g.message_id AND m.state = 'in_flight'
    RETURNING m.lane, m.message_id, m.version, m.rule, m.reason, m.verdict
)
INSERT INTO history (lane, subject_id, version, subject, state, rule, reason, verdict, at)
SELECT lane, message_id, version, 'message', 'planned', rule, reason, verdict, %(now)s FROM moved;

-- fragment: served
-- A notice is served when its message was delivered, and by e-mail or letter when it was handed over; what comes back was not.
-- Needs settled. Writes: notice
served AS (
    INSERT INTO notice (lane, borrower_id, notice_id, loan_id, kind, served_at, evidence, message_id, recorded_by, recorded_at)
    SELECT DISTINCT s.lane, m.borrower_id, md5(concat_ws('|', 'notice', s.attempt_id, x.loan_id, x.serves))::uuid, x.loan_id,
           x.serves, %(now)s::timestamptz, 'attempt ' || s.attempt_id, m.message_id, 'duecourse', %(now)s::timestamptz
    FROM settled s
    JOIN message m ON m.lane = s.lane AND m.message_id = s.message_id AND m.corrects IS NULL
    JOIN message_item x ON x.lane = m.lane AND x.group_id = m.group_id AND x.serves IS NOT NULL
    WHERE s.state IN ('delivered', 'read') OR s.state = 'sent' AND m.route[s.route_at] IN ('email', 'letter')
    ON CONFLICT DO NOTHING
),
unserved AS (
    DELETE FROM notice n USING settled s
    WHERE s.state = 'refused' AND n.lane = s.lane AND n.borrower_id = s.borrower_id AND n.message_id = s.message_id
      AND n.evidence = 'attempt ' || s.attempt_id
),

-- fragment: follow
-- What follows for a message when its current attempt came to an end. Needs
--   ended(lane, message_id, seq, route_at, channel, state, sent_at, permanent, deduplicates, after, rule, code, reachable)
-- where state is the attempt's new one. Gives followed: the messages moved, and writes history.
-- sent: in flight until the route moves on or validity ends. released: planned again, nothing counted, after so long.
-- An earlier attempt that was delivered after all ends a message of which nothing else is under way.
-- refused: the next address or channel. unknown: where the provider deduplicates it is sent again (claim_again); else a
-- reminder goes on to the next channel and anything else waits, since it could be said twice. A receipt after the end
-- still corrects the outcome.
followed AS (
    UPDATE message m
    SET state = CASE WHEN x.goes = 'again' THEN 'planned' WHEN x.goes = 'stay' THEN 'in_flight' ELSE 'done' END,
        outcome = CASE WHEN x.goes IN ('again', 'stay') THEN NULL ELSE x.goes END,
        route_at = CASE WHEN x.goes = 'again' THEN x.next_route_at ELSE m.route_at END,
        not_before = CASE WHEN x.goes = 'again' THEN %(now)s::timestamptz + x.after ELSE m.not_before END,
        waits_since = CASE WHEN x.goes = 'stay' THEN coalesce(x.sent_at, m.waits_since)
                           WHEN x.goes = 'again' AND x.next_route_at = m.route_at THEN m.waits_since END,
        next_at = CASE WHEN x.goes = 'stay' OR x.goes = 'again' AND x.next_route_at = m.route_at THEN x.next_at END,
        rule = CASE WHEN x.goes = 'again' THEN x.rule WHEN x.goes NOT IN ('delivered', 'read') THEN m.rule END,
        reason = CASE WHEN x.goes = 'again' THEN x.code WHEN x.goes NOT IN ('delivered', 'read') THEN m.reason END,
        version = m.version + 1, changed_at = %(now)s
    FROM (
        SELECT DISTINCT ON (lane, message_id) * FROM (
        SELECT a.lane, a.message_id, a.seq, a.rule, a.code, a.sent_at,
               a.after,
               CASE WHEN a.state IN ('refused', 'unknown') AND (a.state = 'unknown' OR NOT a.permanent)
                    THEN a.route_at + 1 ELSE a.route_at END AS next_route_at,
               CASE WHEN w.done THEN CASE WHEN a.state IN ('delivered', 'read') THEN a.state ELSE 'failed' END
                    WHEN a.heard_before IS NOT NULL THEN a.heard_before
                    WHEN a.state = 'released' THEN 'again'
                    WHEN a.state = 'sent' THEN 'stay'
                    WHEN
                    -- include: enough
                    THEN a.state
                    WHEN a.state IN ('delivered', 'read') THEN 'stay'
                    WHEN a.state = 'unknown' AND (a.deduplicates OR w.purpose <> 'reminder' OR a.route_at >= w.length)
                        THEN 'stay'
                    WHEN a.state = 'refused' AND NOT a.permanent AND a.route_at >= w.length THEN 'failed'
                    WHEN a.state = 'refused' AND a.permanent AND NOT a.reachable THEN 'failed'
                    ELSE 'again' END AS goes,
               CASE WHEN a.state IN ('sent', 'delivered', 'read', 'released') AND w.next_if IS NOT NULL AND a.route_at < w.length
                    THEN least(w.useful_until,
                    -- include: moves_at
                    )
                    WHEN a.state <> 'released' THEN greatest(w.next_at, %(now)s) END AS next_at
        FROM (
            SELECT ended.*,
                   CASE WHEN ended.seq > 1 AND ended.state IN ('released', 'refused', 'unknown') THEN (
                       SELECT CASE WHEN bool_or(a.state = 'read') THEN 'read' ELSE 'delivered' END
                       FROM attempt a JOIN message w ON w.lane = a.lane AND w.message_id = a.message_id
                       WHERE a.lane = ended.lane AND a.message_id = ended.message_id AND a.seq < ended.seq AND
                       -- include: enough
                       HAVING count(*) > 0) END AS heard_before
            FROM ended
        ) a
        JOIN LATERAL (SELECT q.tries, q.state = 'done' AS done, q.next_if, q.next_by, q.next_after_seconds, q.zone, q.purpose,
                             cardinality(q.route) AS length, q.useful_until, q.next_at,
                             coalesce(a.sent_at, q.waits_since) AS waits_since
                      FROM message q WHERE q.lane = a.lane AND q.message_id = a.message_id) AS w ON true
        WHERE w.tries = a.seq OR
        -- include: enough
        ) each_end ORDER BY lane, message_id, goes IN ('delivered', 'read') DESC, seq DESC
    ) x
    WHERE m.lane = x.lane AND m.message_id = x.message_id
      AND (m.tries = x.seq AND m.state = 'in_flight'
           OR x.goes IN ('delivered', 'read')
              AND (m.state = 'planned'
                   OR (m.state = 'done' AND m.outcome IN ('sent', 'unknown', 'failed'))
                   OR (m.state = 'done' AND m.outcome = 'delivered' AND x.goes = 'read'))
           OR (m.state = 'done' AND m.outcome IN ('sent', 'unknown') AND x.goes = 'failed' AND m.tries = 1))
    RETURNING m.lane, m.message_id, m.version, m.state, m.outcome, m.rule, m.reason
),
followed_told AS (
    INSERT INTO history (lane, subject_id, version, subject, state, rule, reason, at)
    SELECT lane, message_id, version, 'message', coalesce(outcome, state),
           CASE WHEN state = 'planned' THEN rule END, CASE WHEN state = 'planned' THEN reason END, %(now)s
    FROM followed
)

-- name: settle_attempts
-- The provider's answers. lanes, epochs: the fence. Parallel arrays: at_lanes, attempts, states, provider_ids, codes, reasons, parts,
-- permanents, causes, afters (interval: not sooner), rules, rivals (how many providers could take it); now. Fenced; a fence
-- lost settles nothing, and the next owner recovers. What nobody took goes at once to a provider that has not had it;
-- when all have, it waits a random part of 2 s, 4 s, 8 s, … up to 5 minutes, and half of its use that is left at most.
-- deduplicating: providers that drop a second submission of the same id. A second submission that was not taken says
-- nothing of the first: its attempt stays unknown, and no other takes its place.
-- Returns the attempts settled. Runs: where its lanes are. Writes: attempt, message, contact, notice, history
WITH
-- include: store.fence
,
answer AS (
    SELECT a.*, f.epoch FROM unnest(%(at_lanes)s::smallint[], %(attempts)s::uuid[], %(states)s::text[],
                %(provider_ids)s::text[], %(codes)s::text[], %(reasons)s::text[], %(parts)s::smallint[],
                %(permanents)s::boolean[], %(causes)s::text[], %(afters)s::interval[], %(rules)s::text[], %(rivals)s::int[])
         AS a (lane, attempt_id, state, provider_id, code, reason, parts, permanent, cause, at_least, rule, rivals)
    JOIN fence f ON f.lane = a.lane
),
settled AS (
    UPDATE attempt t
    SET state = CASE WHEN a.state = 'released' AND t.resends > 0 THEN 'unknown' ELSE a.state END,
        provider_message_id = nullif(a.provider_id, ''), code = a.code, reason = a.reason, cause = a.cause,
        parts = coalesce(a.parts, t.parts), version = t.version + 1,
        sent_at = CASE WHEN a.state = 'sent' THEN %(now)s::timestamptz END,
        settled_at = CASE WHEN a.state <> 'sent' THEN %(now)s::timestamptz END
    FROM answer a
    WHERE t.lane = a.lane AND t.attempt_id = a.attempt_id AND t.state = 'claimed' AND t.epoch = a.epoch
    RETURNING t.lane, t.attempt_id, t.message_id, t.borrower_id, t.seq, t.route_at, t.channel, t.version, t.state, t.code,
              t.reason, t.sent_at, t.contact_point_id, t.provider, a.permanent, t.cause, a.at_least, a.rule, a.rivals,
              t.provider = ANY(%(deduplicating)s::text[]) AS deduplicates
),
told AS (
    INSERT INTO history (lane, subject_id, version, subject, state, rule, reason, at)
    SELECT lane, attempt_id, version, 'attempt', state, rule, coalesce(nullif(code, ''), reason), %(now)s FROM settled
),
uncounted AS (
    INSERT INTO contact (lane, borrower_id, attempt_id, loan_id, weight, group_id, purpose, channel, actor, address_index,
        template, local_on, at)
    SELECT k.lane, k.borrower_id, k.attempt_id, k.loan_id, -1, k.group_id, k.purpose, k.channel, k.actor, k.address_index,
           k.template, k.local_on, %(now)s
    FROM settled s
    JOIN contact k ON k.lane = s.lane AND k.borrower_id = s.borrower_id AND k.attempt_id = s.attempt_id
                  AND k.weight = 1
    WHERE s.state = 'released'
),
-- include: dispatch.served
-- hops: attempts in a row that nobody took, this one included.
hopped AS (
    SELECT s.lane, s.attempt_id, m.useful_until,
           1 + (SELECT count(*) FROM attempt a WHERE a.lane = s.lane AND a.message_id = s.message_id AND a.seq < s.seq AND a.state = 'released'
                AND a.seq > coalesce((SELECT max(b.seq) FROM attempt b WHERE b.lane = s.lane AND b.message_id = s.message_id
                                      AND b.seq < s.seq AND b.state <> 'released'), 0)) AS hops
    FROM settled s JOIN message m ON m.lane = s.lane AND m.message_id = s.message_id
    WHERE s.state = 'released'
),
ended AS (
    SELECT s.*,
           CASE WHEN h.hops IS NULL THEN s.at_least
                WHEN h.hops < s.rivals THEN interval '0'
                ELSE greatest(s.at_least, least(
                         interval '2 s' * (2 ^ least(h.hops - s.rivals, 8)) *
                             (((hashtextextended(s.attempt_id::text, 2) & 1048575) + 1) / 1048576.0),
                         interval '5 min', greatest((h.useful_until - %(now)s) / 2, interval '0.2 s'))) END AS after,
           -- include: dispatch.reachable
           AS reachable
    FROM settled s
    LEFT JOIN hopped h ON h.lane = s.lane AND h.attempt_id = s.attempt_id
),
-- include: dispatch.follow
SELECT lane, message_id, attempt_id, channel, provider, contact_point_id, state, permanent, cause, rule FROM settled;

-- name: append_receipts
-- Append what providers say, before it is acknowledged. The same receipt twice is one row.
-- Parallel arrays: lanes, ids, providers, provider_ids, attempts, statuses, codes, permanents, causes, addresses,
-- ref_nums, evidences, occurred; now. addresses: keyed blind indexes, null where the receipt carries no reference of ours.
-- Writes: receipt
INSERT INTO receipt (lane, receipt_id, provider, provider_message_id, attempt_id, status, code, permanent,
    cause, address_index, reference, evidence, occurred_at, received_at, recorded_at)
SELECT lane, receipt_id, provider, nullif(provider_message_id, ''), attempt_id, status, code, permanent, cause,
       address_index, reference, nullif(evidence, ''), occurred_at, %(now)s, clock_timestamp()
FROM unnest(%(lanes)s::smallint[], %(ids)s::uuid[], %(providers)s::text[], %(provider_ids)s::text[],
            %(attempts)s::uuid[], %(statuses)s::text[], %(codes)s::text[], %(permanents)s::boolean[],
            %(causes)s::text[], %(addresses)s::bytea[], %(ref_nums)s::integer[], %(evidences)s::text[],
            %(occurred)s::timestamptz[])
     AS r (lane, receipt_id, provider, provider_message_id, attempt_id, status, code, permanent, cause,
           address_index, reference, evidence, occurred_at)
ON CONFLICT DO NOTHING;

-- name: heard_elsewhere
-- Receipts recorded since :since, by the database's clock, that can still move an attempt of these lanes: also what another
-- process was told. lanes; since.
WITH told AS MATERIALIZED (
    SELECT r.lane, r.receipt_id, r.status, r.provider, r.provider_message_id, r.attempt_id FROM receipt r
    WHERE r.recorded_at >= %(since)s
),
heard AS (
    SELECT r.lane, r.receipt_id, r.status, t.state FROM told r
    JOIN attempt t ON t.provider = r.provider AND t.provider_message_id = r.provider_message_id
    WHERE t.lane = ANY(%(lanes)s::smallint[])
    UNION ALL
    SELECT r.lane, r.receipt_id, r.status, t.state FROM told r
    JOIN attempt t ON t.attempt_id = r.attempt_id
    WHERE t.lane = ANY(%(lanes)s::smallint[])
)
SELECT DISTINCT lane, receipt_id FROM heard
WHERE state IN ('sent', 'unknown') AND status <> 'buffered'
   OR state = 'delivered' AND status = 'read'
   OR state = 'refused' AND status IN ('delivered', 'read');

-- name: messages_told_of
-- Which messages these receipts and replies speak of: for the log at level debug. lanes, receipts: parallel arrays; attempts,
-- kinds (of replies): parallel arrays.
WITH r AS MATERIALIZED (
    SELECT r.receipt_id, r.provider, r.provider_message_id, r.attempt_id, r.status
    FROM unnest(%(lanes)s::smallint[], %(receipts)s::uuid[]) AS n (lane, receipt_id)
    JOIN receipt r ON r.lane = n.lane AND r.receipt_id = n.receipt_id
),
told AS MATERIALIZED (
    SELECT t.message_id, t.attempt_id, r.status AS what, r.receipt_id
    FROM r JOIN attempt t ON t.provider = r.provider AND t.provider_message_id = r.provider_message_id
    UNION
    SELECT t.message_id, t.attempt_id, r.status, r.receipt_id FROM r JOIN attempt t ON t.attempt_id = r.attempt_id
),
replied AS MATERIALIZED (
    SELECT t.message_id, t.attempt_id, n.kind
    FROM unnest(%(attempts)s::uuid[], %(kinds)s::text[]) AS n (attempt_id, kind)
    JOIN attempt t ON t.attempt_id = n.attempt_id
)
SELECT message_id, attempt_id, what, receipt_id FROM told
UNION ALL
SELECT message_id, attempt_id, kind, NULL FROM replied;

-- name: known_references
-- Which of a provider's ids an attempt has, in any lane. provider; references: text[].
SELECT DISTINCT provider_message_id FROM attempt
WHERE provider = %(provider)s AND provider_message_id = ANY(%(references)s::text[]);

-- fragment: referred
-- Receipts whose provider's id nobody knows, and the attempts of unknown outcome that they name by address and
-- reference. Needs asked(provider, address_index, reference) and the fence; gives referred, of my lanes only.
-- Nothing is guessed: a receipt that could speak of two attempts (of any lane) speaks of none, nor does one whose only
-- attempt still waits for its answer, which will say the id. A text in several parts has been delivered when as many
-- different ids were heard delivered; one part that failed fails it.
unmatched AS (
    SELECT r.* FROM (SELECT DISTINCT provider, address_index, reference FROM asked) k
    JOIN receipt r ON r.address_index = k.address_index AND r.reference = k.reference AND r.provider = k.provider
    WHERE r.reference IS NOT NULL AND r.provider_message_id IS NOT NULL AND r.attempt_id IS NULL
      AND NOT EXISTS (SELECT 1 FROM attempt t
                      WHERE t.provider = r.provider AND t.provider_message_id = r.provider_message_id)
),
possible AS (
    SELECT t.lane, t.attempt_id, t.state, coalesce(t.parts, 1) AS parts,
           u.receipt_id, u.provider_message_id, u.status, u.code, u.permanent, u.cause, u.received_at,
           count(*) OVER (PARTITION BY u.lane, u.receipt_id) AS attempts
    FROM unmatched u
    JOIN contact_point p ON p.address_index = u.address_index
    JOIN attempt t ON t.lane = p.lane AND t.contact_point_id = p.contact_point_id AND t.provider = u.provider
        AND t.attempt_id BETWEEN (lpad(to_hex(u.reference), 4, '0') || repeat('0', 28))::uuid
                             AND (lpad(to_hex(u.reference), 4, '0') || repeat('f', 28))::uuid
    WHERE t.state IN ('claimed', 'unknown') AND t.claimed_at <= u.received_at
),
named AS (
    SELECT * FROM possible WHERE attempts = 1 AND state = 'unknown' AND lane IN (SELECT lane FROM fence)
),
in_part AS (
    SELECT lane, attempt_id FROM named GROUP BY lane, attempt_id, parts
    HAVING count(DISTINCT provider_message_id) FILTER (WHERE status IN ('delivered', 'read')) < parts
),
referred AS (
    SELECT n.* FROM named n
    WHERE n.status NOT IN ('delivered', 'read')
       OR NOT EXISTS (SELECT 1 FROM in_part i WHERE i.lane = n.lane AND i.attempt_id = n.attempt_id)
)

-- fragment: apply
-- Move attempts by what was heard of them; an attempt only moves forward, so any order and repetition ends the same.
-- Needs heard(lane, attempt_id, provider_message_id, status, code, permanent, cause, received_at), fenced. Gives settled, and
-- what follows. An attempt whose submission was never answered takes the provider's id from the receipt.
best_heard AS (
    SELECT DISTINCT ON (h.lane, h.attempt_id) h.lane, h.attempt_id, h.provider_message_id, h.code, h.permanent, h.cause,
           CASE h.status WHEN 'read' THEN 'read' WHEN 'delivered' THEN 'delivered' ELSE 'refused' END AS state
    FROM heard h
    WHERE h.status <> 'buffered'
    ORDER BY h.lane, h.attempt_id, CASE h.status WHEN 'read' THEN 0 WHEN 'delivered' THEN 1 ELSE 2 END, h.received_at,
             h.provider_message_id
),
settled AS (
    UPDATE attempt t
    SET state = h.state, code = h.code, cause = CASE WHEN h.state = 'refused' THEN h.cause END, settled_at = %(now)s, version = t.version + 1,
        sent_at = coalesce(t.sent_at, t.claimed_at),
        provider_message_id = coalesce(t.provider_message_id, h.provider_message_id)
    FROM best_heard h
    WHERE t.lane = h.lane AND t.attempt_id = h.attempt_id
      AND (t.state IN ('sent', 'unknown')
           OR (t.state = 'delivered' AND h.state = 'read')
           OR (t.state = 'refused' AND t.sent_at IS NOT NULL AND h.state IN ('delivered', 'read')))
    RETURNING t.lane, t.attempt_id, t.message_id, t.borrower_id, t.seq, t.route_at, t.channel, t.version, t.state, t.code,
              t.contact_point_id, t.sent_at, h.permanent, t.cause, t.provider
),
told AS (
    INSERT INTO history (lane, subject_id, version, subject, state, reason, at)
    SELECT lane, attempt_id, version, 'attempt', state, code, %(now)s FROM settled
),
-- What caps count beyond a try: that it was delivered; of a call, that somebody answered, and that the right person heard it.
learnt AS (
    INSERT INTO contact (lane, borrower_id, attempt_id, loan_id, weight, outcome, group_id, purpose, channel, actor, source,
        address_index, template, local_on, at)
    SELECT k.lane, k.borrower_id, k.attempt_id, k.loan_id, 0, o.outcome, k.group_id, k.purpose, k.channel, k.actor, k.source,
           k.address_index, k.template, k.local_on, k.at
    FROM settled s
    JOIN contact k ON k.lane = s.lane AND k.borrower_id = s.borrower_id AND k.attempt_id = s.attempt_id AND k.weight = 1
    JOIN (VALUES (false, 'delivered', 'delivered'), (false, 'read', 'delivered'), (true, 'delivered', 'connected'),
                 (true, 'read', 'connected'), (true, 'read', 'conversation')) AS o (spoken, state, outcome)
      ON o.spoken = (s.channel = 'voice') AND o.state = s.state
    ON CONFLICT DO NOTHING
),
-- include: dispatch.served
ended AS (
    SELECT s.*, interval '0' AS after, NULL::text AS rule, false AS deduplicates, 
           -- include: dispatch.reachable
           AS reachable
    FROM settled s
),
-- include: dispatch.follow

-- name: apply_receipts
-- Apply receipts just appended to the attempts of my lanes that they speak of. lanes, epochs; now;
-- receipt_lanes, receipt_ids: parallel arrays. Returns every receipt whose attempt is known and answered, or unknown and
-- named by reference, with the attempt's contact point where it moved. Writes: attempt, message, contact, notice, history
-- Runs: where its lanes are.
WITH
-- include: store.fence
,
new_receipt AS (
    SELECT r.* FROM unnest(%(receipt_lanes)s::smallint[], %(receipt_ids)s::uuid[]) AS n (lane, receipt_id)
    JOIN receipt r ON r.lane = n.lane AND r.receipt_id = n.receipt_id
),
asked AS (
    SELECT provider, address_index, reference FROM new_receipt WHERE reference IS NOT NULL AND attempt_id IS NULL
),
-- include: dispatch.referred
,
heard AS (
    SELECT t.lane, t.attempt_id, r.receipt_id, r.provider_message_id, r.status, r.code, r.permanent, r.cause, r.received_at
    FROM new_receipt r
    JOIN attempt t ON t.provider = r.provider AND t.provider_message_id = r.provider_message_id
    WHERE t.lane IN (SELECT lane FROM fence)
    UNION ALL
    SELECT t.lane, t.attempt_id, r.receipt_id, r.provider_message_id, r.status, r.code, r.permanent, r.cause, r.received_at
    FROM new_receipt r
    JOIN attempt t ON t.attempt_id = r.attempt_id AND t.lane = ANY(%(lanes)s::smallint[])
    WHERE t.state <> 'claimed' AND t.lane IN (SELECT lane FROM fence)
    UNION ALL
    SELECT lane, attempt_id, receipt_id, provider_message_id, status, code, permanent, cause, received_at FROM referred
),
-- include: dispatch.apply
SELECT h.receipt_id, s.lane, s.contact_point_id, s.state, s.permanent, s.cause, s.message_id, s.attempt_id, s.channel, s.provider
FROM heard h LEFT JOIN settled s ON s.lane = h.lane AND s.attempt_id = h.attempt_id;

-- name: sweep_receipts
-- The same for every attempt of my lanes that is still open, or of which something was heard lately: finds what arrived
-- while nobody owned the lane, and what another worker, the lender's app or staff were told. due_only: nothing but
-- attempts of messages that are about to be claimed again or to move on. lanes, epochs; now; lately: interval, by the
-- database's clock. Runs: where its lanes are. Writes: attempt, message, contact, notice, history
WITH
-- include: store.fence
,
open_attempt AS (
    SELECT t.lane, t.attempt_id, t.provider, t.provider_message_id, t.contact_point_id, t.state FROM attempt t
    WHERE NOT %(due_only)s::boolean AND t.lane IN (SELECT lane FROM fence) AND t.state IN ('sent', 'unknown')
    UNION
    SELECT t.lane, t.attempt_id, t.provider, t.provider_message_id, t.contact_point_id, t.state
    FROM message m
    JOIN attempt t ON t.lane = m.lane AND t.message_id = m.message_id AND t.state IN ('sent', 'unknown', 'delivered')
    WHERE m.lane IN (SELECT lane FROM fence) AND m.state = 'planned' AND m.tries > 0 AND m.not_before <= %(now)s
    UNION
    SELECT t.lane, t.attempt_id, t.provider, t.provider_message_id, t.contact_point_id, t.state
    FROM message m
    JOIN attempt t ON t.lane = m.lane AND t.message_id = m.message_id AND t.state IN ('sent', 'unknown', 'delivered')
    WHERE m.lane IN (SELECT lane FROM fence) AND m.next_at <= %(now)s
    UNION
    SELECT t.lane, t.attempt_id, t.provider, t.provider_message_id, t.contact_point_id, t.state
    FROM receipt r JOIN attempt t ON t.attempt_id = r.attempt_id AND t.lane = ANY(%(lanes)s::smallint[])
    WHERE NOT %(due_only)s::boolean AND r.recorded_at >= now() - %(lately)s::interval AND t.state <> 'claimed'
      AND t.lane IN (SELECT lane FROM fence)
    UNION
    SELECT t.lane, t.attempt_id, t.provider, t.provider_message_id, t.contact_point_id, t.state
    FROM receipt r JOIN attempt t ON t.provider = r.provider AND t.provider_message_id = r.provider_message_id
    WHERE NOT %(due_only)s::boolean AND r.recorded_at >= now() - %(lately)s::interval AND t.state <> 'claimed'
      AND t.lane IN (SELECT lane FROM fence)
),
asked AS (
    SELECT t.provider, p.address_index, ('x' || left(t.attempt_id::text, 4))::bit(16)::integer AS reference
    FROM open_attempt t
    JOIN contact_point p ON p.lane = t.lane AND p.contact_point_id = t.contact_point_id
    WHERE t.state = 'unknown'
),
-- include: dispatch.referred
,
heard AS (
    SELECT t.lane, t.attempt_id, r.receipt_id, r.provider_message_id, r.status, r.code, r.permanent, r.cause, r.received_at
    FROM open_attempt t
    JOIN receipt r ON r.provider = t.provider AND r.provider_message_id = t.provider_message_id
    UNION ALL
    SELECT t.lane, t.attempt_id, r.receipt_id, r.provider_message_id, r.status, r.code, r.permanent, r.cause, r.received_at
    FROM open_attempt t
    JOIN receipt r ON r.attempt_id = t.attempt_id
    UNION ALL
    SELECT lane, attempt_id, receipt_id, provider_message_id, status, code, permanent, cause, received_at FROM referred
),
-- include: dispatch.apply
SELECT h.receipt_id, s.lane, s.contact_point_id, s.state, s.permanent, s.cause, s.message_id, s.attempt_id, s.channel, s.provider
FROM heard h LEFT JOIN settled s ON s.lane = h.lane AND s.attempt_id = h.attempt_id;

-- name: wake_batches
-- Messages that waited for their batch are due once it may go, its canaries as soon as they are chosen. Asked every second or so, it
-- looks for a minute: who missed that is judged again by itself. lanes, epochs; now. Fenced. Writes: message
-- Runs: where its lanes are.
WITH
-- include: store.fence
UPDATE message m SET not_before = %(now)s
FROM batch b, fence f
WHERE (b.state = 'going' AND b.decided_at > %(now)s::timestamptz - interval '1 min'
       OR b.state = 'canary' AND EXISTS (SELECT 1 FROM batch_canary c
                                         WHERE c.lane = m.lane AND c.message_id = m.message_id))
  AND m.batch_id = b.batch_id AND m.lane = f.lane AND m.state = 'planned'
  AND m.rule IN ('BATCH-WAITS', 'BATCH-HELD') AND m.not_before > %(now)s;

-- name: expire_messages
-- Planned messages past their use are done: expired, or, if something went out before, the best that is known.
-- lanes, epochs; now. Returns message and outcome. Fenced. Runs: where its lanes are. Writes: message, history
WITH
-- include: store.fence
,
moved AS (
    UPDATE message m
    SET state = 'done', next_at = NULL, version = m.version + 1, changed_at = %(now)s,
        rule = coalesce(m.rule, 'USE-LOST'),
        outcome = coalesce((SELECT CASE WHEN bool_or(a.state = 'read') THEN 'read'
                                        WHEN bool_or(a.state = 'delivered') THEN 'delivered'
                                        WHEN bool_or(a.state = 'sent') THEN 'sent'
                                        WHEN bool_or(a.state = 'unknown') THEN 'unknown'
                                        WHEN bool_or(a.state = 'refused') THEN 'failed' END
                            FROM attempt a WHERE a.lane = m.lane AND a.message_id = m.message_id), 'expired')
    FROM fence f
    WHERE m.lane = f.lane AND m.state = 'planned' AND m.useful_until <= %(now)s
    RETURNING m.lane, m.message_id, m.version, m.outcome, m.rule, m.reason
),
told AS (
    INSERT INTO history (lane, subject_id, version, subject, state, rule, reason, at)
    SELECT lane, message_id, version, 'message', outcome, rule, reason, %(now)s FROM moved
)
SELECT message_id, outcome FROM moved;

-- name: recover_attempts
-- Attempts that an earlier owner of these lanes had claimed: they may have been written, so they are unknown.
-- lanes, epochs; now; deduplicating: as in settle_attempts. Fenced. Writes: attempt, message, history
-- Runs: where its lanes are.
WITH
-- include: store.fence
,
settled AS (
    UPDATE attempt t
    SET state = 'unknown', reason = 'the worker stopped before the answer was recorded',
        settled_at = %(now)s, version = t.version + 1
    FROM fence f
    WHERE t.lane = f.lane AND t.state = 'claimed' AND t.epoch < f.epoch
    RETURNING t.lane, t.attempt_id, t.message_id, t.seq, t.route_at, t.channel, t.version, t.state, t.reason, t.sent_at,
              t.contact_point_id, t.provider, t.provider = ANY(%(deduplicating)s::text[]) AS deduplicates
),
told AS (
    INSERT INTO history (lane, subject_id, version, subject, state, reason, at)
    SELECT lane, attempt_id, version, 'attempt', state, reason, %(now)s FROM settled
),
ended AS (
    SELECT s.*, false AS permanent, interval '0' AS after, NULL::text AS rule, ''::text AS code, true AS reachable
    FROM settled s
),
-- include: dispatch.follow
SELECT message_id, attempt_id, channel, provider FROM settled;

-- name: adopt_attempts
-- Attempts that are still claimed under an owner's former epoch of its own lanes, taken over into the present one. lanes, epochs: the
-- fence; old_epochs: parallel to them. Fenced. Runs: where its lanes are. Writes: attempt
WITH
-- include: store.fence
UPDATE attempt t SET epoch = f.epoch
FROM fence f, unnest(%(lanes)s::smallint[], %(old_epochs)s::bigint[]) AS old (lane, epoch)
WHERE t.lane = f.lane AND old.lane = f.lane AND t.state = 'claimed' AND t.epoch = old.epoch
RETURNING t.lane, t.epoch, t.attempt_id, t.channel;

-- name: silent_points
-- Of contact points whose last attempt failed because the phone was off or barred: those where that has been so :times in a
-- row, over :days days or more, with nothing delivered between. lanes, points: parallel arrays; times; days.
SELECT w.lane, w.point
FROM unnest(%(lanes)s::smallint[], %(points)s::uuid[]) AS w (lane, point)
JOIN contact_point p ON p.lane = w.lane AND p.contact_point_id = w.point
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE t.cause IN ('off', 'suspended')) AS failed, min(t.claimed_at) AS first, max(t.claimed_at) AS last
    FROM (SELECT a.cause, a.claimed_at
          FROM message m JOIN attempt a ON a.lane = m.lane AND a.message_id = m.message_id
          WHERE m.lane = p.lane AND m.borrower_id = p.borrower_id AND a.contact_point_id = p.contact_point_id
            AND a.state IN ('refused', 'delivered', 'read')
          ORDER BY a.claimed_at DESC, a.seq DESC LIMIT %(times)s) AS t) AS h
WHERE p.state = 'active' AND h.failed = %(times)s AND h.last - h.first >= make_interval(days => %(days)s);

-- name: put_stop
-- Put a stop in force. Nulls mean every step, channel or purpose. Writes: stop
INSERT INTO stop (stop_id, step, channel, purpose, reason, stopped_by, stopped_at)
VALUES (%(stop_id)s, %(step)s, %(channel)s, %(purpose)s, %(reason)s, %(by)s, %(now)s);

-- name: lift_stops
-- Lift the stops of one scope, or all. Writes: stop
UPDATE stop SET resumed_by = %(by)s, resumed_at = %(now)s
WHERE resumed_at IS NULL
  AND (%(everything)s::boolean OR (step IS NOT DISTINCT FROM %(step)s::text
                                   AND channel IS NOT DISTINCT FROM %(channel)s::text
                                   AND purpose IS NOT DISTINCT FROM %(purpose)s::text))
RETURNING stop_id;

-- name: stops_in_force
-- Stops not lifted yet.
SELECT stop_id, step, channel, purpose, reason, stopped_by, stopped_at
FROM stop WHERE resumed_at IS NULL ORDER BY stopped_at;
