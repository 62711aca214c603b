-- Open installments with other days and amounts, as was agreed with their borrower.

-- name: standing
-- A loan as figures need it. lane, loan_id, today.
SELECT l.lane, l.loan_id, l.borrower_id, l.loan_ref, l.creditor, l.product, l.method, l.currency, l.annual_rate, l.day_count,
       l.due_day, l.shift, b.region, l.state,
       coalesce((SELECT max(coalesce(i.contract_due_on, i.due_on)) FROM installment i
                 WHERE i.lane = l.lane AND i.loan_id = l.loan_id
                   AND coalesce(i.contract_due_on, i.due_on) < %(today)s::date), l.started_on) AS due_before,
       EXISTS (SELECT 1 FROM debit d WHERE d.lane = l.lane AND d.loan_id = l.loan_id AND d.state = 'submitted'
                                       AND d.wait_until >= %(today)s::date) AS debit,
       EXISTS (SELECT 1 FROM installment i WHERE i.lane = l.lane AND i.loan_id = l.loan_id
                                             AND i.statement_on IS NOT NULL) AS statements,
       EXISTS (SELECT 1 FROM installment i JOIN installment o ON o.lane = i.lane AND o.loan_id = i.loan_id
               WHERE i.lane = l.lane AND i.loan_id = l.loan_id AND i.settled_on IS NULL AND o.settled_on IS NOT NULL
                 AND i.superseded_on IS NULL AND i.due_minor > 0 AND o.number > i.number AND o.due_minor > 0) AS gap
FROM loan l JOIN borrower b ON b.lane = l.lane AND b.borrower_id = l.borrower_id
WHERE l.lane = %(lane)s::smallint AND l.loan_id = %(loan_id)s::uuid;

-- name: open_rows
-- What is still to be paid, by installment: the whole of it, principal, interest. Fees and penalties are met first where a
-- payment names no part. lane, loan_id.
SELECT number, due_on, due_minor - paid AS amount_minor,
       principal_minor - paid_principal - greatest(0, paid_whole - charges_open - interest_open) AS principal_minor,
       interest_open - least(interest_open, greatest(0, paid_whole - charges_open)) AS interest_minor
FROM (
    SELECT i.number, coalesce(i.contract_due_on, i.due_on) AS due_on, i.due_minor,
           i.principal_minor, i.interest_minor - paid.interest AS interest_open,
           i.fee_minor + i.penalty_minor - paid.charges AS charges_open, paid.whole AS paid_whole,
           paid.principal AS paid_principal, paid.whole + paid.principal + paid.interest + paid.charges AS paid
    FROM installment i
    JOIN LATERAL (
        SELECT coalesce(sum(a.amount_minor) FILTER (WHERE a.part = 'due'), 0)::bigint AS whole,
               coalesce(sum(a.amount_minor) FILTER (WHERE a.part = 'principal'), 0)::bigint AS principal,
               coalesce(sum(a.amount_minor) FILTER (WHERE a.part = 'interest'), 0)::bigint AS interest,
               coalesce(sum(a.amount_minor) FILTER (WHERE a.part IN ('fee', 'penalty')), 0)::bigint AS charges
        FROM allocation a
        WHERE a.lane = i.lane AND a.loan_id = i.loan_id AND a.number = i.number AND a.until_on = 'infinity') AS paid ON true
    WHERE i.lane = %(lane)s::smallint AND i.loan_id = %(loan_id)s::uuid AND i.settled_on IS NULL AND i.superseded_on IS NULL
) AS o
WHERE due_minor > paid
ORDER BY number;

-- name: remember_arranged
-- What the lender's file last said of them. lane, loan_id; numbers: int[]; arrangement_id. Writes: due_move.
INSERT INTO due_move (lane, loan_id, number, given_due_on, given_due_minor, given_principal_minor, given_interest_minor,
                      given_fee_minor, given_penalty_minor, arrangement_id, recorded_by, effective_at, recorded_at)
SELECT i.lane, i.loan_id, i.number, coalesce(i.contract_due_on, i.due_on), i.due_minor, i.principal_minor,
       i.interest_minor, i.fee_minor, i.penalty_minor, %(arrangement_id)s, %(recorded_by)s, %(now)s, now()
FROM installment i
WHERE i.lane = %(lane)s AND i.loan_id = %(loan_id)s AND i.number = ANY(%(numbers)s::int[])
ON CONFLICT (lane, loan_id, number) DO UPDATE SET arrangement_id = EXCLUDED.arrangement_id;

-- name: write_arranged
-- numbers, days, and what is added to amount, principal and interest: side by side; what is neither is added to the fees.
-- A day that is moved ahead has no grace yet. today: date. Writes: installment.
UPDATE installment i
SET due_on = n.day, contract_due_on = NULL, due_provisional = false,
    due_minor = i.due_minor + n.amount, principal_minor = i.principal_minor + n.principal,
    interest_minor = i.interest_minor + n.interest,
    fee_minor = CASE WHEN n.charge = 0 THEN i.fee_minor ELSE i.fee_minor + i.penalty_minor + n.charge END,
    penalty_minor = CASE WHEN n.charge = 0 THEN i.penalty_minor ELSE 0 END,
    grace_days = CASE WHEN n.day >= %(today)s::date AND n.day <> coalesce(i.contract_due_on, i.due_on) THEN NULL
                      ELSE i.grace_days END,
    grace_granted = CASE WHEN n.day >= %(today)s::date AND n.day <> coalesce(i.contract_due_on, i.due_on) THEN NULL
                         ELSE i.grace_granted END,
    effective_at = %(now)s, recorded_at = now()
FROM (SELECT number, day, amount, principal, interest, amount - principal - interest AS charge
      FROM unnest(%(numbers)s::int[], %(days)s::date[], %(amounts)s::bigint[], %(principals)s::bigint[],
                  %(interests)s::bigint[]) AS n (number, day, amount, principal, interest)) AS n
WHERE i.lane = %(lane)s AND i.loan_id = %(loan_id)s AND i.number = n.number;

-- name: add_arranged
-- Further installments, as write_arranged; borrower_id. Writes: installment.
INSERT INTO installment (lane, loan_id, number, borrower_id, due_on, due_minor, principal_minor, interest_minor, fee_minor,
                         effective_at, recorded_at)
SELECT %(lane)s, %(loan_id)s, n.number, %(borrower_id)s, n.day, n.amount, n.principal, n.interest,
       n.amount - n.principal - n.interest, %(now)s, now()
FROM unnest(%(numbers)s::int[], %(days)s::date[], %(amounts)s::bigint[], %(principals)s::bigint[], %(interests)s::bigint[])
     AS n (number, day, amount, principal, interest);

-- name: remember_added
-- No file has listed them. Writes: due_move.
INSERT INTO due_move (lane, loan_id, number, given_due_on, given_due_minor, listed, arrangement_id, recorded_by,
                      effective_at, recorded_at)
SELECT %(lane)s, %(loan_id)s, n.number, n.day, n.amount, false, %(arrangement_id)s, %(recorded_by)s, %(now)s, now()
FROM unnest(%(numbers)s::int[], %(days)s::date[], %(amounts)s::bigint[]) AS n (number, day, amount);

-- name: return_charges
-- Fees and penalties apart again, where they add up to what the file said. arrangement_id. Writes: installment.
UPDATE installment i SET fee_minor = m.given_fee_minor, penalty_minor = m.given_penalty_minor
FROM due_move m
WHERE m.lane = %(lane)s AND m.loan_id = %(loan_id)s AND m.arrangement_id = %(arrangement_id)s AND m.listed
  AND i.lane = m.lane AND i.loan_id = m.loan_id AND i.number = m.number
  AND i.fee_minor + i.penalty_minor = m.given_fee_minor + m.given_penalty_minor;

-- name: drop_added
-- Writes: installment.
DELETE FROM installment i USING due_move m
WHERE m.lane = %(lane)s AND m.loan_id = %(loan_id)s AND m.arrangement_id = %(arrangement_id)s AND NOT m.listed
  AND i.lane = m.lane AND i.loan_id = m.loan_id AND i.number = m.number;

-- name: forget_added
-- Writes: due_move.
DELETE FROM due_move m
WHERE m.lane = %(lane)s AND m.loan_id = %(loan_id)s AND m.arrangement_id = %(arrangement_id)s AND NOT m.listed;

-- name: forget_arranged
-- Where the installment is what the file says, nothing is to be remembered. Writes: due_move.
DELETE FROM due_move m USING installment i
WHERE m.lane = %(lane)s AND m.loan_id = %(loan_id)s AND m.arrangement_id = %(arrangement_id)s
  AND i.lane = m.lane AND i.loan_id = m.loan_id AND i.number = m.number
  AND (coalesce(i.contract_due_on, i.due_on), i.due_minor, i.interest_minor)
      IS NOT DISTINCT FROM (m.given_due_on, m.given_due_minor, m.given_interest_minor);

-- name: leave_moved
-- Else it was moved before, and stays so. Writes: due_move.
UPDATE due_move m SET arrangement_id = NULL
WHERE m.lane = %(lane)s AND m.loan_id = %(loan_id)s AND m.arrangement_id = %(arrangement_id)s;
