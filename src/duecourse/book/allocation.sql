-- Which payment met which due, and what follows for the installment: written anew for loans that changed.
-- stage_touched and stage_mark are temporary, made by importing.sql.

-- name: find_touched
-- Loans whose installments or payments this batch changed; not those that have nothing to allocate or to settle, such
-- as new loans with the schedule ahead of them.
INSERT INTO stage_touched (lane, loan_id)
SELECT t.lane, t.loan_id
FROM (SELECT lane, loan_id FROM stage_installment UNION SELECT lane, loan_id FROM stage_payment
      UNION SELECT lane, loan_id FROM stage_dropped) AS t
WHERE EXISTS (SELECT 1 FROM payment p WHERE p.lane = t.lane AND p.loan_id = t.loan_id)
   OR EXISTS (SELECT 1 FROM installment i
              WHERE i.lane = t.lane AND i.loan_id = t.loan_id
                AND (i.statement_on IS NOT NULL OR i.due_minor = 0 OR i.settled_on IS NOT NULL));

-- name: mark_touched
-- Payments and dues of each touched loan on one line: dues run up oldest first, payments in order of their day.
-- Between two neighbouring marks lies a share of exactly one due and one payment: the next mark of each kind.
-- A statement is met only by payments from its day to the next statement's; earlier ones are inside its balance.
INSERT INTO stage_mark (lane, loan_id, number, payment_id, paid_on, own_seq, share, due_seq, pay_seq)
WITH due AS (
    SELECT i.lane, i.loan_id, i.number, i.due_on, i.due_minor,
           CASE WHEN i.statement_on IS NULL THEN 0 ELSE i.number END AS scope,
           coalesce(i.statement_on, '-infinity') AS since,
           CASE WHEN i.statement_on IS NULL THEN 'infinity' ELSE
               coalesce(lead(i.statement_on) OVER (PARTITION BY i.lane, i.loan_id ORDER BY i.statement_on, i.number),
                        'infinity') END AS before
    FROM installment i JOIN stage_touched t ON t.lane = i.lane AND t.loan_id = i.loan_id
),
span AS (
    SELECT DISTINCT lane, loan_id, scope, since, before FROM due
),
mark AS (
    SELECT lane, loan_id, scope, number, NULL::uuid AS payment_id, NULL::date AS paid_on,
           row_number() OVER (PARTITION BY lane, loan_id ORDER BY due_on, number) AS own_seq,
           sum(due_minor) OVER (PARTITION BY lane, loan_id, scope ORDER BY due_on, number) AS upto
    FROM due
    UNION ALL
    SELECT p.lane, p.loan_id, s.scope, NULL, p.payment_id, p.paid_on,
           row_number() OVER (PARTITION BY p.lane, p.loan_id ORDER BY p.paid_on, p.payment_id),
           sum(p.amount_minor) OVER (PARTITION BY p.lane, p.loan_id, s.scope ORDER BY p.paid_on, p.payment_id)
    FROM span s
    JOIN payment p ON p.lane = s.lane AND p.loan_id = s.loan_id AND p.paid_on >= s.since AND p.paid_on < s.before
)
SELECT lane, loan_id, number, payment_id, paid_on, own_seq,
       upto - lag(upto, 1, 0::numeric) OVER (PARTITION BY lane, loan_id, scope ORDER BY upto),
       min(own_seq) FILTER (WHERE number IS NOT NULL) OVER above,
       min(own_seq) FILTER (WHERE payment_id IS NOT NULL) OVER above
FROM mark
WINDOW above AS (PARTITION BY lane, loan_id, scope ORDER BY upto DESC RANGE UNBOUNDED PRECEDING);

-- name: analyze_marks
ANALYZE stage_mark, stage_touched;

-- name: find_allocations
-- Each share between two marks belongs to the next due and the next payment.
INSERT INTO stage_allocation (lane, loan_id, number, payment_id, amount_minor, paid_on)
SELECT m.lane, m.loan_id, d.number, p.payment_id, m.share::bigint AS amount_minor, p.paid_on
FROM stage_mark m
JOIN stage_mark d ON d.lane = m.lane AND d.loan_id = m.loan_id AND d.number IS NOT NULL AND d.own_seq = m.due_seq
JOIN stage_mark p ON p.lane = m.lane AND p.loan_id = m.loan_id AND p.payment_id IS NOT NULL
                 AND p.own_seq = m.pay_seq
WHERE m.share > 0;

-- name: analyze_allocations
-- Without it the anti-join below is planned as a loop over loops: minutes instead of milliseconds.
ANALYZE stage_allocation;

-- name: drop_allocations
-- Those that no longer hold. Writes: allocation.
DELETE FROM allocation a USING stage_touched t
WHERE t.lane = a.lane AND t.loan_id = a.loan_id
  AND NOT EXISTS (SELECT 1 FROM stage_allocation n
                  WHERE n.lane = a.lane AND n.loan_id = a.loan_id AND n.number = a.number
                    AND n.payment_id = a.payment_id AND n.amount_minor = a.amount_minor AND n.paid_on = a.paid_on);

-- name: write_allocations
-- Writes: allocation.
INSERT INTO allocation (lane, loan_id, number, payment_id, amount_minor, paid_on)
SELECT lane, loan_id, number, payment_id, amount_minor, paid_on FROM stage_allocation
ON CONFLICT DO NOTHING;

-- name: settle_touched
-- settled_on: the day payments reached what was due; a due of zero is settled when it becomes known.
-- past_due_since: through a run of statements whose minimum was not met, the first one's due day. Writes: installment.
WITH known AS (
    SELECT i.lane, i.loan_id, i.number, i.due_on, i.statement_on, i.due_minor,
           CASE WHEN i.due_minor = 0 THEN least(i.due_on, i.statement_on) ELSE p.paid_on END AS settled_on,
           CASE WHEN i.statement_on IS NOT NULL
                THEN lead(i.statement_on) OVER (PARTITION BY i.lane, i.loan_id ORDER BY i.statement_on, i.number)
           END AS superseded_on
    FROM installment i
    JOIN stage_touched t ON t.lane = i.lane AND t.loan_id = i.loan_id
    LEFT JOIN stage_mark d ON d.lane = i.lane AND d.loan_id = i.loan_id AND d.number = i.number
    LEFT JOIN stage_mark p ON p.lane = i.lane AND p.loan_id = i.loan_id AND p.payment_id IS NOT NULL
                          AND p.own_seq = d.pay_seq
),
counted AS (
    SELECT *, count(settled_on) OVER (PARTITION BY lane, loan_id ORDER BY statement_on, number
                                      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS run
    FROM known
),
carried AS (
    SELECT *, CASE WHEN statement_on IS NOT NULL AND due_minor > 0 AND row_number() OVER in_run > 1
                   THEN first_value(due_on) OVER in_run END AS past_due_since
    FROM counted
    WINDOW in_run AS (PARTITION BY lane, loan_id, run ORDER BY statement_on, number)
)
UPDATE installment i
SET settled_on = c.settled_on, superseded_on = c.superseded_on, past_due_since = c.past_due_since
FROM carried c
WHERE c.lane = i.lane AND c.loan_id = i.loan_id AND c.number = i.number
  AND (i.settled_on, i.superseded_on, i.past_due_since)
      IS DISTINCT FROM (c.settled_on, c.superseded_on, c.past_due_since);
