-- Answers as people look at them.

-- fragment: answer
-- The columns of a list of answers. Needs a (response), r (its last reading), b, l, w (its borrower, loan and
-- response_waiting: each may be null).
a.lane, a.response_id, b.borrower_key, coalesce(b.zone, 'UTC') AS zone, a.source, a.channel, a.said_at, r.intents,
r.confidence::float8 AS confidence, r.read_by, r.promised_on, r.amount_minor, r.currency, r.undone,
l.loan_ref AS loan, w.reason AS waits

-- fragment: last_reading
-- The reading of a (response, response_waiting) that holds.
r.lane = a.lane AND r.response_id = a.response_id
AND r.reading = (SELECT max(o.reading) FROM response_reading o WHERE o.lane = a.lane AND o.response_id = a.response_id)

-- name: open_responses
-- The queue: the gravest first, and of one gravity who waits longest. intent: null for all; grave text[]: the gravest first; take.
SELECT
-- include: answer
FROM response_waiting w
JOIN response a ON a.lane = w.lane AND a.response_id = w.response_id
JOIN response_reading r ON
-- include: last_reading
LEFT JOIN borrower b ON b.lane = a.lane AND b.borrower_id = a.borrower_id
LEFT JOIN loan l ON l.lane = a.lane AND l.loan_id = a.loan_id
WHERE %(intent)s::text IS NULL OR %(intent)s = ANY(r.intents)
ORDER BY array_position(%(grave)s::text[], r.intents[1]), a.said_at, a.response_id
LIMIT %(take)s;

-- name: list_responses
-- Answers, the latest first. borrower_id, intent: null for all; take.
SELECT
-- include: answer
FROM response a
JOIN response_reading r ON
-- include: last_reading
LEFT JOIN response_waiting w ON w.lane = a.lane AND w.response_id = a.response_id
LEFT JOIN borrower b ON b.lane = a.lane AND b.borrower_id = a.borrower_id
LEFT JOIN loan l ON l.lane = a.lane AND l.loan_id = a.loan_id
WHERE (%(intent)s::text IS NULL OR %(intent)s = ANY(r.intents))
  AND (%(borrower_id)s::uuid IS NULL OR a.borrower_id = %(borrower_id)s)
ORDER BY a.said_at DESC, a.response_id
LIMIT %(take)s;

-- name: one_response
-- lane, response_id.
SELECT
-- include: answer
, a.text_sealed, a.message_id, a.acted, a.recorded_by, a.recorded_at, a.purpose
FROM response a
JOIN response_reading r ON r.lane = a.lane AND r.response_id = a.response_id
LEFT JOIN response_waiting w ON w.lane = a.lane AND w.response_id = a.response_id
LEFT JOIN borrower b ON b.lane = a.lane AND b.borrower_id = a.borrower_id
LEFT JOIN loan l ON l.lane = a.lane AND l.loan_id = a.loan_id
WHERE a.lane = %(lane)s AND a.response_id = %(response_id)s
ORDER BY r.reading DESC LIMIT 1;

-- name: readings_of
-- lane, response_id.
SELECT reading, intents, confidence::float8 AS confidence, read_by, promised_on, amount_minor, currency, undone, recorded_by,
       recorded_at
FROM response_reading WHERE lane = %(lane)s AND response_id = %(response_id)s ORDER BY reading;

-- name: followed_by
-- What followed from an answer, in order. lane, response_id.
SELECT e.effect, e.hold_kind, (SELECT l.loan_ref FROM loan l WHERE l.lane = e.lane AND l.loan_id = e.loan_id) AS loan, e.until,
       coalesce((e.detail ->> 'done')::boolean, true) AS done, e.effective_at, e.recorded_at, e.undone_at, e.undone_by, e.undone_for
FROM response_effect e
WHERE e.lane = %(lane)s AND e.response_id = %(response_id)s ORDER BY e.recorded_at, e.effect, e.hold_kind;

-- name: events_of
-- lane, response_id.
SELECT seq, event, reason, note_sealed, recorded_by, at FROM response_event
WHERE lane = %(lane)s AND response_id = %(response_id)s ORDER BY seq;

-- name: answer_timeline
-- A person's answers, what followed and what was arranged, in order, as the rows of a timeline. lane, borrower_id.
SELECT a.said_at AS at, 'answer' AS subject, coalesce(a.channel, a.source) AS what, array_to_string(r.intents, ' ') AS state,
       NULL AS rule, CASE WHEN r.undone THEN 'undone' END AS reason
FROM response a
JOIN response_reading r ON
-- include: last_reading
WHERE a.lane = %(lane)s AND a.borrower_id = %(borrower_id)s
UNION ALL
SELECT e.effective_at, 'effect', coalesce(e.hold_kind, e.effect), 'follows', NULL,
       CASE WHEN NOT coalesce((e.detail ->> 'done')::boolean, true) THEN 'a person does it' END
FROM response_effect e WHERE e.lane = %(lane)s AND e.borrower_id = %(borrower_id)s
UNION ALL
SELECT e.undone_at, 'effect', coalesce(e.hold_kind, e.effect), 'taken back', NULL, e.undone_for
FROM response_effect e WHERE e.lane = %(lane)s AND e.borrower_id = %(borrower_id)s AND e.undone_at IS NOT NULL
UNION ALL
SELECT v.effective_at, 'arrangement', a.kind, v.event, NULL, nullif(v.reason, '')
FROM arrangement_event v JOIN arrangement a ON a.lane = v.lane AND a.arrangement_id = v.arrangement_id
WHERE v.lane = %(lane)s AND v.borrower_id = %(borrower_id)s
ORDER BY 1, 2, 3;

-- name: count_waiting
-- How many answers wait for a person, how many of them are read as something grave, and since when the oldest. grave: text[].
SELECT count(*) AS waiting, count(*) FILTER (WHERE r.intents && %(grave)s::text[]) AS grave, min(a.since) AS since
FROM response_waiting a
JOIN response_reading r ON
-- include: last_reading
;
