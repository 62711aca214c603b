-- Promises to pay, and what payments made of them.

-- name: judge_promises
-- Of promises for the last 400 days and to come: what was paid by the day after the one promised, and how the promise stands.
-- It is whole when as much as was promised has been paid since it was said, or, where no amount was named, when nothing that was
-- due by then is open; nothing was: the next that falls due. It is not called broken before the payments of that day are known
-- (payment_feed), and not judged where no debt of its currency is in the person's lane. Answers whose being kept changes: these
-- are written only for the one person whose row the caller has locked. That a promise about one loan was kept, or was not, is noted
-- for policies to tell. lanes: smallint[]; whom: null for all, of whom nobody's being kept is written; as_of: the lender's date; now.
-- Writes: promise, event
WITH
-- include: rules.fed
,
said AS (
    SELECT p.* FROM promise p
    WHERE p.lane = ANY(%(lanes)s::smallint[]) AND p.state <> 'withdrawn' AND p.promised_on > %(as_of)s::date - 400
      AND coalesce(p.borrower_id = %(whom)s::uuid, true)
),
about AS (
    SELECT s.lane, s.response_id, l.loan_id, l.creditor, s.said_on, s.promised_on, s.keep_by, s.amount_minor
    FROM said s
    JOIN loan l ON l.lane = s.lane AND (l.loan_id = s.loan_id OR s.loan_id IS NULL AND l.borrower_id = s.borrower_id)
               AND (s.currency = '' OR l.currency = s.currency)
),
came AS (
    SELECT a.lane, a.response_id, y.paid_on, y.amount_minor, a.keep_by, a.amount_minor AS promised_minor,
           sum(y.amount_minor) OVER (PARTITION BY a.lane, a.response_id ORDER BY y.paid_on, y.payment_id) AS so_far
    FROM about a
    JOIN payment y ON y.lane = a.lane AND y.loan_id = a.loan_id AND y.paid_on BETWEEN a.said_on AND %(as_of)s::date
    WHERE NOT EXISTS (SELECT 1 FROM reversal r WHERE r.lane = y.lane AND r.payment_id = y.payment_id
                                                 AND r.reversed_on <= %(as_of)s::date)
),
money AS (
    SELECT lane, response_id, coalesce(sum(amount_minor) FILTER (WHERE paid_on <= keep_by), 0) AS paid_minor,
           min(paid_on) FILTER (WHERE so_far >= promised_minor) AS whole_on
    FROM came GROUP BY lane, response_id
),
owed AS (
    SELECT a.lane, a.response_id, greatest(a.promised_on, min(i.due_on)) AS through
    FROM about a
    JOIN installment i ON i.lane = a.lane AND i.loan_id = a.loan_id AND i.due_minor > 0
                      AND coalesce(i.superseded_on > a.promised_on, true) AND coalesce(i.settled_on >= a.said_on, true)
    WHERE a.amount_minor IS NULL
    GROUP BY a.lane, a.response_id, a.promised_on
),
debts AS (
    SELECT a.lane, a.response_id, count(*) FILTER (WHERE coalesce(i.settled_on > %(as_of)s::date, true)) AS open,
           max(i.settled_on) AS settled_on
    FROM about a
    LEFT JOIN owed o ON o.lane = a.lane AND o.response_id = a.response_id
    JOIN installment i ON i.lane = a.lane AND i.loan_id = a.loan_id AND i.due_on <= coalesce(o.through, a.promised_on)
                      AND i.due_minor > 0 AND coalesce(i.superseded_on > a.promised_on, true)
    WHERE a.amount_minor IS NULL
    GROUP BY a.lane, a.response_id
),
behind AS (
    SELECT DISTINCT a.lane, a.response_id FROM about a JOIN fed f ON f.creditor = a.creditor AND f.complete_through < a.keep_by
),
whole AS (
    SELECT s.lane, s.response_id, s.borrower_id, s.keep_by, s.state AS was, coalesce(m.paid_minor, 0) AS paid_minor,
           b.lane IS NOT NULL AS behind,
           CASE WHEN s.amount_minor IS NOT NULL THEN m.whole_on
                WHEN d.open = 0 THEN greatest(d.settled_on, s.said_on) END AS whole_on
    FROM said s
    JOIN (SELECT DISTINCT lane, response_id FROM about) AS a ON a.lane = s.lane AND a.response_id = s.response_id
    LEFT JOIN money m ON m.lane = s.lane AND m.response_id = s.response_id
    LEFT JOIN debts d ON d.lane = s.lane AND d.response_id = s.response_id
    LEFT JOIN behind b ON b.lane = s.lane AND b.response_id = s.response_id
),
judged AS (
    SELECT *, (was = 'kept') <> (state = 'kept') AS turned
    FROM (SELECT *, CASE WHEN whole_on <= keep_by THEN 'kept'
                         WHEN keep_by >= %(as_of)s::date OR behind THEN 'open'
                         WHEN whole_on IS NOT NULL THEN 'late'
                         WHEN paid_minor > 0 THEN 'partial'
                         ELSE 'broken' END AS state FROM whole) AS w
),
changed AS (
    UPDATE promise p
    SET state = j.state, paid_minor = j.paid_minor, kept_on = j.whole_on, judged_at = %(now)s
    FROM judged j
    WHERE p.lane = j.lane AND p.response_id = j.response_id AND p.state = j.was
      AND (%(whom)s::uuid IS NOT NULL OR NOT j.turned) AND (p.state, p.paid_minor, p.kept_on) IS DISTINCT FROM (j.state, j.paid_minor, j.whole_on)
    RETURNING p.lane, p.response_id, p.borrower_id, p.amount_minor, p.state, j.was
),
told AS (
    INSERT INTO event (lane, event_id, borrower_id, kind, loan_id, subject_id, creditor, product, currency, amount_minor, source,
                       recorded_by, occurred_at, recorded_at)
    SELECT c.lane, md5(concat_ws('|', k.kind, c.response_id))::uuid, c.borrower_id, k.kind, l.loan_id, c.response_id, l.creditor, l.product,
           l.currency, c.amount_minor, 'book', 'promise', %(now)s::timestamptz, %(now)s::timestamptz
    FROM changed c
    CROSS JOIN LATERAL (SELECT CASE WHEN c.state = 'kept' THEN 'promise.kept'
                                    WHEN c.state IN ('broken', 'partial') THEN 'promise.broken' END AS kind) AS k
    JOIN (SELECT lane, response_id, min(loan_id::text)::uuid AS loan_id FROM about GROUP BY lane, response_id HAVING count(*) = 1) AS one
      ON one.lane = c.lane AND one.response_id = c.response_id
    JOIN loan l ON l.lane = one.lane AND l.loan_id = one.loan_id
    WHERE k.kind IS NOT NULL AND c.state <> c.was AND NOT (c.state IN ('broken', 'partial') AND c.was IN ('broken', 'partial'))
    ON CONFLICT DO NOTHING
)
SELECT DISTINCT lane, borrower_id FROM judged WHERE turned ORDER BY lane, borrower_id;

-- name: list_promises
-- Promises for the days :from_on to :to_on (null: open end), by day. state: null for all but withdrawn ones; take.
SELECT p.response_id, b.borrower_key,
       (SELECT l.loan_ref FROM loan l WHERE l.lane = p.lane AND l.loan_id = p.loan_id) AS loan, p.said_on, p.promised_on, p.keep_by,
       p.amount_minor, p.currency, p.paid_minor, p.kept_on, p.state, p.accepted, p.standing
FROM promise p
JOIN borrower b ON b.lane = p.lane AND b.borrower_id = p.borrower_id
WHERE coalesce(p.promised_on >= %(from_on)s::date, true) AND coalesce(p.promised_on <= %(to_on)s::date, true)
  AND CASE WHEN %(state)s::text IS NULL THEN p.state <> 'withdrawn' ELSE p.state = %(state)s END
ORDER BY p.promised_on, b.borrower_key, p.said_at
LIMIT %(take)s;
