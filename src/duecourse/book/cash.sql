-- What money is expected when, and how late it has come so far. Nothing after :as_of is read: neither payments and
-- reversals, nor statements that were not known then.

-- name: cash_due
-- What is open as of :as_of and falls due from :first_on to :last_on, by day, currency, product and grade.
SELECT currency, product, grade, due_on, count(*) AS installments, sum(open_minor)::bigint AS open_minor
FROM (
    SELECT l.currency, l.product, b.grade, i.due_on, i.due_minor - coalesce(sum(a.amount_minor), 0) AS open_minor
    FROM installment i
    JOIN loan l ON l.lane = i.lane AND l.loan_id = i.loan_id AND l.state = 'open'
    JOIN borrower b ON b.lane = i.lane AND b.borrower_id = i.borrower_id
    LEFT JOIN installment_was w ON w.lane = i.lane AND w.loan_id = i.loan_id AND w.number = i.number
                               AND w.from_on <= %(as_of)s AND w.until_on > %(as_of)s
    LEFT JOIN allocation a ON a.lane = i.lane AND a.loan_id = i.loan_id AND a.number = i.number
                          AND a.from_on <= %(as_of)s AND a.until_on > %(as_of)s
    WHERE i.due_on BETWEEN %(first_on)s AND %(last_on)s AND i.due_minor > 0
      AND coalesce(CASE WHEN w.lane IS NULL THEN i.settled_on ELSE w.settled_on END > %(as_of)s, true)
      AND coalesce(i.statement_on, l.started_on, '-infinity') <= %(as_of)s
      AND coalesce(i.superseded_on > %(as_of)s, true)
    GROUP BY i.lane, i.loan_id, i.number, l.currency, l.product, b.grade, i.due_on, i.due_minor
) AS open
WHERE open_minor > 0
GROUP BY currency, product, grade, due_on
ORDER BY currency, product, grade, due_on;

-- name: lateness_paid
-- Of what fell due from :since through :as_of: what came how many days after its due day (earlier than 31 days before
-- it counts as then, later than 90 after it is not told apart), by currency, product and grade.
SELECT l.currency, l.product, b.grade, least(greatest(p.paid_on - i.due_on, -31), 91) AS lag,
       sum(a.amount_minor)::bigint AS amount_minor
FROM installment i
JOIN loan l ON l.lane = i.lane AND l.loan_id = i.loan_id
JOIN borrower b ON b.lane = i.lane AND b.borrower_id = i.borrower_id
JOIN allocation a ON a.lane = i.lane AND a.loan_id = i.loan_id AND a.number = i.number
                 AND a.from_on <= %(as_of)s AND a.until_on > %(as_of)s
JOIN payment p ON p.lane = a.lane AND p.payment_id = a.payment_id
WHERE i.due_on BETWEEN %(since)s AND %(as_of)s
  AND coalesce(i.statement_on, l.started_on, '-infinity') <= %(as_of)s
GROUP BY l.currency, l.product, b.grade, lag;

-- name: lateness_left
-- Of the same: what was not paid, by the days after its due day through which it was watched (until the next statement
-- took it over, or :as_of), and of how many installments.
SELECT currency, product, grade, least(age, 91) AS age, count(*) AS installments, sum(left_minor)::bigint AS left_minor
FROM (
    SELECT l.currency, l.product, b.grade, least(i.superseded_on - 1, %(as_of)s::date) - i.due_on AS age,
           i.due_minor - coalesce(sum(a.amount_minor), 0) AS left_minor
    FROM installment i
    JOIN loan l ON l.lane = i.lane AND l.loan_id = i.loan_id
    JOIN borrower b ON b.lane = i.lane AND b.borrower_id = i.borrower_id
    LEFT JOIN allocation a ON a.lane = i.lane AND a.loan_id = i.loan_id AND a.number = i.number
                          AND a.from_on <= %(as_of)s AND a.until_on > %(as_of)s
    WHERE i.due_on BETWEEN %(since)s AND %(as_of)s AND i.due_minor > 0
      AND coalesce(i.statement_on, l.started_on, '-infinity') <= %(as_of)s
    GROUP BY i.lane, i.loan_id, i.number, l.currency, l.product, b.grade
) AS seen
GROUP BY currency, product, grade, least(age, 91);
