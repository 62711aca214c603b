-- Reading back what was planned, said and heard: for status, reports, one message, one borrower. Nothing is written.

-- name: funnel
-- Messages by policy step and by where they stand, for the local days :from_on to :to_on.
SELECT policy, step, purpose, route[route_at] AS channel, coalesce(outcome, state) AS standing,
       coalesce(rule, '') AS rule, count(*) AS messages
FROM message WHERE local_on BETWEEN %(from_on)s AND %(to_on)s
GROUP BY policy, step, purpose, route[route_at], coalesce(outcome, state), coalesce(rule, '')
ORDER BY policy, step, standing, rule;

-- name: attempts_by_channel
-- Attempts by channel and step and what became of them, for the local days :from_on to :to_on.
SELECT m.step, a.channel, a.state, count(*) AS attempts, coalesce(sum(a.parts), 0) AS parts
FROM message m JOIN attempt a ON a.lane = m.lane AND a.message_id = m.message_id
WHERE m.local_on BETWEEN %(from_on)s AND %(to_on)s
GROUP BY m.step, a.channel, a.state ORDER BY m.step, a.channel, a.state;

-- name: standing_now
-- The whole installation at a glance. now.
SELECT
    (SELECT count(*) FROM message WHERE state = 'planned') AS planned,
    (SELECT count(*) FROM message WHERE state = 'planned' AND not_before <= %(now)s) AS due,
    (SELECT min(not_before) FROM message WHERE state = 'planned' AND not_before > %(now)s) AS next_due,
    (SELECT count(*) FROM message WHERE state = 'in_flight') AS in_flight,
    (SELECT count(*) FROM attempt WHERE state = 'unknown' AND valid_until > %(now)s) AS unknown_open,
    (SELECT count(*) FROM attempt WHERE state = 'unknown') AS unknown,
    (SELECT count(*) FROM lane_lease WHERE owner IS NOT NULL AND expires_at > clock_timestamp()) AS lanes_held,
    (SELECT count(DISTINCT owner) FROM lane_lease
     WHERE owner IS NOT NULL AND expires_at > clock_timestamp()) AS workers;

-- name: lanes
-- Every lane: who holds it, until when; the instant at which the oldest of its messages fell due that nobody has claimed;
-- how many are due; how many receipts and results of calls are waited for. Read every few seconds also on a large book, so
-- that each figure is a look into one lane's part of an index of what is open, and none counts further than :most. now: by
-- which messages are due; channels: all there are; leases by the database's clock.
SELECT l.lane, l.owner, coalesce(l.owner IS NOT NULL AND l.expires_at > clock_timestamp(), false) AS held,
       extract(epoch FROM clock_timestamp() - l.expires_at)::double precision AS over_seconds,
       o.oldest,
       (SELECT count(*) FROM (SELECT 1 FROM message m
                              WHERE m.lane = l.lane AND m.route[m.route_at] = ANY(%(channels)s::text[]) AND m.state = 'planned'
                                AND m.not_before <= %(now)s
                              LIMIT %(most)s) AS x) AS due,
       (SELECT count(*) FROM (SELECT 1 FROM attempt a
                              WHERE a.lane = l.lane AND a.state = 'sent' AND a.channel <> 'task' AND a.valid_until > %(now)s
                              LIMIT %(most)s) AS x) AS awaited,
       (SELECT count(*) FROM (SELECT 1 FROM attempt a
                              WHERE a.lane = l.lane AND a.state = 'sent' AND a.channel = 'task' AND a.valid_until > %(now)s
                              LIMIT %(most)s) AS x) AS tasks
FROM lane_lease l
JOIN (SELECT k.lane, min((SELECT min(m.not_before) FROM message m
                          WHERE m.lane = k.lane AND m.route[m.route_at] = c.channel AND m.state = 'planned'
                            AND m.not_before <= %(now)s)) AS oldest
      FROM lane_lease k CROSS JOIN unnest(%(channels)s::text[]) AS c (channel) GROUP BY k.lane) AS o ON o.lane = l.lane
ORDER BY l.lane;

-- name: backlogs
-- What waits for a person or for us, each :most at most. unknown: attempts whose outcome nobody knows, of all time.
SELECT
    (SELECT count(*) FROM (SELECT 1 FROM attempt WHERE state = 'unknown' LIMIT %(most)s) AS x) AS unknown,
    (SELECT count(*) FROM (SELECT 1 FROM reply_waiting LIMIT %(most)s) AS x) AS replies,
    (SELECT count(*) FROM batch WHERE state = 'held') AS held_batches,
    (SELECT count(*) FROM stop WHERE resumed_at IS NULL) AS stops,
    (SELECT count(*) FROM alert WHERE closed_at IS NULL) AS alerts;

-- name: funnel_of_day
-- Messages of one day of the borrowers by where they stand; withheld: planned, and a rule stands against it. local_on.
SELECT CASE WHEN state = 'planned' AND rule IS NOT NULL THEN 'withheld' ELSE coalesce(outcome, state) END AS standing,
       CASE WHEN state = 'planned' THEN coalesce(rule, '') ELSE '' END AS rule, count(*) AS messages
FROM message WHERE local_on = %(local_on)s GROUP BY 1, 2 ORDER BY 1, 2;

-- name: planned_at
-- The messages of these lanes that were planned at :now: for the log at level debug. lanes.
SELECT message_id FROM message WHERE lane = ANY(%(lanes)s::smallint[]) AND state = 'planned' AND planned_at = %(now)s;

-- name: causes
-- Attempts claimed since :since that did not arrive, by channel, provider and cause.
SELECT channel, provider, coalesce(cause, 'other') AS cause, count(*) AS attempts
FROM attempt WHERE state = 'refused' AND claimed_at >= %(since)s
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;

-- name: unknown_attempts
-- Attempts whose outcome nobody knows, the newest first. take.
SELECT message_id, attempt_id, channel, provider, claimed_at, reason
FROM attempt WHERE state = 'unknown' ORDER BY claimed_at DESC LIMIT %(take)s;

-- name: find_message
-- Messages whose id lies between :least and :most; two at most, to see that it is one. lanes: all of them.
SELECT lane, message_id FROM message
WHERE lane = ANY(%(lanes)s::smallint[]) AND message_id BETWEEN %(least)s AND %(most)s LIMIT 2;

-- name: show_message
-- One message. lane, message_id.
SELECT m.message_id, b.borrower_key, m.party, m.actor, m.acts, m.policy, m.policy_version, m.step, m.purpose, m.creditor, m.currency,
       m.template, m.template_version, m.route, m.route_at, m.next_if, m.next_after_seconds, m.next_by, m.zone, m.local_on,
       m.supplement, m.state, m.outcome, m.planned_for, m.not_before, m.useful_until, m.rule, m.reason
FROM message m JOIN borrower b ON b.lane = m.lane AND b.borrower_id = m.borrower_id
WHERE m.lane = %(lane)s AND m.message_id = %(message_id)s;

-- name: show_items
-- What a message speaks of. lane, message_id.
SELECT l.loan_ref, i.number, i.due_on, i.due_minor, l.currency, x.step, i.settled_on
FROM message m
JOIN message_item x ON x.lane = m.lane AND x.group_id = m.group_id
JOIN installment i ON i.lane = x.lane AND i.loan_id = x.loan_id AND i.number = x.number
JOIN loan l ON l.lane = x.lane AND l.loan_id = x.loan_id
WHERE m.lane = %(lane)s AND m.message_id = %(message_id)s
ORDER BY i.due_on, l.loan_ref, i.number;

-- name: show_events
-- What a message tells of, when it is no installment. lane, message_id.
SELECT e.event_id, e.kind, e.occurred_at, l.loan_ref, e.amount_minor, e.currency
FROM message m
JOIN message_item x ON x.lane = m.lane AND x.group_id = m.group_id
JOIN event e ON e.lane = x.lane AND e.event_id = x.event_id
LEFT JOIN loan l ON l.lane = e.lane AND l.loan_id = e.loan_id
WHERE m.lane = %(lane)s AND m.message_id = %(message_id)s
ORDER BY e.occurred_at, e.event_id;

-- name: show_attempts
-- The attempts of a message with their sealed text and address. lane, message_id.
SELECT a.attempt_id, a.seq, a.channel, a.provider, a.state, a.provider_message_id, a.code, a.cause, a.reason, a.parts,
       a.text_sealed, a.text_digest, a.text_erased_at, a.claimed_at, a.sent_at, a.settled_at, a.valid_until, a.contact_point_id,
       p.address_sealed
FROM attempt a
LEFT JOIN contact_point p ON p.lane = a.lane AND p.contact_point_id = a.contact_point_id
WHERE a.lane = %(lane)s AND a.message_id = %(message_id)s ORDER BY a.seq;

-- name: show_receipts
-- Every receipt of a message's attempts. lane, message_id.
WITH a AS MATERIALIZED (
    SELECT seq, attempt_id, provider, provider_message_id FROM attempt WHERE lane = %(lane)s AND message_id = %(message_id)s
)
SELECT a.seq, r.provider, r.status, r.code, nullif(r.cause, 'other') AS cause, r.received_at, r.evidence
FROM a JOIN receipt r ON r.provider = a.provider AND r.provider_message_id = a.provider_message_id
UNION
SELECT a.seq, r.provider, r.status, r.code, nullif(r.cause, 'other') AS cause, r.received_at, r.evidence
FROM a JOIN receipt r ON r.attempt_id = a.attempt_id
ORDER BY 1, 6;

-- name: show_history
-- Every transition of a message and its attempts: the verdicts, in order. lane, message_id.
SELECT h.at, h.subject, h.state, h.rule, h.reason
FROM history h
WHERE h.lane = %(lane)s
  AND (h.subject_id = %(message_id)s OR h.subject_id IN (
      SELECT attempt_id FROM attempt WHERE lane = %(lane)s AND message_id = %(message_id)s))
ORDER BY h.at, h.recorded_at, h.subject, h.version;

-- name: show_verdicts
-- What was decided of a message, in order, with what the rules saw. lane, message_id.
SELECT h.at, h.state, h.rule, h.reason, h.verdict
FROM history h
WHERE h.lane = %(lane)s AND h.subject_id = %(message_id)s AND h.subject = 'message'
ORDER BY h.version;

-- name: borrower_messages
-- A borrower's messages in the order of their days. lane, borrower_id.
SELECT message_id, step, purpose, local_on, state, outcome, rule, route, tries, template
FROM message WHERE lane = %(lane)s AND borrower_id = %(borrower_id)s
ORDER BY local_on, planned_for, leg;

-- name: page_of_messages
-- A borrower's messages, the latest day first, before :before_on and :before_id (null: from the beginning). lane,
-- borrower_id; take.
SELECT message_id, policy, step, purpose, creditor, local_on, planned_for, state, outcome, rule,
       route[route_at] AS channel, tries
FROM message
WHERE lane = %(lane)s AND borrower_id = %(borrower_id)s
  AND (%(before_on)s::date IS NULL OR (local_on, message_id) < (%(before_on)s::date, %(before_id)s::uuid))
ORDER BY local_on DESC, message_id DESC LIMIT %(take)s;

-- name: borrower_history
-- Transitions of all of a borrower's messages and attempts. lane, borrower_id.
SELECT h.at, h.subject, coalesce(a.channel, m.step) AS what, h.state, h.rule, h.reason
FROM history h
LEFT JOIN message m ON m.lane = h.lane AND m.message_id = h.subject_id AND m.borrower_id = %(borrower_id)s
LEFT JOIN attempt a ON a.lane = h.lane AND a.attempt_id = h.subject_id AND a.borrower_id = %(borrower_id)s
WHERE h.lane = %(lane)s AND (m.message_id IS NOT NULL OR a.attempt_id IS NOT NULL)
ORDER BY h.at, h.recorded_at, h.subject, h.version;

-- name: months
-- Month by month: installments that fell due and what they asked for, how many of those were met in time (by the due
-- date and its grace), late, or not by :to_on, as the payments stood on that day; accounts reminded and contacted about being overdue; payments that were
-- not taken back by :to_on.
WITH month AS (
    SELECT m::date AS starts, (m + interval '1 month')::date AS ends
    FROM generate_series(date_trunc('month', %(from_on)s::timestamp), %(to_on)s::timestamp, '1 month') AS m
),
due AS (
    SELECT date_trunc('month', i.due_on)::date AS starts, l.currency, count(*) AS installments,
           sum(i.due_minor) AS due_minor,
           count(*) FILTER (WHERE s.settled_on <= i.due_on) AS met_by_due,
           count(*) FILTER (WHERE s.settled_on > i.due_on
                            AND s.settled_on <= i.due_on + coalesce(i.grace_days, 0)) AS met_in_grace,
           count(*) FILTER (WHERE coalesce(s.settled_on, 'infinity') > i.due_on + coalesce(i.grace_days, 0)
                            AND i.due_on + coalesce(i.grace_days, 0) < %(to_on)s::date) AS overdue,
           count(*) FILTER (WHERE s.settled_on > i.due_on + coalesce(i.grace_days, 0)
                            AND s.settled_on <= %(to_on)s::date) AS met_late
    FROM installment i
    JOIN loan l ON l.lane = i.lane AND l.loan_id = i.loan_id
    LEFT JOIN installment_was w ON w.lane = i.lane AND w.loan_id = i.loan_id AND w.number = i.number
                               AND w.from_on <= %(to_on)s::date AND w.until_on > %(to_on)s::date
    CROSS JOIN LATERAL (SELECT CASE WHEN w.lane IS NULL THEN i.settled_on ELSE w.settled_on END AS settled_on) AS s
    WHERE i.due_minor > 0 AND i.due_on BETWEEN %(from_on)s AND %(to_on)s
    GROUP BY 1, 2
),
reached AS (
    SELECT date_trunc('month', k.local_on)::date AS starts, l.currency,
           count(DISTINCT k.loan_id) FILTER (WHERE k.purpose = 'reminder') AS reminded,
           count(DISTINCT k.loan_id) FILTER (WHERE k.purpose = 'collection') AS contacted
    FROM contact k
    JOIN attempt a ON a.lane = k.lane AND a.attempt_id = k.attempt_id
    JOIN loan l ON l.lane = k.lane AND l.loan_id = k.loan_id
    WHERE k.local_on BETWEEN %(from_on)s AND %(to_on)s AND k.weight = 1 AND a.sent_at IS NOT NULL
    GROUP BY 1, 2
),
paid AS (
    SELECT date_trunc('month', p.paid_on)::date AS starts, l.currency, count(*) AS payments,
           count(DISTINCT p.loan_id) AS payers, sum(p.amount_minor) AS paid_minor
    FROM payment p JOIN loan l ON l.lane = p.lane AND l.loan_id = p.loan_id
    WHERE p.paid_on BETWEEN %(from_on)s AND %(to_on)s
      AND NOT EXISTS (SELECT 1 FROM reversal r WHERE r.lane = p.lane AND r.payment_id = p.payment_id
                                                 AND r.reversed_on <= %(to_on)s)
    GROUP BY 1, 2
)
SELECT m.starts AS month, coalesce(d.currency, p.currency) AS currency,
       coalesce(d.installments, 0) AS due, coalesce(d.due_minor, 0) AS due_minor,
       coalesce(r.reminded, 0) AS reminded, coalesce(d.met_by_due, 0) AS met_by_due,
       coalesce(d.met_in_grace, 0) AS met_in_grace, coalesce(d.overdue, 0) AS overdue,
       coalesce(r.contacted, 0) AS contacted, coalesce(d.met_late, 0) AS met_late,
       coalesce(p.payers, 0) AS payers, coalesce(p.payments, 0) AS payments, coalesce(p.paid_minor, 0) AS paid_minor
FROM month m
LEFT JOIN (due d FULL JOIN paid p ON p.starts = d.starts AND p.currency = d.currency)
       ON m.starts = coalesce(d.starts, p.starts)
LEFT JOIN reached r ON r.starts = m.starts AND r.currency = coalesce(d.currency, p.currency)
WHERE coalesce(d.currency, p.currency) IS NOT NULL
ORDER BY m.starts, 2;

-- name: lender_states
-- Month by month, our standing of the installments due in it against the state the lender itself gives the account
-- for that month (borrower's attribute :attribute, a JSON object of month to state). from_on, to_on.
-- Ours, at the month's end: met (the minimum came in by then), short (something, but less than the minimum came in),
-- missed (nothing came in), nothing-due.
WITH month AS (
    SELECT to_char(m, 'YYYY-MM') AS key, m::date AS starts, (m + interval '1 month' - interval '1 day')::date AS ends
    FROM generate_series(date_trunc('month', %(from_on)s::timestamp), %(to_on)s::timestamp, '1 month') AS m
),
account AS (
    SELECT m.key AS month, m.starts, m.ends, l.lane, l.loan_id,
           (b.attributes -> %(attribute)s::text ->> m.key)::int AS state
    FROM month m
    CROSS JOIN borrower b
    JOIN loan l ON l.lane = b.lane AND l.borrower_id = b.borrower_id
    WHERE b.attributes -> %(attribute)s::text ? m.key
),
standing AS (
    SELECT a.month, a.state, a.lane, a.loan_id,
           CASE WHEN i.loan_id IS NULL THEN 'nothing-due'
                WHEN CASE WHEN w.lane IS NULL THEN i.settled_on ELSE w.settled_on END <= a.ends THEN 'met'
                WHEN EXISTS (SELECT 1 FROM allocation x WHERE x.lane = i.lane AND x.loan_id = i.loan_id
                             AND x.number = i.number AND x.from_on <= a.ends AND x.until_on > a.ends) THEN 'short'
                ELSE 'missed' END AS ours,
           coalesce(CASE WHEN w.lane IS NULL THEN i.past_due_since ELSE w.past_due_since END < i.due_on, false) AS arrears
    FROM account a
    LEFT JOIN installment i ON i.lane = a.lane AND i.loan_id = a.loan_id AND i.due_minor > 0
                           AND i.due_on BETWEEN a.starts AND a.ends
    LEFT JOIN installment_was w ON w.lane = i.lane AND w.loan_id = i.loan_id AND w.number = i.number
                               AND w.from_on <= a.ends AND w.until_on > a.ends
)
SELECT month, state, ours, arrears, count(*) AS accounts
FROM standing GROUP BY month, state, ours, arrears ORDER BY month, state, ours, arrears;

-- name: sample_messages
-- A message of each channel worth showing, those in Chinese and those that speak of most first; the last is a collection
-- notice by SMS. from_on, to_on: local days.
SELECT DISTINCT ON (kind) kind, message_id FROM (
    SELECT m.message_id, a.channel || CASE WHEN m.purpose = 'collection' AND a.channel = 'sms' THEN ', collection' ELSE '' END AS kind,
           b.language LIKE 'zh%%' AS chinese,
           (SELECT count(*) FROM message_item x WHERE x.lane = m.lane AND x.group_id = m.group_id) AS items
    FROM message m
    JOIN attempt a ON a.lane = m.lane AND a.message_id = m.message_id AND a.seq = m.tries
    JOIN borrower b ON b.lane = m.lane AND b.borrower_id = m.borrower_id
    WHERE m.local_on BETWEEN %(from_on)s AND %(to_on)s AND m.outcome IN ('read', 'delivered', 'sent')
) AS sample
ORDER BY kind, chinese DESC, items DESC, message_id;

-- name: busiest_borrower
-- The borrower to whom most happened. from_on, to_on: local days.
SELECT b.borrower_key
FROM message m
JOIN borrower b ON b.lane = m.lane AND b.borrower_id = m.borrower_id
WHERE m.local_on BETWEEN %(from_on)s AND %(to_on)s
GROUP BY b.borrower_key
ORDER BY count(DISTINCT m.purpose) DESC, sum(m.version) DESC, b.borrower_key LIMIT 1;

-- name: owing_borrower
-- Of those who owe what was due by to_on, a borrower whom most messages reached. from_on, to_on: local days.
SELECT b.borrower_key
FROM message m
JOIN borrower b ON b.lane = m.lane AND b.borrower_id = m.borrower_id
WHERE m.local_on BETWEEN %(from_on)s AND %(to_on)s AND m.outcome IN ('delivered', 'read') AND b.kind = 'person'
  AND EXISTS (SELECT 1 FROM loan l JOIN installment i ON i.lane = l.lane AND i.loan_id = l.loan_id
              WHERE l.lane = b.lane AND l.borrower_id = b.borrower_id AND i.due_on <= %(to_on)s AND i.settled_on IS NULL
                AND i.superseded_on IS NULL)
GROUP BY b.borrower_key ORDER BY count(*) DESC, b.borrower_key LIMIT 1;

-- name: count_touched
-- Planned messages of these borrowers that a word of this scope is about, and that nobody has handed over.
-- lanes, borrowers: parallel arrays; purpose, channel, loan_id: null for all; now.
SELECT count(*) FROM unnest(%(lanes)s::smallint[], %(borrowers)s::uuid[]) AS g (lane, borrower_id)
JOIN message m ON m.lane = g.lane AND m.borrower_id = g.borrower_id
WHERE m.state = 'planned' AND m.useful_until > %(now)s
  AND (%(purpose)s::text IS NULL OR m.purpose = %(purpose)s)
  AND (%(channel)s::text IS NULL OR %(channel)s = ANY (m.route))
  AND (%(loan_id)s::uuid IS NULL OR EXISTS (SELECT 1 FROM message_item i WHERE i.lane = m.lane
                                             AND i.group_id = m.group_id AND i.loan_id = %(loan_id)s));

-- name: waiting_for
-- Planned messages of each of these borrowers. lanes, borrowers: parallel arrays; now.
SELECT g.borrower_id, count(m.message_id) AS messages
FROM unnest(%(lanes)s::smallint[], %(borrowers)s::uuid[]) AS g (lane, borrower_id)
LEFT JOIN message m ON m.lane = g.lane AND m.borrower_id = g.borrower_id
                   AND m.state = 'planned' AND m.useful_until > %(now)s
GROUP BY g.lane, g.borrower_id;
