-- Which payment met which due, and what follows for the installment: written anew for loans that changed.
-- stage_* are temporary, made by importing.sql.
-- A reversal makes a payment count until the day before it only. So a loan's days fall into eras, each from one reversal
-- to the next, in which one set of payments counts; without a reversal there is one, from -infinity to infinity.

-- name: find_touched
-- Loans whose installments, payments or reversals this batch changed; not those that have nothing to allocate or to
-- settle, such as new loans with the schedule ahead of them. Looked up loan by loan: both tables would be read through.
-- Runs: in a working copy.
INSERT INTO stage_touched (lane, loan_id)
SELECT t.lane, t.loan_id
FROM (SELECT lane, loan_id FROM stage_installment UNION SELECT lane, loan_id FROM stage_payment
      UNION SELECT lane, loan_id FROM stage_dropped UNION SELECT lane, loan_id FROM stage_reversal
      UNION SELECT lane, loan_id FROM stage_placed) AS t
CROSS JOIN LATERAL (SELECT 1 FROM payment p WHERE p.lane = t.lane AND p.loan_id = t.loan_id
                    UNION ALL
                    SELECT 1 FROM installment i
                    WHERE i.lane = t.lane AND i.loan_id = t.loan_id
                      AND (i.statement_on IS NOT NULL OR i.due_minor = 0 OR i.settled_on IS NOT NULL)
                    LIMIT 1) AS s;

-- name: touch_loans
-- Those of some lanes whose order of allocation was set. lanes: smallint[]; creditors, products: parallel arrays, '*'
-- for every product.
-- Runs: in a working copy.
INSERT INTO stage_touched (lane, loan_id)
SELECT DISTINCT l.lane, l.loan_id
FROM loan l JOIN unnest(%(creditors)s::text[], %(products)s::text[]) AS o (creditor, product)
  ON o.creditor = l.creditor AND o.product IN (l.product, '*')
WHERE l.lane = ANY(%(lanes)s::smallint[])
  AND EXISTS (SELECT 1 FROM payment p WHERE p.lane = l.lane AND p.loan_id = l.loan_id);

-- name: has_orders
-- Whether any creditor has an order of its own.
-- Runs: in a working copy.
SELECT EXISTS (SELECT 1 FROM allocation_order);

-- name: mark_ordered
-- Loans whose creditor has an order of its own. The minimum of a statement has no parts and stays out.
-- Runs: in a working copy.
UPDATE stage_touched t SET ordered = true
FROM loan l
WHERE l.lane = t.lane AND l.loan_id = t.loan_id
  AND EXISTS (SELECT 1 FROM allocation_order o WHERE o.creditor = l.creditor AND o.product IN (l.product, '*'))
  AND NOT EXISTS (SELECT 1 FROM installment i
                  WHERE i.lane = t.lane AND i.loan_id = t.loan_id AND i.statement_on IS NOT NULL);

-- name: find_eras
-- Answers how many there are: more than loans where something was reversed.
-- Runs: in a working copy.
INSERT INTO stage_era (lane, loan_id, ordered, from_on, until_on)
SELECT lane, loan_id, ordered, from_on,
       coalesce(lead(from_on) OVER (PARTITION BY lane, loan_id ORDER BY from_on), 'infinity')
FROM (
    SELECT lane, loan_id, ordered, '-infinity'::date AS from_on FROM stage_touched
    UNION
    SELECT t.lane, t.loan_id, t.ordered, r.reversed_on
    FROM stage_touched t
    JOIN reversal r ON r.lane = t.lane AND r.loan_id = t.loan_id
    JOIN payment p ON p.lane = r.lane AND p.payment_id = r.payment_id AND p.paid_on < r.reversed_on
) AS turn;

-- name: analyze_eras
ANALYZE stage_touched, stage_era;

-- name: mark_touched
-- Payments and dues of each touched loan on one line: dues run up oldest first, payments in order of their day.
-- Between two neighbouring marks lies a share of exactly one due and one payment: the next mark of each kind.
-- A statement is met only by payments from its day to the next statement's; earlier ones are inside its balance.
-- Runs: in a working copy.
INSERT INTO stage_mark (lane, loan_id, era_on, until_on, number, payment_id, paid_on, own_seq, share, due_seq, pay_seq)
WITH due AS (
    SELECT i.lane, i.loan_id, e.from_on AS era_on, e.until_on, i.number, i.due_on, i.due_minor,
           CASE WHEN i.statement_on IS NULL THEN 0 ELSE i.number END AS scope,
           coalesce(i.statement_on, '-infinity') AS since,
           CASE WHEN i.statement_on IS NULL THEN 'infinity' ELSE
               coalesce(lead(i.statement_on) OVER (PARTITION BY i.lane, i.loan_id, e.from_on
                                                   ORDER BY i.statement_on, i.number),
                        'infinity') END AS before
    FROM installment i JOIN stage_era e ON e.lane = i.lane AND e.loan_id = i.loan_id AND NOT e.ordered
),
span AS (
    SELECT DISTINCT lane, loan_id, era_on, until_on, scope, since, before FROM due
),
mark AS (
    SELECT lane, loan_id, era_on, until_on, scope, number, NULL::uuid AS payment_id, NULL::date AS paid_on,
           row_number() OVER (PARTITION BY lane, loan_id, era_on ORDER BY due_on, number) AS own_seq,
           sum(due_minor) OVER (PARTITION BY lane, loan_id, era_on, scope ORDER BY due_on, number) AS upto
    FROM due
    UNION ALL
    SELECT p.lane, p.loan_id, s.era_on, s.until_on, s.scope, NULL, p.payment_id, p.paid_on,
           row_number() OVER (PARTITION BY p.lane, p.loan_id, s.era_on ORDER BY p.paid_on, p.payment_id),
           sum(p.amount_minor) OVER (PARTITION BY p.lane, p.loan_id, s.era_on, s.scope
                                     ORDER BY p.paid_on, p.payment_id)
    FROM span s
    JOIN payment p ON p.lane = s.lane AND p.loan_id = s.loan_id AND p.paid_on >= s.since AND p.paid_on < s.before
                  AND p.paid_on < s.until_on
    LEFT JOIN reversal r ON r.lane = p.lane AND r.payment_id = p.payment_id
    WHERE r.payment_id IS NULL OR r.reversed_on >= s.until_on
)
SELECT lane, loan_id, era_on, until_on, number, payment_id, paid_on, own_seq,
       upto - lag(upto, 1, 0::numeric) OVER (PARTITION BY lane, loan_id, era_on, scope ORDER BY upto),
       min(own_seq) FILTER (WHERE number IS NOT NULL) OVER above,
       min(own_seq) FILTER (WHERE payment_id IS NOT NULL) OVER above
FROM mark
WINDOW above AS (PARTITION BY lane, loan_id, era_on, scope ORDER BY upto DESC RANGE UNBOUNDED PRECEDING);

-- name: analyze_marks
ANALYZE stage_mark;

-- name: find_allocations
-- Each share between two marks belongs to the next due and the next payment.
INSERT INTO stage_allocation (lane, loan_id, era_on, until_on, number, payment_id, part, amount_minor, paid_on)
SELECT m.lane, m.loan_id, m.era_on, m.until_on, d.number, p.payment_id, 'due', m.share::bigint, p.paid_on
FROM stage_mark m
JOIN stage_mark d ON d.lane = m.lane AND d.loan_id = m.loan_id AND d.era_on = m.era_on AND d.number IS NOT NULL
                 AND d.own_seq = m.due_seq
JOIN stage_mark p ON p.lane = m.lane AND p.loan_id = m.loan_id AND p.era_on = m.era_on AND p.payment_id IS NOT NULL
                 AND p.own_seq = m.pay_seq
WHERE m.share > 0;

-- name: find_parts
-- What each installment of a loan with an order of its own is made of. What the lender gave no parts for is 'due'.
-- Runs: in a working copy.
INSERT INTO stage_part (lane, loan_id, part_no, number, due_on, part, amount_minor)
SELECT lane, loan_id, row_number() OVER (PARTITION BY lane, loan_id ORDER BY due_on, number, part)::int,
       number, due_on, part, amount_minor
FROM (
    SELECT i.lane, i.loan_id, i.number, i.due_on, v.part,
           CASE WHEN k.known <= i.due_minor THEN v.amount_minor
                WHEN v.part = 'due' THEN i.due_minor ELSE 0 END AS amount_minor
    FROM installment i
    JOIN stage_touched t ON t.lane = i.lane AND t.loan_id = i.loan_id AND t.ordered
    CROSS JOIN LATERAL (SELECT i.penalty_minor + i.fee_minor + coalesce(i.interest_minor, 0)
                               + coalesce(i.principal_minor, 0) AS known) AS k
    CROSS JOIN LATERAL (VALUES ('penalty', i.penalty_minor), ('fee', i.fee_minor), ('interest', i.interest_minor),
                               ('principal', i.principal_minor), ('due', i.due_minor - k.known))
                       AS v (part, amount_minor)
) AS made
WHERE amount_minor > 0;

-- name: find_steps
-- The payments of these loans in order, each with the order in force on its day and how far ahead it may reach: with
-- excess 'credit' to the first installment that falls due on its day or later.
-- Runs: in a working copy.
INSERT INTO stage_step (lane, loan_id, era_on, until_on, place, payment_id, paid_on, amount_minor, creditor, product,
                        effective_on, reach_on)
SELECT e.lane, e.loan_id, e.from_on, e.until_on,
       row_number() OVER (PARTITION BY e.lane, e.loan_id, e.from_on ORDER BY p.paid_on, p.payment_id),
       p.payment_id, p.paid_on, p.amount_minor, o.creditor, o.product, o.effective_on,
       CASE WHEN o.excess = 'credit' THEN coalesce(n.due_on, 'infinity') ELSE 'infinity' END
FROM stage_era e
JOIN loan l ON l.lane = e.lane AND l.loan_id = e.loan_id
JOIN payment p ON p.lane = e.lane AND p.loan_id = e.loan_id AND p.paid_on < e.until_on
LEFT JOIN reversal r ON r.lane = p.lane AND r.payment_id = p.payment_id
LEFT JOIN LATERAL (
    SELECT a.creditor, a.product, a.effective_on, a.excess FROM allocation_order a
    WHERE a.creditor = l.creditor AND a.product IN (l.product, '*') AND a.effective_on <= p.paid_on
    ORDER BY a.product = '*', a.effective_on DESC LIMIT 1) AS o ON true
LEFT JOIN LATERAL (
    SELECT min(c.due_on) AS due_on FROM stage_part c
    WHERE c.lane = e.lane AND c.loan_id = e.loan_id AND c.due_on >= p.paid_on) AS n ON true
WHERE e.ordered AND (r.payment_id IS NULL OR r.reversed_on >= e.until_on);

-- name: analyze_steps
ANALYZE stage_part, stage_step;

-- name: walk_steps
-- Payment after payment, all loans at once. For each, the parts still open stand on one line in the order that the loan's
-- days past due on that day ask for, and the payment meets them from the front. What is not yet due stands behind, whole
-- installments in order of their day. Parts are numbered by due day: the first still open is of the oldest installment.
-- Runs: in a working copy.
INSERT INTO stage_allocation (lane, loan_id, era_on, until_on, number, payment_id, part, amount_minor, paid_on)
WITH RECURSIVE walk AS (
    SELECT e.lane, e.loan_id, e.from_on AS era_on, e.until_on, 0::bigint AS place, NULL::uuid AS payment_id,
           NULL::date AS paid_on, c.open, c.rest, NULL::int[] AS met, NULL::bigint[] AS shares
    FROM stage_era e
    JOIN (SELECT lane, loan_id, array_agg(part_no ORDER BY part_no) AS open,
                 array_agg(amount_minor ORDER BY part_no) AS rest
          FROM stage_part GROUP BY lane, loan_id) AS c ON c.lane = e.lane AND c.loan_id = e.loan_id
    UNION ALL
    SELECT w.lane, w.loan_id, w.era_on, w.until_on, s.place, s.payment_id, s.paid_on, g.open, g.rest, g.met, g.shares
    FROM walk w
    JOIN stage_step s ON s.lane = w.lane AND s.loan_id = w.loan_id AND s.era_on = w.era_on AND s.place = w.place + 1
    LEFT JOIN stage_part oldest ON oldest.lane = w.lane AND oldest.loan_id = w.loan_id AND oldest.part_no = w.open[1]
    LEFT JOIN LATERAL (
        SELECT a.across, a.parts FROM allocation_order a
        WHERE a.creditor = s.creditor AND a.product = s.product AND a.effective_on = s.effective_on
          AND a.from_days <= greatest(0, s.paid_on - oldest.due_on)
        ORDER BY a.from_days DESC LIMIT 1) AS b ON true
    CROSS JOIN LATERAL (
        SELECT array_agg(m.part_no ORDER BY m.part_no) FILTER (WHERE m.rest > m.share) AS open,
               array_agg(m.rest - m.share ORDER BY m.part_no) FILTER (WHERE m.rest > m.share) AS rest,
               array_agg(m.part_no ORDER BY m.part_no) FILTER (WHERE m.share > 0) AS met,
               array_agg(m.share ORDER BY m.part_no) FILTER (WHERE m.share > 0) AS shares
        FROM (
            SELECT u.part_no, u.rest,
                   CASE WHEN c.due_on > s.reach_on THEN 0
                        ELSE least(u.rest, greatest(0, s.amount_minor - sum(u.rest) OVER line + u.rest)) END::bigint
                       AS share
            FROM unnest(w.open, w.rest) AS u (part_no, rest)
            JOIN stage_part c ON c.lane = w.lane AND c.loan_id = w.loan_id AND c.part_no = u.part_no
            CROSS JOIN LATERAL (
                SELECT coalesce(array_position(coalesce(b.parts, ARRAY['penalty', 'fee', 'interest', 'principal']),
                                               c.part), 5) AS rank) AS k
            WINDOW line AS (ORDER BY c.due_on > s.paid_on,
                            CASE WHEN b.across = 'vertical' AND c.due_on <= s.paid_on THEN k.rank ELSE 0 END,
                            c.due_on, c.number, k.rank ROWS UNBOUNDED PRECEDING)
        ) AS m) AS g
)
SELECT w.lane, w.loan_id, w.era_on, w.until_on, c.number, w.payment_id, c.part, u.share, w.paid_on
FROM walk w
CROSS JOIN unnest(w.met, w.shares) AS u (part_no, share)
JOIN stage_part c ON c.lane = w.lane AND c.loan_id = w.loan_id AND c.part_no = u.part_no;

-- name: analyze_allocations
-- Without it the anti-join below is planned as a loop over loops: minutes instead of milliseconds.
ANALYZE stage_allocation;

-- name: drop_allocations
-- Those that no longer hold. Writes: allocation.
-- Runs: in a working copy.
DELETE FROM allocation a USING stage_touched t
WHERE t.lane = a.lane AND t.loan_id = a.loan_id
  AND NOT EXISTS (SELECT 1 FROM stage_allocation n
                  WHERE n.lane = a.lane AND n.loan_id = a.loan_id AND n.number = a.number
                    AND n.payment_id = a.payment_id AND n.part = a.part AND n.amount_minor = a.amount_minor
                    AND greatest(n.paid_on, n.era_on) = a.from_on AND n.until_on = a.until_on);

-- name: write_allocations
-- Writes: allocation.
-- Runs: in a working copy.
INSERT INTO allocation (lane, loan_id, number, payment_id, part, from_on, until_on, amount_minor)
SELECT lane, loan_id, number, payment_id, part, greatest(paid_on, era_on), until_on, amount_minor
FROM stage_allocation
ON CONFLICT DO NOTHING;

-- fragment: standing
-- carried(lane, loan_id, number, era_on, until_on, settled_on, superseded_on, past_due_since): each era's installments.
-- settled_on: the day payments reached what was due; a due of zero is settled when it becomes known.
-- past_due_since: through a run of statements whose minimum was not met, the first one's due day.
met AS (
    SELECT lane, loan_id, era_on, number, sum(amount_minor) AS met_minor, max(paid_on) AS paid_on
    FROM stage_allocation GROUP BY lane, loan_id, era_on, number
),
known AS (
    SELECT i.lane, i.loan_id, i.number, e.from_on AS era_on, e.until_on, i.due_on, i.statement_on, i.due_minor,
           CASE WHEN i.due_minor = 0 THEN least(i.due_on, i.statement_on)
                WHEN m.met_minor = i.due_minor THEN m.paid_on END AS settled_on,
           CASE WHEN i.statement_on IS NOT NULL
                THEN lead(i.statement_on) OVER (PARTITION BY i.lane, i.loan_id, e.from_on
                                                ORDER BY i.statement_on, i.number)
           END AS superseded_on
    FROM installment i
    JOIN stage_era e ON e.lane = i.lane AND e.loan_id = i.loan_id
    LEFT JOIN met m ON m.lane = i.lane AND m.loan_id = i.loan_id AND m.era_on = e.from_on AND m.number = i.number
),
counted AS (
    SELECT *, count(settled_on) OVER (PARTITION BY lane, loan_id, era_on ORDER BY statement_on, number
                                      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS run
    FROM known
),
carried AS (
    SELECT *, CASE WHEN statement_on IS NOT NULL AND due_minor > 0 AND row_number() OVER in_run > 1
                   THEN first_value(due_on) OVER in_run END AS past_due_since
    FROM counted
    WINDOW in_run AS (PARTITION BY lane, loan_id, era_on, run ORDER BY statement_on, number)
)

-- name: settle_touched
-- By the payments that count from now on. Writes: installment.
-- Runs: in a working copy.
WITH
-- include: standing
UPDATE installment i
SET settled_on = c.settled_on, superseded_on = c.superseded_on, past_due_since = c.past_due_since
FROM carried c
WHERE c.lane = i.lane AND c.loan_id = i.loan_id AND c.number = i.number AND c.until_on = 'infinity'
  AND (i.settled_on, i.superseded_on, i.past_due_since)
      IS DISTINCT FROM (c.settled_on, c.superseded_on, c.past_due_since);

-- name: forget_earlier
-- Of the touched loans. Writes: installment_was.
-- Runs: in a working copy.
DELETE FROM installment_was w USING stage_touched t WHERE t.lane = w.lane AND t.loan_id = w.loan_id;

-- name: write_earlier
-- What an installment was in the eras before the last reversal, where it was not what it is. Writes: installment_was.
-- Runs: in a working copy.
WITH
-- include: standing
INSERT INTO installment_was (lane, loan_id, number, from_on, until_on, settled_on, past_due_since)
SELECT c.lane, c.loan_id, c.number, c.era_on, c.until_on, c.settled_on, c.past_due_since
FROM carried c
JOIN installment i ON i.lane = c.lane AND i.loan_id = c.loan_id AND i.number = c.number
WHERE c.until_on < 'infinity'
  AND (i.settled_on, i.past_due_since) IS DISTINCT FROM (c.settled_on, c.past_due_since);
