-- Due days: shifted off holidays, allotted, moved on request; and the days of a loan that do not count.

-- name: find_loan
-- By the lender's reference; of several creditors several rows. creditor: null for any.
SELECT l.lane, l.loan_id, l.loan_ref, l.creditor, l.currency, l.annual_rate, l.day_count, l.state
FROM loan l
WHERE l.loan_ref = %(loan_ref)s AND (%(creditor)s::text IS NULL OR l.creditor = %(creditor)s)
ORDER BY l.creditor;

-- name: pauses_of_loan
-- Of one loan, the earliest first.
SELECT from_on, to_on, kind FROM loan_pause
WHERE lane = %(lane)s AND loan_id = %(loan_id)s ORDER BY from_on;

-- name: add_pause
-- Writes: loan_pause.
INSERT INTO loan_pause (lane, loan_id, from_on, to_on, kind, evidence, recorded_by, effective_at, recorded_at)
VALUES (%(lane)s, %(loan_id)s, %(from_on)s, %(to_on)s, %(kind)s, %(evidence)s, %(recorded_by)s, %(now)s, now());

-- name: keep_pause
-- Writes: book_history.
INSERT INTO book_history (lane, subject, subject_id, recorded_at, was)
SELECT p.lane, 'loan_pause', p.loan_id::text || '/' || p.from_on, clock_timestamp(), to_jsonb(p)
FROM loan_pause p WHERE p.lane = %(lane)s AND p.loan_id = %(loan_id)s AND p.from_on = %(from_on)s;

-- name: end_pause
-- Writes: loan_pause.
UPDATE loan_pause
SET to_on = %(to_on)s, evidence = %(evidence)s, recorded_by = %(recorded_by)s, effective_at = %(now)s, recorded_at = now()
WHERE lane = %(lane)s AND loan_id = %(loan_id)s AND from_on = %(from_on)s;

-- name: withdraw_pause
-- Writes: loan_pause.
DELETE FROM loan_pause WHERE lane = %(lane)s AND loan_id = %(loan_id)s AND from_on = %(from_on)s;

-- name: shifts_anything
-- Whether any due day of an import's batch is, or should be, another than the contract's. Of what the book knew before, loan
-- by loan: it would be read to its end where nothing is shifted.
-- Runs: in a working copy.
SELECT EXISTS (SELECT 1 FROM stage_loan WHERE shift <> 'none')
    OR EXISTS (SELECT 1 FROM stage_loan_at a
               CROSS JOIN LATERAL (SELECT 1 FROM loan l
                                   WHERE l.lane = a.lane AND l.loan_id = a.loan_id AND l.shift <> 'none'
                                   UNION ALL
                                   SELECT 1 FROM installment i
                                   WHERE i.lane = a.lane AND i.loan_id = a.loan_id AND i.contract_due_on IS NOT NULL
                                   LIMIT 1) AS s
               WHERE NOT a.is_new);

-- fragment: in_lanes
-- What has fallen due stands.
i.lane = ANY(%(lanes)s::smallint[]) AND i.due_on >= %(from_on)s::date

-- fragment: provisional_in_lanes
-- Only what is near: a calendar that has come since is looked for every day.
i.lane = ANY(%(lanes)s::smallint[]) AND i.due_on BETWEEN %(from_on)s::date AND %(to_on)s::date
AND i.contract_due_on IS NOT NULL AND i.due_provisional

-- fragment: in_batch
-- Of an import: installments of loans that this batch made or changed.
(i.lane, i.loan_id) IN (SELECT lane, loan_id FROM stage_installment UNION SELECT lane, loan_id FROM stage_loan)

-- fragment: of_loan
-- Which loan.
i.lane = %(lane)s::smallint AND i.loan_id = %(loan_id)s::uuid AND i.due_on >= %(from_on)s::date

-- name: days_to_shift
-- Each day of the contract that some loan shifts, once. {whose}: one of the fragments above.
SELECT DISTINCT b.region, l.shift, coalesce(i.contract_due_on, i.due_on) AS contract_on
FROM installment i
JOIN loan l ON l.lane = i.lane AND l.loan_id = i.loan_id
JOIN borrower b ON b.lane = i.lane AND b.borrower_id = i.borrower_id
WHERE (l.shift <> 'none' OR i.contract_due_on IS NOT NULL) AND {whose};

-- fragment: shifted
-- regions, shifts, contract_days, days, provisional: side by side. A statement is not due before its own day.
SELECT i.lane, i.loan_id, i.number, s.day,
       CASE WHEN s.day <> s.contract_on OR s.provisional THEN s.contract_on END AS contract_on, s.provisional
FROM installment i
JOIN loan l ON l.lane = i.lane AND l.loan_id = i.loan_id
JOIN borrower b ON b.lane = i.lane AND b.borrower_id = i.borrower_id
JOIN unnest(%(regions)s::text[], %(shifts)s::text[], %(contract_days)s::date[], %(days)s::date[], %(provisional)s::boolean[])
     AS s (region, shift, contract_on, day, provisional)
  ON s.region = b.region AND s.shift = l.shift AND s.contract_on = coalesce(i.contract_due_on, i.due_on)
WHERE s.day >= coalesce(i.statement_on, s.day) AND {whose}
  AND (i.due_on, i.contract_due_on, i.due_provisional) IS DISTINCT FROM
      (s.day, CASE WHEN s.day <> s.contract_on OR s.provisional THEN s.contract_on END, s.provisional)

-- name: keep_shifted
-- Writes: book_history.
INSERT INTO book_history (lane, subject, subject_id, recorded_at, was)
SELECT i.lane, 'installment', i.loan_id::text || '/' || i.number, clock_timestamp(), to_jsonb(i)
FROM (
-- include: shifted
) AS n JOIN installment i ON i.lane = n.lane AND i.loan_id = n.loan_id AND i.number = n.number;

-- name: shift_days
-- Writes: installment.
UPDATE installment o
SET due_on = n.day, contract_due_on = n.contract_on, due_provisional = n.provisional
FROM (
-- include: shifted
) AS n
WHERE o.lane = n.lane AND o.loan_id = n.loan_id AND o.number = n.number;

-- name: provisional_days
-- How many installments from a day on wait for a calendar, by region.
SELECT b.region, count(*) AS installments, min(i.due_on) AS first_on
FROM installment i JOIN borrower b ON b.lane = i.lane AND b.borrower_id = i.borrower_id
WHERE i.due_provisional AND i.contract_due_on IS NOT NULL AND i.due_on >= %(from_on)s
GROUP BY b.region ORDER BY b.region;

-- name: installments_to_move
-- Of one loan, in order; paid_minor: what payments met of it.
SELECT i.number, coalesce(i.contract_due_on, i.due_on) AS due_on, i.due_minor, i.principal_minor, i.interest_minor,
       i.statement_on, i.settled_on,
       coalesce((SELECT sum(a.amount_minor) FROM allocation a
                 WHERE a.lane = i.lane AND a.loan_id = i.loan_id AND a.number = i.number), 0)::bigint AS paid_minor
FROM installment i
WHERE i.lane = %(lane)s AND i.loan_id = %(loan_id)s
ORDER BY i.number;

-- name: keep_moved
-- lane, loan_id; numbers: int[]. Writes: book_history.
INSERT INTO book_history (lane, subject, subject_id, recorded_at, was)
SELECT i.lane, 'installment', i.loan_id::text || '/' || i.number, clock_timestamp(), to_jsonb(i)
FROM installment i
WHERE i.lane = %(lane)s AND i.loan_id = %(loan_id)s AND i.number = ANY(%(numbers)s::int[]);

-- name: remember_given
-- What the lender's file last said of them, the first time they are moved. Writes: due_move.
INSERT INTO due_move (lane, loan_id, number, given_due_on, given_due_minor, given_principal_minor, given_interest_minor,
                      given_fee_minor, given_penalty_minor, recorded_by, effective_at, recorded_at)
SELECT i.lane, i.loan_id, i.number, coalesce(i.contract_due_on, i.due_on), i.due_minor, i.principal_minor,
       i.interest_minor, i.fee_minor, i.penalty_minor, %(recorded_by)s, %(now)s, now()
FROM installment i
WHERE i.lane = %(lane)s AND i.loan_id = %(loan_id)s AND i.number = ANY(%(numbers)s::int[])
ON CONFLICT DO NOTHING;

-- name: move_installments
-- numbers, days, interests (bigint[], to be added): side by side. Writes: installment.
UPDATE installment i
SET due_on = m.day, contract_due_on = NULL, due_provisional = false,
    due_minor = i.due_minor + m.interest, interest_minor = i.interest_minor + m.interest,
    effective_at = %(now)s, recorded_at = now()
FROM unnest(%(numbers)s::int[], %(days)s::date[], %(interests)s::bigint[]) AS m (number, day, interest)
WHERE i.lane = %(lane)s AND i.loan_id = %(loan_id)s AND i.number = m.number;

-- name: keep_loan
-- Writes: book_history.
INSERT INTO book_history (lane, subject, subject_id, recorded_at, was)
SELECT l.lane, 'loan', l.loan_id::text, clock_timestamp(), to_jsonb(l)
FROM unnest(%(lanes)s::smallint[], %(loan_ids)s::uuid[]) AS g (lane, loan_id)
JOIN loan l ON l.lane = g.lane AND l.loan_id = g.loan_id;

-- name: set_due_days
-- lanes, loan_ids, due_days: side by side. Writes: loan.
UPDATE loan l
SET due_day = g.due_day, due_day_source = %(source)s, effective_at = %(now)s, recorded_at = now()
FROM unnest(%(lanes)s::smallint[], %(loan_ids)s::uuid[], %(due_days)s::smallint[]) AS g (lane, loan_id, due_day)
WHERE l.lane = g.lane AND l.loan_id = g.loan_id;

-- name: loans_to_allot
-- Open loans that wait for a due day: said to be allotted, or without a day and without an installment. months: how many
-- payments a loan without a schedule is taken to have.
SELECT l.lane, l.loan_id, l.creditor, l.loan_ref, l.currency,
       coalesce((SELECT avg(i.due_minor) FROM installment i
                 WHERE i.lane = l.lane AND i.loan_id = l.loan_id AND i.due_on > %(as_of)s),
                l.principal_minor / %(months)s::int, 0)::bigint AS amount_minor
FROM loan l
WHERE l.state = 'open' AND l.due_day IS NULL AND l.method <> 'revolving'
  AND (l.due_day_source = 'allotted'
       OR NOT EXISTS (SELECT 1 FROM installment i WHERE i.lane = l.lane AND i.loan_id = l.loan_id))
ORDER BY l.lane, l.loan_id;

-- name: load_by_day
-- What a month of the coming year brings on each of its days: money by currency, and borrowers, one message each.
-- Loans with an allotted day and no installment yet count as loans_to_allot would.
SELECT day, currency, (sum(amount) / 12)::bigint AS amount_minor, ceil(sum(people) / 12)::bigint AS messages
FROM (
    SELECT extract(day FROM i.due_on)::int AS day, l.currency, i.due_on, sum(i.due_minor) AS amount,
           count(DISTINCT i.borrower_id)::numeric AS people
    FROM installment i JOIN loan l ON l.lane = i.lane AND l.loan_id = i.loan_id
    WHERE l.state = 'open' AND i.due_on > %(as_of)s AND i.due_on <= %(as_of)s::date + 365 AND i.due_minor > 0
      AND i.settled_on IS NULL
    GROUP BY i.due_on, l.currency
    UNION ALL
    SELECT l.due_day, l.currency, NULL, 12 * coalesce(l.principal_minor / %(months)s::int, 0), 12
    FROM loan l
    WHERE l.state = 'open' AND l.due_day IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM installment i WHERE i.lane = l.lane AND i.loan_id = l.loan_id)
) AS coming
GROUP BY day, currency
ORDER BY day, currency;
