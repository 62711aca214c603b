-- The book as the other rooms ask for it: who is who, what is owed as of a day, what leaves it.
-- As of a day D: an installment is known from its statement (or its loan's start) on, a payment from its day on and until
-- the day it is reversed; an installment is open when it is neither settled nor superseded by D. Where a payment was
-- reversed after D, installment_was says what the installment was on D.

-- name: freeze_grace
-- Freeze the grace of what has fallen due. {applies} is a policy's applies_to, compiled.
-- as_of: date; by_grade: jsonb of grade to days; default: days; lanes: smallint[]. Writes: installment.
-- Loan and borrower are looked up for each: the planner takes what has fallen due and is not frozen for a tenth of the book,
-- and would read all of it. A subquery with a LIMIT is never joined.
UPDATE installment i
SET (grace_days, grace_granted) = (SELECT g.days, g.days
                                   FROM (SELECT coalesce((%(by_grade)s::jsonb ->> b.grade)::smallint, %(default)s::smallint) AS days
                                         FROM borrower b WHERE b.lane = i.lane AND b.borrower_id = i.borrower_id LIMIT 1) AS g)
WHERE i.lane = ANY(%(lanes)s::smallint[]) AND i.due_on BETWEEN %(as_of)s::date - 400 AND %(as_of)s::date
  AND i.grace_days IS NULL
  AND (SELECT true FROM loan l JOIN borrower b ON b.lane = l.lane
       WHERE l.lane = i.lane AND l.loan_id = i.loan_id AND b.borrower_id = i.borrower_id AND {applies} LIMIT 1);

-- name: extend_grace
-- While grace runs: a grade or a policy that has become kinder extends it; nothing shortens it. Parameters as
-- freeze_grace, and longest: of any grade. Writes: installment.
UPDATE installment i
SET grace_granted = coalesce((%(by_grade)s::jsonb ->> b.grade)::smallint, %(default)s::smallint),
    grace_days = greatest(i.grace_days, coalesce((%(by_grade)s::jsonb ->> b.grade)::smallint, %(default)s::smallint))
FROM loan l, borrower b
WHERE i.lane = ANY(%(lanes)s::smallint[])
  AND (i.due_on BETWEEN %(as_of)s::date - %(longest)s::int AND %(as_of)s::date
       OR i.grace_days > i.grace_granted AND i.due_on <= %(as_of)s::date)
  AND i.due_on + i.grace_days >= %(as_of)s::date
  AND coalesce(i.settled_on > %(as_of)s::date, true)
  AND i.grace_granted < %(longest)s::int  -- known without the borrower
  AND i.grace_granted < coalesce((%(by_grade)s::jsonb ->> b.grade)::smallint, %(default)s::smallint)
  AND l.lane = i.lane AND l.loan_id = i.loan_id AND b.lane = i.lane AND b.borrower_id = i.borrower_id
  AND {applies};

-- name: pause_grace
-- Paused days do not use grace up: one that begins within it, or right after it, extends it to the day before
-- strategy day 1 (domain.days_past_due.paused_grace). Recomputed from the granted part; nothing shortens it.
-- lanes: smallint[]; loan_id: null for all. Writes: installment.
UPDATE installment i
SET grace_days = e.grace_days
FROM (
    SELECT lane, loan_id, number,
           min(granted) + sum(days) FILTER (WHERE first_on <= due_on + granted + days_before + 1) AS grace_days
    FROM (
        SELECT o.*, coalesce(sum(days) OVER (PARTITION BY lane, loan_id, number ORDER BY first_on
                                             ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)::int AS days_before
        FROM (
            SELECT d.lane, d.loan_id, d.number, d.due_on, d.grace_granted AS granted,
                   greatest(p.from_on, d.due_on + 1) AS first_on, p.to_on - greatest(p.from_on, d.due_on + 1) + 1 AS days
            FROM loan_pause p
            JOIN installment d ON d.lane = p.lane AND d.loan_id = p.loan_id
            WHERE p.lane = ANY(%(lanes)s::smallint[]) AND (%(loan_id)s::uuid IS NULL OR p.loan_id = %(loan_id)s)
              AND p.to_on > d.due_on AND d.grace_granted IS NOT NULL
        ) AS o
    ) AS s
    GROUP BY lane, loan_id, number
) AS e
WHERE e.lane = i.lane AND e.loan_id = i.loan_id AND e.number = i.number AND e.grace_days > i.grace_days;

-- name: retire_contact_points
-- Those still active, in every lane where their party is; the old row goes to history. lanes, ids: of the contact points,
-- in pairs. Writes: contact_point.
WITH
-- include: book/parties.holders
,
-- include: book/parties.everywhere
UPDATE contact_point c
SET state = 'retired', retired_reason = %(reason)s, effective_at = %(now)s, recorded_at = now()
FROM everywhere e
WHERE c.lane = e.lane AND c.borrower_id = e.borrower_id AND c.contact_point_id = ANY(%(ids)s::uuid[])
  AND c.state = 'active';

-- name: keep_contact_points
-- Before retire_contact_points, in the same transaction. Writes: book_history.
WITH
-- include: book/parties.holders
,
-- include: book/parties.everywhere
INSERT INTO book_history (lane, subject, subject_id, recorded_at, was)
SELECT DISTINCT c.lane, 'contact_point', c.contact_point_id::text, now(), to_jsonb(c)
FROM everywhere e
JOIN contact_point c ON c.lane = e.lane AND c.borrower_id = e.borrower_id AND c.contact_point_id = ANY(%(ids)s::uuid[])
WHERE c.state = 'active'
ON CONFLICT DO NOTHING;

-- name: restore_contact_points
-- Those retired for :reason, and not erased since, become active again; as they were goes to history. lanes, ids: of the
-- contact points, in pairs; now. Writes: book_history, contact_point
WITH
-- include: book/parties.holders
,
-- include: book/parties.everywhere
,
was AS (
    SELECT DISTINCT c.lane, c.contact_point_id, to_jsonb(c) AS was
    FROM everywhere e
    JOIN contact_point c ON c.lane = e.lane AND c.borrower_id = e.borrower_id AND c.contact_point_id = ANY(%(ids)s::uuid[])
    WHERE c.state = 'retired' AND c.retired_reason = %(reason)s AND c.erased_at IS NULL
),
kept AS (
    INSERT INTO book_history (lane, subject, subject_id, recorded_at, was)
    SELECT lane, 'contact_point', contact_point_id::text, now(), was FROM was
    ON CONFLICT DO NOTHING
)
UPDATE contact_point c
SET state = 'active', retired_reason = NULL, effective_at = %(now)s, recorded_at = now()
FROM was w
WHERE c.lane = w.lane AND c.contact_point_id = w.contact_point_id;

-- name: borrower_by_key
-- key_hash: of the customer key or ID number; kind: 'customer' or 'id-number'.
WITH entry AS MATERIALIZED (
    SELECT d.lane, d.borrower_id FROM borrower_key d
    WHERE d.key_lane = get_byte(%(key_hash)s::bytea, 0) AND d.kind = %(kind)s AND d.key_hash = %(key_hash)s
)
SELECT b.lane, b.borrower_id, b.borrower_key, b.name_sealed, b.id_number_sealed, b.id_number_index, b.kind,
       b.collected_on, b.legal_basis, b.language, b.region, b.zone, b.zones, b.grade, b.attributes
FROM entry d JOIN borrower b ON b.lane = d.lane AND b.borrower_id = d.borrower_id;

-- name: borrowers_at_address
-- Everybody who holds or held an address.
SELECT DISTINCT lane, borrower_id FROM contact_point WHERE address_index = %(address_index)s;

-- name: contact_points_of
-- Of one borrower, active ones first.
SELECT contact_point_id, channel, rank, address_sealed, state, retired_reason, collected_on, legal_basis, verified_at,
       verified_how
FROM contact_point WHERE lane = %(lane)s AND borrower_id = %(borrower_id)s ORDER BY state, channel, rank;

-- name: loans_of
-- Of one borrower, open and closed.
SELECT loan_id, loan_ref, creditor, product, rate_type, method, currency, principal_minor, annual_rate, started_on,
       day_count, due_day, due_day_source, shift, autopay, state, attributes
FROM loan WHERE lane = %(lane)s AND borrower_id = %(borrower_id)s ORDER BY creditor, loan_ref;

-- name: installments_of
-- As known on as_of; paid_minor is what payments until then met of due_minor.
SELECT i.loan_id, i.number, i.due_on, coalesce(i.contract_due_on, i.due_on) AS contract_due_on, i.due_provisional,
       i.statement_on, i.due_minor, i.balance_minor, e.past_due_since, i.grace_days,
       coalesce((SELECT sum(a.amount_minor) FROM allocation a
                 WHERE a.lane = %(lane)s AND a.loan_id = i.loan_id AND a.number = i.number
                   AND a.from_on <= %(as_of)s AND a.until_on > %(as_of)s), 0)::bigint AS paid_minor,
       coalesce(e.settled_on > %(as_of)s, true) AND coalesce(i.superseded_on > %(as_of)s, true) AS is_open,
       CASE WHEN e.settled_on <= %(as_of)s THEN e.settled_on END AS settled_on
FROM installment i
JOIN loan l ON l.lane = %(lane)s AND l.loan_id = i.loan_id
LEFT JOIN installment_was w ON w.lane = %(lane)s AND w.loan_id = i.loan_id AND w.number = i.number
                           AND w.from_on <= %(as_of)s AND w.until_on > %(as_of)s
CROSS JOIN LATERAL (SELECT CASE WHEN w.lane IS NULL THEN i.settled_on ELSE w.settled_on END AS settled_on,
                           CASE WHEN w.lane IS NULL THEN i.past_due_since ELSE w.past_due_since END
                               AS past_due_since) AS e
WHERE i.lane = %(lane)s AND i.borrower_id = %(borrower_id)s
  AND coalesce(i.statement_on, l.started_on, '-infinity') <= %(as_of)s
ORDER BY i.due_on, i.loan_id, i.number;

-- name: payments_of
-- Of one borrower, until as_of; with the day of its reversal, where that is known by then.
SELECT p.loan_id, p.payment_id, p.source, p.reference, p.amount_minor, p.paid_on, r.reversed_on
FROM payment p JOIN loan l ON l.lane = p.lane AND l.loan_id = p.loan_id
LEFT JOIN reversal r ON r.lane = p.lane AND r.payment_id = p.payment_id AND r.reversed_on <= %(as_of)s
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
                       AND NOT EXISTS (SELECT 1 FROM reversal r
                                       WHERE r.lane = p.lane AND r.payment_id = p.payment_id
                                         AND r.reversed_on <= %(as_of)s)
    GROUP BY s.lane, s.loan_id, s.number, s.balance_minor
),
open_due AS (
    SELECT i.lane, i.loan_id, i.number, i.statement_on, i.due_on,
           i.due_minor - coalesce(sum(a.amount_minor), 0)::numeric AS open_minor
    FROM installment i
    JOIN loan l ON l.lane = i.lane AND l.loan_id = i.loan_id
    LEFT JOIN allocation a ON a.lane = i.lane AND a.loan_id = i.loan_id AND a.number = i.number
                          AND a.from_on <= %(as_of)s AND a.until_on > %(as_of)s
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
-- Over all currencies. lanes: that have a borrower. Presences, and what hangs on them, count once, at home.
WITH copied_point AS (
    SELECT c.state FROM borrower p JOIN contact_point c ON c.lane = p.lane AND c.borrower_id = p.borrower_id
    WHERE p.home_lane IS NOT NULL
)
SELECT (SELECT count(*) FROM borrower WHERE home_lane IS NULL AND merged_into IS NULL) AS borrowers,
       (SELECT count(DISTINCT lane) FROM borrower) AS lanes,
       (SELECT count(*) FROM contact_point WHERE state = 'active')
       - (SELECT count(*) FROM copied_point WHERE state = 'active') AS contact_points,
       (SELECT count(*) FROM contact_point WHERE state = 'retired')
       - (SELECT count(*) FROM copied_point WHERE state = 'retired') AS retired_contact_points,
       (SELECT count(*) FROM consent WHERE kind = 'contact' AND NOT granted)
       - (SELECT count(*) FROM borrower p JOIN consent o ON o.lane = p.lane AND o.borrower_id = p.borrower_id
          WHERE p.home_lane IS NOT NULL AND o.kind = 'contact' AND NOT o.granted) AS opt_outs,
       (SELECT count(*) FROM suspense WHERE placed_at IS NULL) AS suspense;

-- name: summary_money
-- Per currency. An installment asks for its statement's balance or its due; one that asks for nothing is not counted.
-- Payments are all that came in; reversed: those of them taken back; unallocated: what of the others meets nothing yet.
SELECT l.currency, count(*) AS loans, coalesce(sum(i.installments), 0) AS installments,
       coalesce(sum(i.amount), 0) AS installments_minor, coalesce(sum(i.due), 0) AS due_minor,
       coalesce(sum(p.payments), 0) AS payments, coalesce(sum(p.amount), 0) AS payments_minor,
       coalesce(sum(p.reversed), 0) AS reversed, coalesce(sum(p.reversed_minor), 0) AS reversed_minor,
       coalesce(sum(p.amount), 0) - coalesce(sum(p.reversed_minor), 0) - coalesce(sum(a.met), 0) AS unallocated_minor
FROM loan l
LEFT JOIN (SELECT lane, loan_id, count(*) FILTER (WHERE coalesce(balance_minor, due_minor) > 0) AS installments,
                  sum(coalesce(balance_minor, due_minor)) AS amount, sum(due_minor) AS due
           FROM installment GROUP BY lane, loan_id) AS i ON i.lane = l.lane AND i.loan_id = l.loan_id
LEFT JOIN (SELECT p.lane, p.loan_id, count(*) AS payments, sum(p.amount_minor) AS amount,
                  count(r.payment_id) AS reversed,
                  sum(p.amount_minor) FILTER (WHERE r.payment_id IS NOT NULL) AS reversed_minor
           FROM payment p LEFT JOIN reversal r ON r.lane = p.lane AND r.payment_id = p.payment_id
           GROUP BY p.lane, p.loan_id) AS p ON p.lane = l.lane AND p.loan_id = l.loan_id
LEFT JOIN (SELECT lane, loan_id, sum(amount_minor) AS met FROM allocation WHERE until_on = 'infinity'
           GROUP BY lane, loan_id) AS a ON a.lane = l.lane AND a.loan_id = l.loan_id
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

-- name: delivery_is_done
-- One row when a delivery with this digest is in the book.
SELECT 1 FROM delivery WHERE delivery = %(delivery)s AND digest = %(digest)s AND state = 'done';

-- name: latest_delivery
-- The latest day of which a delivery of this name is in the book; null for none.
SELECT max(delivered_on) FROM delivery WHERE delivery = %(delivery)s AND state = 'done';

-- name: begin_delivery
-- state: running, or refused at once. A delivery that was refused or broke off is begun anew on its row.
-- Writes: delivery.
INSERT INTO delivery (delivery, digest, delivered_on, flag_file, state, files, problems, started_at)
VALUES (%(delivery)s, %(digest)s, %(delivered_on)s, %(flag)s, %(state)s, '[]', '[]', %(now)s)
ON CONFLICT (delivery, digest) DO UPDATE
SET state = EXCLUDED.state, files = '[]', problems = '[]', started_at = EXCLUDED.started_at, finished_at = NULL;

-- name: end_delivery
-- Writes: delivery.
UPDATE delivery SET state = %(state)s, files = %(files)s, problems = %(problems)s, finished_at = %(finished_at)s
WHERE delivery = %(delivery)s AND digest = %(digest)s;

-- name: last_deliveries
-- count: how many, the last first.
SELECT delivery, delivered_on, flag_file, state, files, problems, started_at, finished_at
FROM delivery ORDER BY started_at DESC, delivery, digest LIMIT %(count)s;

-- name: record_feed
-- Through which day a payment feed is complete; an older file brings it no further back. Writes: payment_feed.
INSERT INTO payment_feed (creditor, source, complete_through, recorded_at)
VALUES (%(creditor)s, %(source)s, %(complete_through)s, now())
ON CONFLICT (creditor, source) DO UPDATE
SET complete_through = EXCLUDED.complete_through, recorded_at = EXCLUDED.recorded_at
WHERE payment_feed.complete_through < EXCLUDED.complete_through;

-- name: feed
-- Through which day one payment feed is complete. creditor, source.
SELECT complete_through FROM payment_feed WHERE creditor = %(creditor)s AND source = %(source)s;

-- name: feeds
-- Through which day each payment feed is complete.
SELECT creditor, source, complete_through, recorded_at FROM payment_feed ORDER BY creditor, source;

-- name: last_imports
-- count: how many, the last first.
SELECT mapping, file_name, rows_read, rows_rejected, totals, state, started_at, finished_at
FROM book_import ORDER BY started_at DESC, import_id LIMIT %(count)s;

-- name: forget_orders
-- Of these creditors, products and days, parallel arrays: a new order takes the place of one from the same day.
-- Writes: allocation_order.
DELETE FROM allocation_order o
USING unnest(%(creditors)s::text[], %(products)s::text[], %(days)s::date[]) AS g (creditor, product, effective_on)
WHERE o.creditor = g.creditor AND o.product = g.product AND o.effective_on = g.effective_on;

-- name: write_order
-- One band. Writes: allocation_order.
INSERT INTO allocation_order (creditor, product, effective_on, from_days, across, parts, excess, recorded_by, recorded_at)
VALUES (%(creditor)s, %(product)s, %(effective_on)s, %(from_days)s, %(across)s, %(parts)s, %(excess)s, %(by)s, %(now)s);

-- name: orders
-- Every band of every order of allocation.
SELECT creditor, product, effective_on, from_days, across, parts, excess, recorded_by
FROM allocation_order ORDER BY creditor, product, effective_on, from_days;

-- name: loans_by_ref
-- Of any creditor, or of the one given.
SELECT lane, loan_id, loan_ref, creditor, currency FROM loan
WHERE loan_ref = %(loan_ref)s AND (%(creditor)s::text IS NULL OR creditor = %(creditor)s::text);

-- name: loans_by_refs
-- Of any creditor. refs: text[].
SELECT lane, loan_id, loan_ref, creditor, currency FROM loan WHERE loan_ref = ANY(%(refs)s::text[]);

-- name: has_payment
-- Whether the book has a payment, reversed or not.
SELECT 1 FROM payment WHERE lane = %(lane)s AND payment_id = %(payment_id)s;

-- name: payments_of_loan
-- As known on as_of, each with what it met then.
SELECT p.payment_id, p.source, p.reference, p.amount_minor, p.paid_on, r.reversed_on,
       coalesce(r.reason, '') AS reason,
       (SELECT json_agg(json_build_object('number', a.number, 'part', a.part, 'amount_minor', a.amount_minor)
                        ORDER BY a.number, a.part)
        FROM allocation a
        WHERE a.lane = %(lane)s AND a.loan_id = p.loan_id AND a.payment_id = p.payment_id
          AND a.from_on <= %(as_of)s AND a.until_on > %(as_of)s) AS allocations
FROM payment p
LEFT JOIN reversal r ON r.lane = %(lane)s AND r.payment_id = p.payment_id AND r.reversed_on <= %(as_of)s
WHERE p.lane = %(lane)s AND p.loan_id = %(loan_id)s AND p.paid_on <= %(as_of)s
ORDER BY p.paid_on, p.payment_id;

-- name: suspended
-- Money that waits for its loan, the oldest first.
SELECT suspense_id, creditor, loan_ref, source, reference, currency, amount_minor, paid_on
FROM suspense WHERE placed_at IS NULL ORDER BY paid_on, creditor, source, reference, suspense_id;

-- name: suspended_as
-- What waits under a source and reference for a creditor, in a currency.
SELECT suspense_id, amount_minor, paid_on FROM suspense
WHERE placed_at IS NULL AND source = %(source)s AND reference = %(reference)s AND creditor = %(creditor)s
  AND currency = %(currency)s;

-- name: place_suspended
-- It has become a payment of a loan. Writes: suspense.
UPDATE suspense SET placed_loan_id = %(loan_id)s, placed_at = %(now)s
WHERE lane = get_byte(uuid_send(%(suspense_id)s::uuid), 0) AND suspense_id = %(suspense_id)s AND placed_at IS NULL;

-- name: borrowers_of_loan
-- The first borrower of every loan with this reference. loan_ref.
SELECT b.borrower_key
FROM loan l JOIN borrower b ON b.lane = l.lane AND b.borrower_id = l.borrower_id
WHERE l.loan_ref = %(loan_ref)s ORDER BY b.borrower_key;
