-- From one channel to the next: when a route moves on, what ends it before, and what is handed over again.

-- name: has_words
-- Whether of what is due in these lanes something was tried before, and whether a later step takes an earlier one's place.
-- lanes: smallint[]; now.
SELECT EXISTS (SELECT 1 FROM message m
               WHERE m.lane = ANY(%(lanes)s::smallint[]) AND m.state = 'planned' AND m.not_before <= %(now)s AND m.tries > 0),
       EXISTS (SELECT 1 FROM message m
               WHERE m.lane = ANY(%(lanes)s::smallint[]) AND m.state = 'planned' AND m.not_before <= %(now)s AND m.supersedes);

-- name: has_heard
-- Whether something may stand against what is about to be claimed that was not known when it was given back: a word about an
-- earlier attempt of the same message, or a reply. lanes, epochs; take, head_channels, head_places: the claim's; now.
-- Runs: where its lanes are.
WITH
-- include: store.fence
,
-- include: dispatch.due_head
SELECT EXISTS (SELECT 1 FROM head h
               JOIN attempt a ON a.lane = h.lane AND a.message_id = h.message_id AND a.state IN ('sent', 'unknown', 'delivered', 'read')
               WHERE h.tries > 0);

-- name: has_late
-- Whether a route of these lanes is to move on. lanes: smallint[]; now.
SELECT EXISTS (SELECT 1 FROM message WHERE lane = ANY(%(lanes)s::smallint[]) AND next_at <= %(now)s);

-- fragment: replied
-- Whether the person answered attempt a of a message: a reply that names it, or one from the same address on the same
-- channel since then.
EXISTS (SELECT 1 FROM reply y WHERE y.attempt_id = a.attempt_id)
OR EXISTS (SELECT 1 FROM contact_point p
           JOIN reply y ON y.address_index = p.address_index AND y.channel = a.channel AND y.received_at >= a.claimed_at
           WHERE p.lane = a.lane AND p.contact_point_id = a.contact_point_id)

-- fragment: standing
-- The best that is known of message w.
(SELECT CASE WHEN bool_or(a.state = 'read') THEN 'read' WHEN bool_or(a.state = 'delivered') THEN 'delivered'
             WHEN bool_or(a.state = 'sent') THEN 'sent' WHEN bool_or(a.state = 'unknown') THEN 'unknown'
             ELSE 'failed' END
 FROM attempt a WHERE a.lane = w.lane AND a.message_id = w.message_id)

-- name: end_answered
-- Messages whose policy waits for an answer and that were answered go no further. lanes, epochs; now. Fenced.
-- Runs: where its lanes are. Writes: message, history
WITH
-- include: store.fence
,
answered AS (
    SELECT w.lane, w.message_id,
           -- include: standing
           AS best
    FROM message w JOIN fence f ON f.lane = w.lane
    WHERE w.state <> 'done' AND w.next_if = 'answered' AND w.tries > 0
      AND (w.state = 'planned' AND w.not_before <= %(now)s OR w.next_at <= %(now)s)
      AND EXISTS (SELECT 1 FROM attempt a WHERE a.lane = w.lane AND a.message_id = w.message_id AND a.state <> 'released' AND (
                  -- include: replied
                  ))
      AND NOT EXISTS (SELECT 1 FROM attempt a WHERE a.lane = w.lane AND a.message_id = w.message_id AND a.state = 'claimed')
),
moved AS (
    UPDATE message m
    SET state = 'done', outcome = a.best, next_at = NULL, waits_since = NULL, version = m.version + 1, changed_at = %(now)s
    FROM answered a
    WHERE m.lane = a.lane AND m.message_id = a.message_id AND m.state <> 'done'
    RETURNING m.lane, m.message_id, m.version, m.outcome
),
told AS (
    INSERT INTO history (lane, subject_id, version, subject, state, reason, at)
    SELECT lane, message_id, version, 'message', outcome, 'answered', %(now)s FROM moved
)
SELECT message_id, outcome FROM moved;

-- name: supersede_messages
-- Messages of earlier steps whose place a later one takes that is due: about the same installment, to the same person,
-- for the same purpose. What is being handed over at this moment goes. Looked at are people of whom the claim that follows
-- may take something. lanes, epochs; take, head_channels, head_places: that claim's; now. Fenced.
-- Runs: where its lanes are. Writes: message, history
WITH
-- include: store.fence
,
-- include: dispatch.due_head
,
outdone AS (
    SELECT DISTINCT w.lane, w.message_id, l.step AS by_step
    FROM (SELECT DISTINCT lane, borrower_id FROM head) AS h
    JOIN message l ON l.lane = h.lane AND l.borrower_id = h.borrower_id
    JOIN message_item x ON x.lane = l.lane AND x.group_id = l.group_id
    JOIN message_item y ON y.lane = x.lane AND y.loan_id = x.loan_id AND y.number = x.number AND y.policy = x.policy
    JOIN message w ON w.lane = y.lane AND w.group_id = y.group_id AND w.borrower_id = l.borrower_id AND w.purpose = l.purpose
    WHERE l.state = 'planned' AND l.not_before <= %(now)s AND l.useful_until > %(now)s AND l.tries = 0
      AND coalesce(l.supersedes, false)  -- by the person, not by the index of what supersedes, which has all of a lane
      AND w.state <> 'done' AND w.planned_for < l.planned_for AND w.local_on < l.local_on
      AND NOT EXISTS (SELECT 1 FROM attempt a WHERE a.lane = w.lane AND a.message_id = w.message_id AND a.state = 'claimed')
),
ended AS (
    SELECT DISTINCT ON (w.lane, w.message_id) w.lane, w.message_id, o.by_step, w.tries,
           -- include: standing
           AS best
    FROM outdone o JOIN message w ON w.lane = o.lane AND w.message_id = o.message_id
    ORDER BY w.lane, w.message_id, o.by_step
),
moved AS (
    UPDATE message m
    SET state = 'done', outcome = CASE WHEN e.tries = 0 THEN 'cancelled' ELSE e.best END, next_at = NULL, waits_since = NULL,
        rule = 'STEP-SUPERSEDED', reason = e.by_step, version = m.version + 1, changed_at = %(now)s
    FROM ended e
    WHERE m.lane = e.lane AND m.message_id = e.message_id AND m.state <> 'done'
    RETURNING m.lane, m.message_id, m.version, m.outcome, m.rule, m.reason
),
told AS (
    INSERT INTO history (lane, subject_id, version, subject, state, rule, reason, at)
    SELECT lane, message_id, version, 'message', outcome, rule, reason, %(now)s FROM moved
)
SELECT message_id, outcome FROM moved;

-- name: advance_routes
-- Messages whose time is up on their present channel: on to the next one where the policy says so and there is use in
-- it; done with the best that is known where there is none. Time in which the next channel may not be used does not
-- count: what has not waited long enough by that clock waits on. After an unknown outcome only a reminder goes on.
-- lanes, epochs; now; and those of RuleBook.parameters. Fenced. Runs: where its lanes are. Writes: message, history
WITH
-- include: store.fence
,
late AS (
    SELECT w.*, b.region, coalesce(b.zones, ARRAY[b.zone]) AS zones,
           -- include: standing
           AS best,
           EXISTS (SELECT 1 FROM attempt a WHERE a.lane = w.lane AND a.message_id = w.message_id AND
                   -- include: dispatch.enough
                   ) AS enough,
           EXISTS (SELECT 1 FROM attempt a WHERE a.lane = w.lane AND a.message_id = w.message_id AND a.seq = w.tries
                                             AND a.state = 'unknown') AS is_unknown
    FROM message w
    JOIN fence f ON f.lane = w.lane
    JOIN borrower b ON b.lane = w.lane AND b.borrower_id = w.borrower_id
    WHERE w.next_at <= %(now)s AND w.state IN ('planned', 'in_flight')
      AND NOT EXISTS (SELECT 1 FROM attempt a WHERE a.lane = w.lane AND a.message_id = w.message_id AND a.state = 'claimed')
),
going AS (
    SELECT l.*, NOT enough AND route_at < cardinality(route) AND useful_until > %(now)s
                AND CASE WHEN is_unknown THEN purpose = 'reminder'
                         ELSE next_if IS NOT NULL
                              AND (next_if IN ('answered', 'paid')
                                   OR array_position(ARRAY['failed', 'unknown', 'sent', 'delivered', 'read'], best)
                                      < array_position(ARRAY['failed', 'unknown', 'sent', 'delivered', 'read'], next_if)) END
                AS goes_on
    FROM late l
),
unit AS (
    SELECT g.lane, g.message_id, (g.route_at + 1)::smallint AS place, l.loan_id, g.region, g.zones, g.purpose,
           CASE g.route[g.route_at + 1] WHEN 'task' THEN 'voice' ELSE g.route[g.route_at + 1] END AS channel,
           g.actor, l.product, g.party, NULL::text AS address_kind, coalesce(g.acts, ARRAY[]::text[]) AS actions,
           %(lender_kinds)s::text[] AS lenders, NULL::text AS provider_kind, false AS by_debtor, g.daily_cap,
           %(now)s::timestamptz AS at, g.useful_until AS until, NULL::bytea AS address_index, g.template, g.group_id,
           false AS suppressed, NULL::text[] AS registered, NULL::text AS caller, ARRAY[]::seen_contact[] AS contacts,
           ARRAY(SELECT ROW(x.kind, x.granted, x.purpose, x.channel, x.address_index, x.effective_at, x.expires_at)::seen_consent
                 FROM consent x
                 WHERE x.lane = g.lane AND x.borrower_id = g.borrower_id AND x.kind = 'hours') AS consents,
           ARRAY[]::seen_hold[] AS holds,
           ARRAY(SELECT ROW(x.kind, x.wish)::seen_wish
                 FROM preference x
                 WHERE x.lane = g.lane AND x.borrower_id = g.borrower_id AND x.kind = 'hours' AND x.effective_at <= %(now)s
                   AND (x.ended_at IS NULL OR x.ended_at > %(now)s)) AS wishes,
           ARRAY[]::seen_notice[] AS notices
    FROM going g
    JOIN (SELECT DISTINCT x.lane, x.group_id, n.loan_id, n.product
          FROM message_item x LEFT JOIN loan n ON n.lane = x.lane AND n.loan_id = x.loan_id
          WHERE (x.lane, x.group_id) IN (SELECT lane, group_id FROM going WHERE goes_on)) AS l
      ON l.lane = g.lane AND l.group_id = g.group_id
    WHERE g.goes_on AND g.next_by IS NULL AND g.next_after_seconds IS NOT NULL AND g.waits_since IS NOT NULL
),
-- include: rules.judge_units
,
-- Long enough where every debt's hours say so.
waited AS (
    SELECT u.lane, u.message_id,
           max(open_for(g.waits_since, make_interval(secs => g.next_after_seconds), g.useful_until, u.places, u.windows, u.lifted)) AS until_at
    FROM judged_unit u JOIN going g ON g.lane = u.lane AND g.message_id = u.message_id
    GROUP BY u.lane, u.message_id
),
decided AS (
    SELECT g.lane, g.message_id, g.best, g.goes_on, CASE WHEN g.goes_on AND t.until_at > %(now)s THEN t.until_at END AS waits_until
    FROM going g LEFT JOIN waited t ON t.lane = g.lane AND t.message_id = g.message_id
),
waiting AS (
    UPDATE message m SET next_at = d.waits_until
    FROM decided d
    WHERE d.waits_until IS NOT NULL AND m.lane = d.lane AND m.message_id = d.message_id AND m.state <> 'done'
),
moved AS (
    UPDATE message m
    SET state = CASE WHEN d.goes_on OR m.state = 'planned' THEN 'planned' ELSE 'done' END,
        outcome = CASE WHEN d.goes_on OR m.state = 'planned' THEN NULL ELSE d.best END,
        route_at = m.route_at + CASE WHEN d.goes_on THEN 1 ELSE 0 END,
        not_before = CASE WHEN d.goes_on THEN %(now)s ELSE m.not_before END,
        next_at = NULL, waits_since = NULL,
        version = m.version + CASE WHEN d.goes_on OR m.state = 'in_flight' THEN 1 ELSE 0 END, changed_at = %(now)s
    FROM decided d
    WHERE d.waits_until IS NULL AND m.lane = d.lane AND m.message_id = d.message_id AND m.state <> 'done'
    RETURNING m.lane, m.message_id, m.version, m.state, m.outcome, d.goes_on
),
told AS (
    INSERT INTO history (lane, subject_id, version, subject, state, at)
    SELECT lane, message_id, version, 'message', coalesce(outcome, state), %(now)s FROM moved WHERE goes_on OR state = 'done'
)
SELECT message_id, CASE WHEN goes_on THEN 'moved on' ELSE outcome END FROM moved WHERE goes_on OR state = 'done';

-- name: claim_again
-- Attempts of unknown outcome at providers that drop a second submission of the same id: handed over again, exactly as
-- they were, unless anything was learnt since that might stand against it. The wait doubles with each time.
-- lanes, epochs; now; as_of; providers, rooms: parallel arrays; most: times; first: interval; take. Fenced.
-- Runs: where its lanes are. Writes: attempt, history
WITH
-- include: store.fence
,
waiting AS (
    SELECT t.lane, t.attempt_id, t.borrower_id, f.epoch, m.purpose, t.settled_at, t.provider,
           row_number() OVER (PARTITION BY t.provider ORDER BY t.settled_at, t.attempt_id) AS place
    FROM attempt t
    JOIN fence f ON f.lane = t.lane
    JOIN message m ON m.lane = t.lane AND m.message_id = t.message_id AND m.state = 'in_flight' AND m.tries = t.seq
    WHERE t.state = 'unknown' AND t.provider = ANY(%(providers)s::text[]) AND t.valid_until > %(now)s AND t.resends < %(most)s
      AND t.settled_at + %(first)s::interval * (2 ^ t.resends) <= %(now)s
      AND EXISTS (SELECT 1 FROM contact_point p WHERE p.lane = t.lane AND p.contact_point_id = t.contact_point_id AND p.state = 'active'
                  UNION ALL SELECT 1 WHERE t.contact_point_id = t.borrower_id)
      AND NOT EXISTS (SELECT 1 FROM stop s
                      WHERE s.resumed_at IS NULL AND (s.step IS NULL OR s.step = m.step)
                        AND (s.channel IS NULL OR s.channel = t.channel) AND (s.purpose IS NULL OR s.purpose = m.purpose))
      AND NOT EXISTS (SELECT 1 FROM consent x WHERE x.lane = t.lane AND x.borrower_id = t.borrower_id AND NOT x.granted
                                                AND x.effective_at >= t.claimed_at)
      AND NOT EXISTS (SELECT 1 FROM hold x WHERE x.lane = t.lane AND x.borrower_id = t.borrower_id AND x.effective_at >= t.claimed_at)
      AND NOT EXISTS (SELECT 1 FROM receipt r WHERE r.attempt_id = t.attempt_id)
      AND NOT EXISTS (SELECT 1 FROM message_item x JOIN event e ON e.lane = x.lane AND e.event_id = x.event_id
                      WHERE x.lane = m.lane AND x.group_id = m.group_id AND (
                      -- include: rules.event_over
                      ) IS NOT NULL)
      AND (m.corrects IS NOT NULL OR NOT EXISTS (
           SELECT 1 FROM message_item x
           JOIN installment i ON i.lane = x.lane AND i.loan_id = x.loan_id AND i.number = x.number
           WHERE x.lane = m.lane AND x.group_id = m.group_id
             AND (i.settled_on <= %(as_of)s AND i.settled_on >= (t.claimed_at AT TIME ZONE m.zone)::date
                  OR i.superseded_on <= %(as_of)s)))
),
again AS (
    SELECT w.* FROM waiting w
    JOIN unnest(%(providers)s::text[], %(rooms)s::int[]) AS p (provider, room) ON p.provider = w.provider
    WHERE w.place <= p.room
    ORDER BY w.settled_at, w.attempt_id
    LIMIT %(take)s
),
moved AS (
    UPDATE attempt t
    SET state = 'claimed', epoch = a.epoch, resends = t.resends + 1, settled_at = NULL, version = t.version + 1
    FROM again a
    WHERE t.lane = a.lane AND t.attempt_id = a.attempt_id AND t.state = 'unknown'
    RETURNING t.lane, t.message_id, t.attempt_id, t.provider, t.channel, t.contact_point_id, t.borrower_id, t.version, t.text_sealed,
              t.valid_until, a.epoch, a.purpose
),
told AS (
    INSERT INTO history (lane, subject_id, version, subject, state, reason, at)
    SELECT lane, attempt_id, version, 'attempt', 'claimed', 'again, under the same id', %(now)s FROM moved
)
SELECT m.lane, m.epoch, m.message_id, m.attempt_id, m.provider, m.channel, m.contact_point_id, p.address_sealed, b.borrower_key, b.language,
       m.purpose, m.text_sealed, m.valid_until
FROM moved m
JOIN borrower b ON b.lane = m.lane AND b.borrower_id = m.borrower_id
LEFT JOIN contact_point p ON p.lane = m.lane AND p.contact_point_id = m.contact_point_id;

-- name: overtaken
-- Which of these attempts, committed and not yet handed over, need not go any more: something was heard meanwhile of an
-- earlier attempt of the same message, its debts are paid, or what it tells of is over. Parallel arrays: at_lanes, attempts; as_of.
-- Runs: where its lanes are.
SELECT t.attempt_id
FROM unnest(%(at_lanes)s::smallint[], %(attempts)s::uuid[]) AS c (lane, attempt_id)
JOIN attempt t ON t.lane = c.lane AND t.attempt_id = c.attempt_id
JOIN message w ON w.lane = t.lane AND w.message_id = t.message_id
CROSS JOIN LATERAL (SELECT w.lane, w.group_id) AS m
WHERE EXISTS (
          SELECT 1 FROM attempt e
          JOIN LATERAL (SELECT r.status FROM receipt r WHERE r.attempt_id = e.attempt_id
                        UNION ALL
                        SELECT r.status FROM receipt r
                        WHERE r.provider = e.provider AND r.provider_message_id = e.provider_message_id) AS r ON true
          CROSS JOIN LATERAL (SELECT r.status AS state, e.channel) AS a
          WHERE e.lane = t.lane AND e.message_id = t.message_id AND e.seq < t.seq AND
          -- include: dispatch.enough
          )
   OR w.next_if = 'answered' AND EXISTS (
          SELECT 1 FROM attempt a WHERE a.lane = t.lane AND a.message_id = t.message_id AND a.seq < t.seq AND a.state <> 'released' AND (
          -- include: replied
          ))
   OR w.event_id IS NOT NULL AND NOT EXISTS (
          SELECT 1 FROM message_item x JOIN event e ON e.lane = x.lane AND e.event_id = x.event_id
          WHERE x.lane = w.lane AND x.group_id = w.group_id AND (
          -- include: rules.event_over
          ) IS NULL)
   OR w.corrects IS NULL AND w.to_point IS NULL AND w.event_id IS NULL AND NOT EXISTS (
          SELECT 1 FROM message_item x
          JOIN installment i ON i.lane = x.lane AND i.loan_id = x.loan_id AND i.number = x.number
          LEFT JOIN installment_was w ON w.lane = i.lane AND w.loan_id = i.loan_id AND w.number = i.number
                                     AND w.from_on <= %(as_of)s AND w.until_on > %(as_of)s
          WHERE x.lane = m.lane AND x.group_id = m.group_id AND
          -- include: book/events.unpaid
          );
