-- What borrowers who cannot pay state, what they take up, and what becomes of it.

-- fragment: stands_as
-- How each arrangement stands: lane, arrangement_id, state, at. {of_them}: which, over the alias e.
SELECT e.lane, e.arrangement_id, (array_agg(e.event ORDER BY e.seq DESC))[1] AS state,
       max(e.effective_at) FILTER (WHERE e.event = 'agreed') AS agreed_at,
       (array_agg(e.effective_at ORDER BY e.seq DESC))[1] AS at, (array_agg(e.recorded_by ORDER BY e.seq DESC))[1] AS last_by,
       (array_agg(e.reason ORDER BY e.seq DESC))[1] AS reason, max(e.seq) AS seq
FROM arrangement_event e
WHERE e.event <> 'looked' AND {of_them}
GROUP BY e.lane, e.arrangement_id

-- fragment: of_them
-- All of them; also what stands in for {of_them} when statements are checked.
true

-- fragment: of_loan
-- Of one loan.
e.lane = %(lane)s::smallint AND e.loan_id = %(loan_id)s::uuid

-- fragment: of_one
-- One arrangement.
e.lane = %(lane)s::smallint AND e.arrangement_id = %(arrangement_id)s::uuid

-- fragment: of_lanes
-- Of some lanes.
e.lane = ANY(%(lanes)s::smallint[])

-- name: record_statement
-- The same request again changes nothing. Writes: hardship.
INSERT INTO hardship (lane, hardship_id, borrower_id, loan_id, response_id, trouble, stated_sealed, said_at)
VALUES (%(lane)s, %(hardship_id)s, %(borrower_id)s, %(loan_id)s, %(response_id)s, %(trouble)s, %(sealed)s, %(now)s)
ON CONFLICT DO NOTHING;

-- name: statement_of
-- lane, hardship_id.
SELECT borrower_id, loan_id, response_id, stated_sealed FROM hardship
WHERE lane = %(lane)s AND hardship_id = %(hardship_id)s;

-- name: in_force
-- The arrangement of a loan that is asked for, or agreed and not over. lane, loan_id.
SELECT s.arrangement_id, s.state FROM (
    -- include: stands_as
) AS s WHERE s.state IN ('proposed', 'seconded', 'agreed');

-- name: taken
-- How often each kind was agreed for a loan since a day, and not withdrawn. lane, loan_id, since.
SELECT a.kind, count(*) FROM (
    -- include: stands_as
) AS s
JOIN arrangement a ON a.lane = s.lane AND a.arrangement_id = s.arrangement_id
WHERE s.agreed_at >= %(since)s::date AND s.state <> 'withdrawn'
GROUP BY a.kind;

-- name: paused_after
-- Whether a loan has a pause today or later. lane, loan_id, today.
SELECT true FROM loan_pause WHERE lane = %(lane)s AND loan_id = %(loan_id)s AND to_on >= %(today)s::date LIMIT 1;

-- name: add_arrangement
-- The same again changes nothing. Writes: arrangement.
INSERT INTO arrangement (lane, arrangement_id, borrower_id, loan_id, hardship_id, kind, exception, policy, policy_version, terms,
                         currency, figures, figures_digest, cooling_off_days, proposed_at, recorded_at)
VALUES (%(lane)s, %(arrangement_id)s, %(borrower_id)s, %(loan_id)s, %(hardship_id)s, %(kind)s, %(exception)s, %(policy)s,
        %(policy_version)s, %(terms)s, %(currency)s, %(figures)s, %(digest)s, %(cooling_off_days)s, %(now)s, now())
ON CONFLICT DO NOTHING;

-- name: append_event
-- The event after the one that was seen last; nothing where another came between. written: the installments of a loan whose
-- numbers are listed, as they stand. lane, arrangement_id; seen: its seq; numbers: null for none. Writes: arrangement_event.
INSERT INTO arrangement_event (lane, arrangement_id, seq, borrower_id, loan_id, event, reason, written, recorded_by,
                               effective_at, recorded_at)
SELECT %(lane)s, %(arrangement_id)s, %(seen)s + 1, %(borrower_id)s, %(loan_id)s, %(event)s, %(reason)s,
       (SELECT jsonb_agg(jsonb_build_array(i.number, coalesce(i.contract_due_on, i.due_on), i.due_minor) ORDER BY i.number)
        FROM installment i
        WHERE i.lane = %(lane)s AND i.loan_id = %(loan_id)s AND i.number = ANY(%(numbers)s::int[])),
       %(by)s, %(now)s, now()
ON CONFLICT DO NOTHING
RETURNING seq;

-- name: arrangement
-- One, with how it stands. lane, arrangement_id.
SELECT a.lane, a.arrangement_id, a.borrower_id, a.loan_id, a.hardship_id, a.kind, a.exception, a.policy, a.policy_version,
       a.terms, a.currency, a.figures, a.figures_digest, a.cooling_off_days, a.proposed_at, s.state, s.agreed_at, s.last_by, s.reason,
       (SELECT max(x.seq) FROM arrangement_event x WHERE x.lane = a.lane AND x.arrangement_id = a.arrangement_id) AS seq,
       l.loan_ref, l.creditor, l.product, b.borrower_key, b.zone,
       local_instant((s.agreed_at AT TIME ZONE b.zone)::date + a.cooling_off_days::int + 1, '00:00', b.zone) AS withdraw_until
FROM (
    -- include: stands_as
) AS s
JOIN arrangement a ON a.lane = s.lane AND a.arrangement_id = s.arrangement_id
JOIN loan l ON l.lane = a.lane AND l.loan_id = a.loan_id
JOIN borrower b ON b.lane = a.lane AND b.borrower_id = a.borrower_id;

-- name: find_arrangement
-- Those whose id lies between :least and :most; two at most, to see that it is one. lanes: all of them.
SELECT lane, arrangement_id, borrower_id FROM arrangement
WHERE lane = ANY(%(lanes)s::smallint[]) AND arrangement_id BETWEEN %(least)s::uuid AND %(most)s::uuid
ORDER BY arrangement_id LIMIT 2;

-- name: arrangements_of
-- Of one person, the latest first. lane, borrower_id.
SELECT lane, arrangement_id FROM arrangement
WHERE lane = %(lane)s AND borrower_id = %(borrower_id)s ORDER BY proposed_at DESC, arrangement_id;

-- name: list_arrangements
-- The latest first. state: null for all; since, until: of when it was agreed, null for any; take.
SELECT a.lane, a.arrangement_id, a.kind, a.figures, a.policy, a.policy_version, a.proposed_at, s.state, s.agreed_at, s.last_by,
       s.reason, l.loan_ref, l.creditor, l.product, b.borrower_key, b.zone
FROM (
    -- include: stands_as
) AS s
JOIN arrangement a ON a.lane = s.lane AND a.arrangement_id = s.arrangement_id
JOIN loan l ON l.lane = a.lane AND l.loan_id = a.loan_id
JOIN borrower b ON b.lane = a.lane AND b.borrower_id = a.borrower_id
WHERE coalesce(s.state = %(state)s::text, true)
  AND (%(since)s::timestamptz IS NULL OR s.agreed_at >= %(since)s::timestamptz)
  AND (%(until)s::timestamptz IS NULL OR s.agreed_at < %(until)s::timestamptz)
ORDER BY coalesce(s.agreed_at, a.proposed_at) DESC, a.arrangement_id
LIMIT %(take)s;

-- name: events_of_arrangement
-- What became of one and who looked at it, in order. lane, arrangement_id.
SELECT seq, event, reason, recorded_by, effective_at FROM arrangement_event
WHERE lane = %(lane)s AND arrangement_id = %(arrangement_id)s ORDER BY seq;

-- name: count_proposed
-- How many wait for a person, and since when the oldest.
SELECT count(*) AS waiting, min(a.proposed_at) AS since FROM (
    -- include: stands_as
) AS s
JOIN arrangement a ON a.lane = s.lane AND a.arrangement_id = s.arrangement_id
WHERE s.state IN ('proposed', 'seconded');

-- name: judge_arrangements
-- Of what is agreed: overruled where an installment is no longer what was agreed, completed where all that it is kept or broken by
-- is paid, broken where some of it is past its grace and unpaid, as far as payments are known. lanes: smallint[]; as_of: the
-- lender's date; now. Writes: arrangement_event.
WITH
-- include: rules.fed
,
stands AS (
    -- include: stands_as
),
agreed AS (
    SELECT s.lane, s.arrangement_id, s.seq, a.borrower_id, a.loan_id, a.figures, e.written, l.creditor,
           (SELECT max(x.seq) FROM arrangement_event x WHERE x.lane = s.lane AND x.arrangement_id = s.arrangement_id) AS last_seq
    FROM stands s
    JOIN arrangement a ON a.lane = s.lane AND a.arrangement_id = s.arrangement_id
    JOIN arrangement_event e ON e.lane = s.lane AND e.arrangement_id = s.arrangement_id AND e.seq = s.seq
    JOIN loan l ON l.lane = a.lane AND l.loan_id = a.loan_id
    WHERE s.state = 'agreed'
),
installments AS (
    SELECT g.lane, g.arrangement_id, g.borrower_id, g.loan_id, g.last_seq, g.creditor, (w.row ->> 0)::int AS number,
           (w.row ->> 1)::date AS agreed_on, (w.row ->> 2)::bigint AS agreed_minor,
           g.figures -> 'watched' @> (w.row -> 0) AS watched
    FROM agreed g CROSS JOIN LATERAL jsonb_array_elements(g.written) AS w (row)
),
judged AS (
    SELECT w.lane, w.arrangement_id, w.borrower_id, w.loan_id, w.last_seq,
           bool_or(i.lane IS NULL OR (coalesce(i.contract_due_on, i.due_on), i.due_minor) <> (w.agreed_on, w.agreed_minor)) AS overruled,
           bool_and(i.settled_on <= %(as_of)s::date) FILTER (WHERE w.watched) AS completed,
           bool_or(w.watched AND coalesce(i.settled_on > %(as_of)s::date, true)
                   AND i.due_on + coalesce(i.grace_days, 0) < %(as_of)s::date
                   AND coalesce(f.complete_through >= i.due_on + coalesce(i.grace_days, 0), true)) AS broken
    FROM installments w
    LEFT JOIN installment i ON i.lane = w.lane AND i.loan_id = w.loan_id AND i.number = w.number
    LEFT JOIN fed f ON f.creditor = w.creditor
    GROUP BY w.lane, w.arrangement_id, w.borrower_id, w.loan_id, w.last_seq
)
INSERT INTO arrangement_event (lane, arrangement_id, seq, borrower_id, loan_id, event, reason, recorded_by, effective_at, recorded_at)
SELECT j.lane, j.arrangement_id, j.last_seq + 1, j.borrower_id, j.loan_id,
       CASE WHEN j.completed THEN 'completed' WHEN j.overruled THEN 'overruled' ELSE 'broken' END, '', 'duecourse', %(now)s, now()
FROM judged j
WHERE j.overruled OR coalesce(j.completed, false) OR j.broken
ON CONFLICT DO NOTHING
RETURNING event;
