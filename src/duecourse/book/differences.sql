-- What a lender listed beside the terms it gave, for book/differences.py.

-- name: lanes_with_loans
-- Every lane that holds a loan, in order.
SELECT DISTINCT lane FROM loan ORDER BY lane;

-- name: loans_as_listed
-- The loans of a lane with the installments that the lender lists, by number, as it lists them: before a holiday's shift
-- and before anything was changed on request, without fees and penalties. methods: text[], those whose schedule follows from terms.
-- Statements of revolving credit are no installments of a schedule.
SELECT l.creditor, l.loan_ref, l.currency, l.method, l.rate_type, l.principal_minor, l.annual_rate, l.started_on,
       l.day_count,
       array_agg(i.number ORDER BY i.number) AS numbers,
       array_agg(coalesce(m.given_due_on, i.contract_due_on, i.due_on) ORDER BY i.number) AS due_on,
       array_agg(CASE WHEN m.lane IS NULL THEN i.due_minor - i.fee_minor - i.penalty_minor
                      ELSE m.given_due_minor - m.given_fee_minor - m.given_penalty_minor END ORDER BY i.number) AS due_minor,
       array_agg(CASE WHEN m.lane IS NULL THEN i.principal_minor ELSE m.given_principal_minor END ORDER BY i.number) AS listed_principal_minor,
       array_agg(CASE WHEN m.lane IS NULL THEN i.interest_minor ELSE m.given_interest_minor END ORDER BY i.number)
           AS listed_interest_minor
FROM loan l
JOIN installment i ON i.lane = l.lane AND i.loan_id = l.loan_id
LEFT JOIN due_move m ON m.lane = i.lane AND m.loan_id = i.loan_id AND m.number = i.number
WHERE l.lane = %(lane)s::smallint AND l.method = ANY(%(methods)s::text[]) AND i.statement_on IS NULL AND NOT i.computed
  AND coalesce(m.listed, true)
GROUP BY l.lane, l.loan_id
ORDER BY l.creditor, l.loan_ref;
