-- The book as the other rooms ask for it: who is who, what is owed as of a day, what leaves it.
-- As of a day D: an installment is known from its statement (or its loan's start) on, a payment from its day on; an
-- installment is open when it is neither settled nor superseded by D.

-- name: freeze_grace
-- Freeze the grace of what has fallen due; what is frozen stays. {applies} is a policy's applies_to, compiled.
-- as_of: date; by_grade: jsonb of grade to days; default: days; lanes: smallint[]. Writes: installment.
UPDATE installment i
SET grace_days = coalesce((%(by_grade)s::jsonb ->> b.grade)::smallint, %(default)s::smallint)
FROM loan l, borrower b
WHERE i.lane = ANY(%(lanes)s::smallint[]) AND i.due_on BETWEEN %(as_of)s::date - 400 AND %(as_of)s::date
  AND i.grace_days IS NULL
  AND l.lane = i.lane AND l.loan_id = i.loan_id AND b.lane = i.lane AND b.borrower_id = i.borrower_id
  AND {applies};

-- name: retire_contact_points
-- Those still active; the old row goes to history. lanes, ids: of the contact points, in pairs. Writes: contact_point.
WITH given AS (
    SELECT DISTINCT g.lane, g.id FROM unnest(%(lanes)s::smallint[], %(ids)s::uuid[]) AS g (lane, id)
)
UPDATE contact_point c
SET state = 'retired', retired_reason = %(reason)s, effective_at = %(now)s, recorded_at = now()
FROM given g
WHERE c.lane = g.lane AND c.contact_point_id = g.id AND c.state = 'active';

-- name: keep_contact_points
-- Before retire_contact_points, in the same transaction. Writes: book_history.
INSERT INTO book_history (lane, subject, subject_id, recorded_at, was)
SELECT DISTINCT c.lane, 'contact_point', c.contact_point_id::text, now(), to_jsonb(c)
FROM unnest(%(lanes)s::smallint[], %(ids)s::uuid[]) AS g (lane, id)
JOIN contact_point c ON c.lane = g.lane AND c.contact_point_id = g.id
WHERE c.state = 'active'
ON CONFLICT DO NOTHING;

-- name: borrower_by_key
-- key_hash: of the customer key or ID number; kind: 'customer' or 'id-number'.
SELECT b.lane, b.borrower_id, b.borrower_key, b.name_sealed, b.id_number_sealed, b.language, b.region, b.zone,
       b.grade, b.attributes
FROM borrower_key d JOIN borrower b ON b.lane = d.lane AND b.borrower_id = d.borrower_id
WHERE d.key_lane = get_byte(%(key_hash)s::bytea, 0) AND d.kind = %(kind)s AND d.key_hash = %(key_hash)s;

-- name: borrowers_at_address
-- Everybody who holds or held an address.
SELECT DISTINCT lane, borrower_id FROM contact_point WHERE address_index = %(address_index)s;

-- name: contact_points_of
-- Of one borrower, active ones first.
SELECT contact_point_id, channel, rank, address_sealed, state, retired_reason
FROM contact_point WHERE lane = %(lane)s AND borrower_id = %(borrower_id)s ORDER BY state, channel, rank;

-- name: loans_of
-- Of one borrower, open and closed.
SELECT loan_id, loan_ref, creditor, product, rate_type, method, currency, principal_minor, annual_rate, started_on,
       autopay, state, attributes
FROM loan WHERE lane = %(lane)s AND borrower_id = %(borrower_id)s ORDER BY creditor, loan_ref;

-- name: installments_of
-- As known on as_of; paid_minor is what payments until then met of due_minor.
SELECT i.loan_id, i.number, i.due_on, i.statement_on, i.due_minor, i.balance_minor, i.past_due_since, i.grace_days,
       coalesce(sum(a.amount_minor), 0)::bigint AS paid_minor,
       coalesce(i.settled_on > %(as_of)s, true) AND coalesce(i.superseded_on > %(as_of)s, true) AS is_open,
       CASE WHEN i.settled_on <= %(as_of)s THEN i.settled_on END AS settled_on
FROM installment i
JOIN loan l ON l.lane = i.lane AND l.loan_id = i.loan_id
LEFT JOIN allocation a ON a.lane = i.lane AND a.loan_id = i.loan_id AND a.number = i.number AND a.paid_on <= %(as_of)s
WHERE i.lane = %(lane)s AND i.borrower_id = %(borrower_id)s
  AND coalesce(i.statement_on, l.started_on, '-infinity') <= %(as_of)s
GROUP BY i.lane, i.loan_id, i.number
ORDER BY i.due_on, i.loan_id, i.number;

-- name: payments_of
-- Of one borrower, until as_of.
SELECT p.loan_id, p.payment_id, p.source, p.reference, p.amount_minor, p.paid_on
FROM payment p JOIN loan l ON l.lane = p.lane AND l.loan_id = p.loan_id
WHERE p.lane = %(lane)s AND l.borrower_id = %(borrower_id)s AND p.paid_on <= %(as_of)s
ORDER BY p.paid_on, p.payment_id;

-- name: owed
-- What is still to be paid as of a day, by currency: of a revolving account the latest statement less the payments
-- since it, of a schedule all its installments less what met them. past_due_minor: the part whose day has passed.
WITH statement AS (
    SELECT i.lane, i.loan_id, i.number, i.statement_on, i.balance_minor
    FROM installment i
    WHERE i.statement_on <= %(as_of)s AND coalesce(i.superseded_on > %(as_of)s, true)
),
revolving AS (
    SELECT s.lane, s.loan_id,
           greatest(0, s.balance_minor - coalesce(sum(p.amount_minor), 0))::numeric AS owed_minor
    FROM statement s
    LEFT JOIN payment p ON p.lane = s.lane AND p.loan_id = s.loan_id
                       AND p.paid_on >= s.statement_on AND p.paid_on <= %(as_of)s
    GROUP BY s.lane, s.loan_id, s.number, s.balance_minor
),
open_due AS (
    SELECT i.lane, i.loan_id, i.number, i.statement_on, i.due_on,
           i.due_minor - coalesce(sum(a.amount_minor), 0)::numeric AS open_minor
    FROM installment i
    JOIN loan l ON l.lane = i.lane AND l.loan_id = i.loan_id
    LEFT JOIN allocation a ON a.lane = i.lane AND a.loan_id = i.loan_id AND a.number = i.number
                          AND a.paid_on <= %(as_of)s
    WHERE coalesce(i.statement_on, l.started_on, '-infinity') <= %(as_of)s
      AND coalesce(i.superseded_on > %(as_of)s, true)
    GROUP BY i.lane, i.loan_id, i.number
),
scheduled AS (
    SELECT lane, loan_id, open_minor AS owed_minor FROM open_due WHERE statement_on IS NULL
),
amounts AS (
    SELECT lane, loan_id, owed_minor, 0::numeric AS past_due_minor FROM revolving
    UNION ALL SELECT lane, loan_id, owed_minor, 0 FROM scheduled
    UNION ALL SELECT lane, loan_id, 0, open_minor FROM open_due WHERE due_on < %(as_of)s
)
SELECT l.currency, sum(a.owed_minor), sum(a.past_due_minor)
FROM amounts a JOIN loan l ON l.lane = a.lane AND l.loan_id = a.loan_id
GROUP BY l.currency ORDER BY l.currency;

-- name: summary_people
-- Over all currencies. lanes: that have a borrower.
SELECT (SELECT count(*) FROM borrower) AS borrowers,
       (SELECT count(DISTINCT lane) FROM borrower) AS lanes,
       (SELECT count(*) FROM contact_point WHERE state = 'active') AS contact_points,
       (SELECT count(*) FROM contact_point WHERE state = 'retired') AS retired_contact_points,
       (SELECT count(*) FROM consent WHERE kind = 'contact' AND NOT granted) AS opt_outs;

-- name: summary_money
-- Per currency. An installment asks for its statement's balance or its due; one that asks for nothing is not counted.
SELECT l.currency, count(*) AS loans, coalesce(sum(i.installments), 0) AS installments,
       coalesce(sum(i.amount), 0) AS installments_minor, coalesce(sum(i.due), 0) AS due_minor,
       coalesce(sum(p.payments), 0) AS payments, coalesce(sum(p.amount), 0) AS payments_minor
FROM loan l
LEFT JOIN (SELECT lane, loan_id, count(*) FILTER (WHERE coalesce(balance_minor, due_minor) > 0) AS installments,
                  sum(coalesce(balance_minor, due_minor)) AS amount, sum(due_minor) AS due
           FROM installment GROUP BY lane, loan_id) AS i ON i.lane = l.lane AND i.loan_id = l.loan_id
LEFT JOIN (SELECT lane, loan_id, count(*) AS payments, sum(amount_minor) AS amount
           FROM payment GROUP BY lane, loan_id) AS p ON p.lane = l.lane AND p.loan_id = l.loan_id
GROUP BY l.currency ORDER BY l.currency;

-- name: begin_import
-- Writes: book_import.
INSERT INTO book_import (import_id, mapping, file_name, file_digest, rows_read, rows_rejected, totals, state, started_at)
VALUES (%(import_id)s, %(mapping)s, %(file_name)s, %(file_digest)s, 0, 0, '{}', 'running', %(now)s);

-- name: end_import
-- Writes: book_import.
UPDATE book_import
SET rows_read = %(rows_read)s, rows_rejected = %(rows_rejected)s, totals = %(totals)s, state = %(state)s,
    finished_at = %(finished_at)s
WHERE import_id = %(import_id)s;

-- name: record_feed
-- Through which day a payment feed is complete; an older file brings it no further back. Writes: payment_feed.
INSERT INTO payment_feed (creditor, source, complete_through, recorded_at)
VALUES (%(creditor)s, %(source)s, %(complete_through)s, now())
ON CONFLICT (creditor, source) DO UPDATE
SET complete_through = EXCLUDED.complete_through, recorded_at = EXCLUDED.recorded_at
WHERE payment_feed.complete_through < EXCLUDED.complete_through;

-- name: feeds
-- Through which day each payment feed is complete.
SELECT creditor, source, complete_through, recorded_at FROM payment_feed ORDER BY creditor, source;

-- name: last_imports
-- count: how many, the last first.
SELECT mapping, file_name, rows_read, rows_rejected, totals, state, started_at, finished_at
FROM book_import ORDER BY started_at DESC, import_id LIMIT %(count)s;
