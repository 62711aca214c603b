-- What a lender listed beside the terms it gave, for book/differences.py.

-- name: lanes_with_loans
-- Every lane that holds a loan, in order.
SELECT DISTINCT lane FROM loan ORDER BY lane;

-- name: loans_as_listed
-- The loans of a lane with their installments, by number. methods: text[], those whose schedule follows from terms.
-- Statements of revolving credit are no installments of a schedule.
SELECT l.creditor, l.loan_ref, l.currency, l.method, l.rate_type, l.principal_minor, l.annual_rate, l.started_on,
       array_agg(i.number ORDER BY i.number) AS numbers,
       array_agg(i.due_on ORDER BY i.number) AS due_on,
       array_agg(i.due_minor - i.fee_minor ORDER BY i.number) AS due_minor,
       array_agg(i.principal_minor ORDER BY i.number) AS listed_principal_minor,
       array_agg(i.interest_minor ORDER BY i.number) AS listed_interest_minor
FROM loan l JOIN installment i ON i.lane = l.lane AND i.loan_id = l.loan_id
WHERE l.lane = %(lane)s::smallint AND l.method = ANY(%(methods)s::text[]) AND i.statement_on IS NULL
GROUP BY l.lane, l.loan_id
ORDER BY l.creditor, l.loan_ref;
