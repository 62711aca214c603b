-- What happened, once each: derived from the rows that an import, a person or a program has just written, or said by the
-- lender. Ids are made of what it is, so that whatever repeats writes nothing.

-- fragment: clock
-- The zone in which the lender's days are meant, and since when what happened may still be told: in a book that lives
-- through the past, always.
clock AS (
    SELECT coalesce((SELECT s.value #>> '{}' FROM setting s WHERE s.key = 'lender_zone'), 'UTC') AS zone,
           CASE WHEN (SELECT s.value #>> '{}' FROM setting s WHERE s.key = 'simulated') = 'true' THEN '-infinity'::timestamptz
                ELSE %(now)s::timestamptz - %(told_for)s::interval END AS since
)

-- fragment: moment
-- Of d.day: as near to :now as the day allows. What a file brings the morning after happened at the midnight between.
greatest(local_instant(d.day, '00:00', k.zone), least(%(now)s::timestamptz, local_instant(d.day + 1, '00:00', k.zone)))

-- fragment: note_payment(kind)
-- What happened to a payment p of a loan l on d.day. Followed by of_payment.
INSERT INTO event (lane, event_id, borrower_id, kind, loan_id, subject_id, creditor, product, currency, amount_minor, source,
                   recorded_by, occurred_at, recorded_at)
SELECT p.lane, md5(concat_ws('|', {kind}, p.payment_id))::uuid, l.borrower_id, {kind}, p.loan_id, p.payment_id, l.creditor,
       l.product, l.currency, p.amount_minor, 'book', %(by)s,
       -- include: moment
       , %(recorded_at)s

-- fragment: of_payment(day)
-- Of the payments s, each with its loan, one by one, since the planner would ask the hour of every payment of the book.
CROSS JOIN LATERAL (SELECT p.lane, p.loan_id, p.payment_id, p.amount_minor, p.paid_on FROM payment p
                    WHERE p.lane = s.lane AND p.payment_id = s.payment_id OFFSET 0) AS p
CROSS JOIN LATERAL (SELECT l.borrower_id, l.creditor, l.product, l.currency FROM loan l
                    WHERE l.lane = p.lane AND l.loan_id = p.loan_id OFFSET 0) AS l
CROSS JOIN clock k
CROSS JOIN LATERAL (SELECT {day} AS day) AS d
WHERE local_instant(d.day + 1, '00:00', k.zone) > k.since
ON CONFLICT DO NOTHING

-- name: note_payments
-- Payments of this batch, also those that waited for their loan. now, recorded_at, by; told_for: interval. Writes: event
-- Runs: in a working copy.
WITH
-- include: clock
-- include: note_payment('payment.received')
FROM (SELECT lane, payment_id FROM stage_payment UNION SELECT lane, payment_id FROM stage_placed) AS s
-- include: of_payment(p.paid_on)

-- name: note_reversals
-- Payments that were taken back, once the payment and its reversal are both known. As note_payments. Writes: event
-- Runs: in a working copy.
WITH
-- include: clock
-- include: note_payment('payment.reversed')
FROM (SELECT lane, payment_id FROM stage_payment UNION SELECT lane, payment_id FROM stage_placed
      UNION SELECT lane, payment_id FROM stage_reversal) AS s
JOIN reversal r ON r.lane = s.lane AND r.payment_id = s.payment_id
-- include: of_payment(r.reversed_on)

-- name: note_debits
-- Debits of this batch that the bank refused. As note_payments. Writes: event
-- Runs: in a working copy.
WITH
-- include: clock
INSERT INTO event (lane, event_id, borrower_id, kind, loan_id, subject_id, creditor, product, currency, amount_minor, detail, source,
                   recorded_by, occurred_at, recorded_at)
SELECT DISTINCT b.lane, md5(concat_ws('|', 'debit.failed', b.debit_id, b.result_on))::uuid, l.borrower_id, 'debit.failed', b.loan_id,
       b.debit_id, l.creditor, l.product, l.currency, b.amount_minor, jsonb_strip_nulls(jsonb_build_object('number', b.number)), 'book',
       %(by)s,
       -- include: moment
       , %(recorded_at)s::timestamptz
FROM stage_debit s
JOIN debit b ON b.lane = s.lane AND b.debit_id = s.debit_id
JOIN loan l ON l.lane = b.lane AND l.loan_id = b.loan_id
CROSS JOIN clock k
CROSS JOIN LATERAL (SELECT b.result_on AS day) AS d
WHERE b.state = 'failed' AND local_instant(d.day + 1, '00:00', k.zone) > k.since
ON CONFLICT DO NOTHING;

-- name: see_loans
-- Before the loans of this batch are written: what the book says of those it changes.
-- Runs: in a working copy.
INSERT INTO stage_before (lane, loan_id, annual_rate, state)
SELECT l.lane, l.loan_id, l.annual_rate, l.state
FROM stage_loan s JOIN loan l ON l.lane = s.lane AND l.loan_id = s.loan_id
WHERE NOT s.fresh;

-- name: see_days
-- Before the installments of this batch are written: the days of those that it moves.
-- Runs: in a working copy.
INSERT INTO stage_moved (lane, loan_id, number, due_before)
SELECT i.lane, i.loan_id, i.number, i.due_on
FROM stage_installment s JOIN installment i ON i.lane = s.lane AND i.loan_id = s.loan_id AND i.number = s.number
WHERE NOT s.fresh AND s.due_on <> coalesce(i.contract_due_on, i.due_on);

-- name: note_rates
-- Loans of this batch whose rate is another one than before. As note_payments. Writes: event
-- Runs: in a working copy.
INSERT INTO event (lane, event_id, borrower_id, kind, loan_id, creditor, product, currency, detail, source, recorded_by, occurred_at,
                   recorded_at)
SELECT l.lane, md5(concat_ws('|', 'rate.changed', l.loan_id, extract(epoch FROM l.recorded_at)))::uuid, l.borrower_id,
       'rate.changed', l.loan_id, l.creditor, l.product, l.currency,
       jsonb_build_object('rate', l.annual_rate::text, 'rate_before', w.annual_rate::text), 'book', %(by)s, %(now)s::timestamptz,
       %(recorded_at)s::timestamptz
FROM stage_before w
JOIN loan l ON l.lane = w.lane AND l.loan_id = w.loan_id
WHERE l.state = 'open' AND w.annual_rate <> l.annual_rate
ON CONFLICT DO NOTHING;

-- name: note_dates
-- Loans of this batch with an installment, not paid and not past, that is due on another day than before: of the first of
-- them. As note_payments. Writes: event
-- Runs: in a working copy.
WITH
-- include: clock
INSERT INTO event (lane, event_id, borrower_id, kind, loan_id, creditor, product, currency, detail, source, recorded_by, occurred_at,
                   recorded_at)
SELECT DISTINCT ON (i.lane, i.loan_id)
       i.lane, md5(concat_ws('|', 'date.changed', i.loan_id, extract(epoch FROM i.recorded_at)))::uuid, l.borrower_id, 'date.changed',
       i.loan_id, l.creditor, l.product, l.currency,
       jsonb_build_object('number', i.number, 'due_on', i.due_on, 'due_before', w.due_before), 'book', %(by)s,
       %(now)s::timestamptz, %(recorded_at)s::timestamptz
FROM stage_moved w
JOIN installment i ON i.lane = w.lane AND i.loan_id = w.loan_id AND i.number = w.number
JOIN loan l ON l.lane = i.lane AND l.loan_id = i.loan_id
CROSS JOIN clock k
WHERE l.state = 'open' AND i.settled_on IS NULL AND i.due_on >= (%(now)s::timestamptz AT TIME ZONE k.zone)::date
ORDER BY i.lane, i.loan_id, i.number
ON CONFLICT DO NOTHING;

-- name: note_move
-- A due day that was moved on request: of the first installment moved. lane, loan_id, number, due_before, source, by, now.
-- Writes: event
INSERT INTO event (lane, event_id, borrower_id, kind, loan_id, creditor, product, currency, detail, source, recorded_by, occurred_at,
                   recorded_at)
SELECT i.lane, md5(concat_ws('|', 'date.changed', i.loan_id, i.number, i.due_on, extract(epoch FROM %(now)s::timestamptz)))::uuid,
       l.borrower_id, 'date.changed', i.loan_id, l.creditor, l.product, l.currency,
       jsonb_build_object('number', i.number, 'due_on', i.due_on, 'due_before', %(due_before)s::date), 'book', %(by)s, %(now)s, now()
FROM installment i JOIN loan l ON l.lane = i.lane AND l.loan_id = i.loan_id
WHERE i.lane = %(lane)s AND i.loan_id = %(loan_id)s AND i.number = %(number)s AND i.due_on <> %(due_before)s::date
ON CONFLICT DO NOTHING;

-- fragment: unpaid
-- Whether installment i asks for something that has not come in on :as_of. w: its row of installment_was, if any.
i.due_minor > 0 AND coalesce(CASE WHEN w.lane IS NULL THEN i.settled_on ELSE w.settled_on END > %(as_of)s, true)
AND coalesce(i.superseded_on > %(as_of)s, true)

-- name: note_settled
-- Loans of this batch of which nothing is open any more: the lender has closed it, or all its principal has been listed
-- and paid. Paid again after a reversal it is settled again. Loan by loan: all installments would be read for those of a batch.
-- As note_payments. Writes: event
-- Runs: in a working copy.
WITH
-- include: clock
,
touched AS (
    SELECT lane, loan_id FROM stage_touched
    UNION
    SELECT s.lane, s.loan_id FROM stage_loan s JOIN loan l ON l.lane = s.lane AND l.loan_id = s.loan_id WHERE l.state = 'closed'
),
settled AS (
    SELECT t.lane, t.loan_id, s.settled_on, s.principal_minor
    FROM touched t
    CROSS JOIN LATERAL (
        SELECT max(i.settled_on) AS settled_on, sum(i.principal_minor) AS principal_minor
        FROM installment i WHERE i.lane = t.lane AND i.loan_id = t.loan_id
        HAVING bool_and(i.settled_on IS NOT NULL OR i.superseded_on IS NOT NULL OR i.due_minor = 0) AND max(i.settled_on) IS NOT NULL
    ) AS s
)
INSERT INTO event (lane, event_id, borrower_id, kind, loan_id, creditor, product, currency, source, recorded_by, occurred_at,
                   recorded_at)
SELECT l.lane, md5(concat_ws('|', 'loan.settled', l.loan_id, n.settled_on))::uuid, l.borrower_id, 'loan.settled', l.loan_id, l.creditor,
       l.product, l.currency, 'book', %(by)s,
       CASE WHEN w.lane IS NOT NULL THEN %(now)s::timestamptz ELSE
       -- include: moment
       END, %(recorded_at)s
FROM settled n
JOIN loan l ON l.lane = n.lane AND l.loan_id = n.loan_id
LEFT JOIN stage_before w ON w.lane = l.lane AND w.loan_id = l.loan_id AND w.state = 'open' AND l.state = 'closed'
CROSS JOIN clock k
CROSS JOIN LATERAL (SELECT n.settled_on AS day) AS d
WHERE (l.state = 'closed' OR l.method <> 'revolving' AND n.principal_minor >= l.principal_minor)
  AND (w.lane IS NOT NULL OR local_instant(d.day + 1, '00:00', k.zone) > k.since)
ON CONFLICT DO NOTHING;

-- name: record_event
-- What somebody said happened. lane, event_id, borrower_id, kind, loan_id (null: none), subject_id, creditor, product,
-- currency, amount_minor, detail, source, by, at, now. Of a loan creditor, product and currency are the loan's.
-- Writes: event
INSERT INTO event (lane, event_id, borrower_id, kind, loan_id, subject_id, creditor, product, currency, amount_minor, detail, source,
                   recorded_by, occurred_at, recorded_at)
SELECT coalesce(l.lane, %(lane)s::smallint), %(event_id)s::uuid, coalesce(l.borrower_id, %(borrower_id)s::uuid), %(kind)s::text,
       l.loan_id, %(subject_id)s::uuid, coalesce(l.creditor, %(creditor)s), coalesce(l.product, %(product)s), coalesce(l.currency, %(currency)s),
       %(amount_minor)s::bigint, %(detail)s::jsonb, %(source)s, %(by)s, %(at)s::timestamptz, %(now)s::timestamptz
FROM (SELECT 1) AS one
LEFT JOIN loan l ON l.lane = %(lane)s AND l.loan_id = %(loan_id)s
WHERE (%(loan_id)s::uuid IS NULL) = (l.lane IS NULL)
ON CONFLICT DO NOTHING;

-- name: create_event_staging
-- Beside the staging of a book's import (importing.create_staging), whose keys and loans it uses. stage_before, stage_moved:
-- what the book said before this batch of the loans it changes, and of the installments whose day it changes.
CREATE TEMP TABLE IF NOT EXISTS stage_event (
    row_no bigint, event_id uuid, key_hash bytea, loan_id uuid, kind text, creditor text, product text, currency text,
    amount_minor bigint, detail jsonb, at timestamptz, at_local timestamp, at_zone text, day_alone boolean,
    lane smallint, borrower_id uuid);
CREATE TEMP TABLE IF NOT EXISTS stage_before (lane smallint, loan_id uuid, annual_rate numeric(12, 8), state text);
CREATE TEMP TABLE IF NOT EXISTS stage_moved (lane smallint, loan_id uuid, number integer, due_before date);

-- name: copy_events
-- In the order of records.EventRecord.
COPY stage_event (row_no, event_id, key_hash, loan_id, kind, creditor, product, currency, amount_minor, detail, at, at_local,
                  at_zone, day_alone) FROM STDIN;

-- name: clear_events
-- Before each batch.
TRUNCATE stage_event, stage_before, stage_moved;

-- name: find_event_keys
-- What the directory, or this check, knows of the customer keys of events.
-- Runs: in a working copy.
WITH asked AS (SELECT DISTINCT key_hash FROM stage_event WHERE key_hash IS NOT NULL)
-- include: book/importing.known_keys

-- name: find_event_loans
-- Where the loans that events speak of already are, in the book or by this check.
-- Runs: in a working copy.
WITH asked AS (SELECT DISTINCT loan_id FROM stage_event WHERE loan_id IS NOT NULL)
-- include: book/importing.known_loans

-- name: check_events
-- Events of a borrower (B033) or loan (B032) that neither the book nor this file has, in another currency than the loan's
-- (B034), or of a loan that has another borrower (B130).
WITH known AS (
    SELECT e.row_no, e.key_hash, e.currency, e.loan_id, a.borrower_id, coalesce(a.currency, n.currency) AS loan_currency, n.key_hash AS loan_key,
           a.loan_id IS NOT NULL OR n.loan_id IS NOT NULL AS has_loan
    FROM stage_event e
    LEFT JOIN stage_loan_at a ON a.loan_id = e.loan_id
    LEFT JOIN (SELECT DISTINCT ON (loan_id) loan_id, key_hash, currency FROM stage_loan ORDER BY loan_id, row_no) AS n ON n.loan_id = e.loan_id
)
INSERT INTO stage_bad (row_no, code)
SELECT row_no, 'B033' FROM known e
WHERE e.key_hash IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM (SELECT key_hash FROM stage_key UNION ALL SELECT key_hash FROM stage_borrower) AS k
                  WHERE k.key_hash = e.key_hash)
UNION
SELECT row_no, 'B032' FROM known WHERE loan_id IS NOT NULL AND NOT has_loan
UNION
SELECT row_no, 'B034' FROM known WHERE has_loan AND loan_currency <> currency AND currency <> 'XXX'
UNION
SELECT e.row_no, 'B130' FROM known e LEFT JOIN stage_key k ON k.key_hash = e.key_hash
WHERE e.has_loan AND e.key_hash IS NOT NULL AND NOT coalesce(k.borrower_id = e.borrower_id, e.key_hash = e.loan_key, false)
ON CONFLICT DO NOTHING;

-- name: drop_bad_events
-- With the rest of their rows.
DELETE FROM stage_event e USING stage_bad x WHERE x.row_no = e.row_no;

-- name: place_events
-- By the loan, else by the key.
UPDATE stage_event e
SET lane = coalesce(a.lane, k.lane), borrower_id = coalesce(a.borrower_id, k.borrower_id)
FROM stage_event o
LEFT JOIN stage_loan_at a ON a.loan_id = o.loan_id
LEFT JOIN stage_key k ON k.key_hash = o.key_hash
WHERE o.ctid = e.ctid;

-- name: count_events
-- Of this batch.
SELECT count(DISTINCT event_id) FROM stage_event;

-- name: write_events
-- A wall clock without a zone is the borrower's, a day alone as near to now as it allows. As note_payments. Writes: event
-- Runs: in a working copy.
WITH
-- include: clock
INSERT INTO event (lane, event_id, borrower_id, kind, loan_id, creditor, product, currency, amount_minor, detail, source, recorded_by,
                   occurred_at, recorded_at)
SELECT DISTINCT ON (s.lane, s.event_id)
       s.lane, s.event_id, s.borrower_id, s.kind, s.loan_id, coalesce(l.creditor, s.creditor), coalesce(l.product, s.product),
       coalesce(l.currency, s.currency), s.amount_minor, s.detail, 'import', %(by)s, m.at, %(recorded_at)s::timestamptz
FROM stage_event s
JOIN borrower b ON b.lane = s.lane AND b.borrower_id = s.borrower_id
LEFT JOIN loan l ON l.lane = s.lane AND l.loan_id = s.loan_id
CROSS JOIN clock c
CROSS JOIN LATERAL (SELECT coalesce(nullif(s.at_zone, ''), b.zone) AS zone, c.since) AS k
CROSS JOIN LATERAL (SELECT s.at_local::date AS day) AS d
CROSS JOIN LATERAL (SELECT CASE WHEN s.at IS NOT NULL THEN s.at
                                WHEN s.day_alone THEN
                                -- include: moment
                                ELSE local_instant(d.day, s.at_local::time, k.zone) END AS at) AS m
WHERE m.at > k.since
ORDER BY s.lane, s.event_id, s.row_no
ON CONFLICT DO NOTHING;

-- name: events_of
-- The latest first. lanes: all of them; borrower_id, kind: null for all; most: how many.
SELECT e.event_id, b.borrower_key, e.kind, l.loan_ref AS loan, e.creditor, e.currency, e.amount_minor, e.detail, e.source,
       e.recorded_by, e.occurred_at, e.recorded_at, e.planned_at, b.zone,
       (SELECT coalesce(json_agg(json_build_object('policy', m.policy, 'step', m.step, 'message', m.message_id, 'state', coalesce(m.outcome, m.state),
                                                   'rule', m.rule) ORDER BY m.planned_at, m.step, m.leg), '[]')
        FROM message_item x JOIN message m ON m.lane = x.lane AND m.group_id = x.group_id
        WHERE x.lane = e.lane AND x.loan_id = coalesce(e.loan_id, '00000000-0000-0000-0000-000000000000') AND x.number = 0
          AND x.event_id = e.event_id) AS messages
FROM event e
JOIN borrower b ON b.lane = e.lane AND b.borrower_id = e.borrower_id
LEFT JOIN loan l ON l.lane = e.lane AND l.loan_id = e.loan_id
WHERE e.lane = ANY(%(lanes)s::smallint[]) AND (%(borrower_id)s::uuid IS NULL OR e.borrower_id = %(borrower_id)s::uuid)
  AND (%(kind)s::text IS NULL OR e.kind = %(kind)s::text)
ORDER BY e.occurred_at DESC, e.recorded_at DESC, e.event_id
LIMIT %(most)s;
