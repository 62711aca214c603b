-- Call tasks: what a person is to say to whom, and what became of the call.

-- name: open_tasks
-- Tasks that may still be done, the most urgent first. lanes: all of them; message_id: one, or null; now; most: how many.
SELECT a.lane, a.attempt_id, a.provider, m.message_id, m.step, m.purpose, m.party, m.actor, a.borrower_id, b.borrower_key, b.name_sealed,
       b.language, b.region, b.zone, a.contact_point_id, p.address_sealed, p.address_index, a.text_sealed, a.claimed_at,
       a.valid_until, array_remove(array_agg(DISTINCT l.loan_ref ORDER BY l.loan_ref), NULL) AS loans,
       (array_agg(DISTINCT l.loan_id))[1] AS loan_id, count(DISTINCT l.loan_id) AS debts,
       EXISTS (SELECT 1 FROM permit q WHERE q.lane = a.lane AND q.attempt_id = a.attempt_id AND q.outcome IS NULL) AS called
FROM attempt a
JOIN message m ON m.lane = a.lane AND m.message_id = a.message_id
JOIN message_item x ON x.lane = m.lane AND x.group_id = m.group_id
LEFT JOIN loan l ON l.lane = x.lane AND l.loan_id = x.loan_id  -- none: of an application
JOIN borrower b ON b.lane = a.lane AND b.borrower_id = a.borrower_id
LEFT JOIN contact_point p ON p.lane = a.lane AND p.contact_point_id = a.contact_point_id
WHERE a.lane = ANY(%(lanes)s::smallint[]) AND a.channel = 'task' AND a.state = 'sent' AND a.valid_until > %(now)s
  AND (%(message_id)s::uuid IS NULL OR m.message_id = %(message_id)s)
GROUP BY a.lane, a.attempt_id, m.lane, m.message_id, b.lane, b.borrower_id, p.lane, p.contact_point_id
ORDER BY a.valid_until, a.attempt_id
LIMIT %(most)s;

-- name: name_permit
-- For which task a permit is. lane, permit_id, attempt_id. Writes: permit
UPDATE permit SET attempt_id = %(attempt_id)s WHERE lane = %(lane)s AND permit_id = %(permit_id)s;

-- name: find_tasks
-- The tasks of these messages, whatever became of them. lanes: all of them; messages: uuid[].
SELECT m.message_id, a.lane, a.attempt_id, a.provider
FROM message m JOIN attempt a ON a.lane = m.lane AND a.message_id = m.message_id AND a.channel = 'task'
WHERE m.lane = ANY(%(lanes)s::smallint[]) AND m.message_id = ANY(%(messages)s::uuid[])
  AND a.state NOT IN ('claimed', 'released');

-- name: report_tasks
-- What became of calls, in the ledger: under the permit that was taken for the call, else under the task itself. Parallel
-- arrays: at_lanes, attempts, results (conversation, connected, tried, not-called), ats, agents; by, now. The same
-- again changes nothing. Answers how many rows were written. Writes: permit, contact
WITH told AS (
    UPDATE permit p
    SET outcome = CASE g.result WHEN 'tried' THEN 'no-answer' WHEN 'not-called' THEN 'not-used' ELSE g.result END,
        reported_by = %(by)s, reported_at = %(now)s
    FROM unnest(%(at_lanes)s::smallint[], %(attempts)s::uuid[], %(results)s::text[]) AS g (lane, attempt_id, result)
    WHERE p.lane = g.lane AND p.attempt_id = g.attempt_id
      AND (p.outcome IS NULL OR p.outcome IN ('connected', 'no-answer') AND g.result = 'conversation'
           OR p.outcome = 'no-answer' AND g.result = 'connected')
    RETURNING p.lane, p.permit_id, p.borrower_id, p.outcome
),
permitted AS (
    -- include: dispatch/permits.append_outcome(t.lane, t.outcome)
    RETURNING 1
),
own AS (
    INSERT INTO contact (lane, borrower_id, attempt_id, loan_id, weight, outcome, group_id, purpose, channel, actor, source,
                         address_index, template, local_on, at, agent)
    SELECT DISTINCT a.lane, a.borrower_id, a.attempt_id, x.loan_id, o.weight, o.outcome, m.group_id, m.purpose, 'voice', m.actor, 'ours',
           p.address_index, m.template, (coalesce(g.at, %(now)s) AT TIME ZONE b.zone)::date, coalesce(g.at, %(now)s::timestamptz), g.agent
    FROM unnest(%(at_lanes)s::smallint[], %(attempts)s::uuid[], %(results)s::text[], %(ats)s::timestamptz[], %(agents)s::text[])
         AS g (lane, attempt_id, result, at, agent)
    JOIN attempt a ON a.lane = g.lane AND a.attempt_id = g.attempt_id
    JOIN message m ON m.lane = a.lane AND m.message_id = a.message_id
    JOIN message_item x ON x.lane = m.lane AND x.group_id = m.group_id
    JOIN borrower b ON b.lane = a.lane AND b.borrower_id = a.borrower_id
    LEFT JOIN contact_point p ON p.lane = a.lane AND p.contact_point_id = a.contact_point_id
    JOIN (VALUES ('attempt', 1::smallint), ('connected', 0), ('conversation', 0)) AS o (outcome, weight)
      ON o.outcome = 'attempt' OR o.outcome = g.result OR o.outcome = 'connected' AND g.result = 'conversation'
    WHERE g.result <> 'not-called'
      AND NOT EXISTS (SELECT 1 FROM permit q WHERE q.lane = a.lane AND q.attempt_id = a.attempt_id)
    ON CONFLICT DO NOTHING
    RETURNING 1
)
SELECT (SELECT count(*) FROM permitted) + (SELECT count(*) FROM own) + (SELECT count(*) FROM told);

-- name: known_results
-- What was reported of tasks before. attempts: uuid[].
SELECT attempt_id, code FROM receipt WHERE attempt_id = ANY(%(attempts)s::uuid[]);
