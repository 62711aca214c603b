-- What a quote of what ends a loan early is made of. Nothing is written.

-- name: listed
-- Every installment of a borrower's own loans as it stands now, in order. lane, borrower_id.
SELECT i.loan_id, i.number, coalesce(i.contract_due_on, i.due_on) AS due_on, i.due_on AS pay_on, i.due_minor,
       i.principal_minor, i.interest_minor,
       coalesce((SELECT sum(a.amount_minor) FROM allocation a
                 WHERE a.lane = i.lane AND a.loan_id = i.loan_id AND a.number = i.number AND a.until_on = 'infinity'), 0)::bigint
           AS paid_minor,
       i.settled_on IS NULL AS is_open
FROM installment i
WHERE i.lane = %(lane)s::smallint AND i.borrower_id = %(borrower_id)s::uuid AND i.superseded_on IS NULL
ORDER BY i.loan_id, due_on, i.number;

-- name: in_debit
-- The loans of a borrower of which a debit is under way. lane, borrower_id, today.
SELECT DISTINCT l.loan_id FROM loan l JOIN debit d ON d.lane = l.lane AND d.loan_id = l.loan_id
WHERE l.lane = %(lane)s::smallint AND l.borrower_id = %(borrower_id)s::uuid AND d.state = 'submitted'
  AND d.wait_until >= %(today)s::date;

-- name: owner_of_loan
-- Whose loans have a reference. loan_ref.
SELECT lane, borrower_id, loan_id, creditor FROM loan WHERE loan_ref = %(loan_ref)s ORDER BY creditor, loan_id;
