-- What borrowers answer, how it is read, and what follows. Everything of one answer is one transaction, under the lock of the
-- person's row.

-- name: begin_with_holds
-- Before the person's row is locked: a merge locks this table first and the rows of the two people after it.
LOCK TABLE hold IN ROW EXCLUSIVE MODE;

-- name: lock_person
-- Whoever follows answers of a person does it alone. lane, borrower_id. Where the row is a presence or was merged away, says
-- where to look instead.
SELECT coalesce(merged_lane, home_lane) AS other_lane, coalesce(merged_into, borrower_id) AS other_id,
       merged_into IS NOT NULL OR home_lane IS NOT NULL AS elsewhere, zone, language, region
FROM borrower WHERE lane = %(lane)s AND borrower_id = %(borrower_id)s
FOR NO KEY UPDATE;

-- name: spoken_of
-- The policy and the one debt of the message that is answered (null: several), where it went, and the currency of what the
-- person owes (null: several). lane, borrower_id; message_id, attempt_id: may be null.
SELECT m.policy,
       (SELECT CASE WHEN count(DISTINCT x.loan_id) = 1 THEN (array_agg(x.loan_id))[1] END
        FROM message_item x WHERE x.lane = %(lane)s AND x.group_id = m.group_id
                              AND x.loan_id <> '00000000-0000-0000-0000-000000000000') AS loan_id,
       (SELECT a.contact_point_id FROM attempt a
        WHERE a.lane = %(lane)s AND a.message_id = m.message_id
          AND coalesce(a.attempt_id = %(attempt_id)s, true)
        ORDER BY a.seq DESC LIMIT 1) AS contact_point_id,
       coalesce(m.currency, (SELECT CASE WHEN count(DISTINCT l.currency) = 1 THEN min(l.currency) END
        FROM loan l WHERE l.lane = %(lane)s AND l.borrower_id = %(borrower_id)s AND l.state = 'open')) AS currency
FROM (SELECT 1) AS one
LEFT JOIN message m ON m.lane = %(lane)s AND m.message_id = coalesce(%(message_id)s::uuid, (
    SELECT a.message_id FROM attempt a WHERE a.lane = %(lane)s AND a.attempt_id = %(attempt_id)s));

-- name: append_response
-- One answer; nothing when it stands already. Writes: response
INSERT INTO response (lane, response_id, borrower_id, source, request_id, channel, address_index, loan_id, message_id, attempt_id,
                      contact_point_id, purpose, text_sealed, acted, recorded_by, said_at, recorded_at)
VALUES (%(lane)s, %(response_id)s, %(borrower_id)s, %(source)s, %(request_id)s, %(channel)s, %(address_index)s, %(loan_id)s,
        %(message_id)s, %(attempt_id)s, %(contact_point_id)s, %(purpose)s, %(text_sealed)s, %(acted)s, %(by)s, %(said_at)s, %(now)s)
ON CONFLICT DO NOTHING
RETURNING response_id;

-- name: append_reading
-- The next reading of an answer. lane, response_id, borrower_id, intents, confidence, read_by, promised_on, amount_minor, currency,
-- terms, undone, by, now. Writes: response_reading
INSERT INTO response_reading (lane, response_id, reading, borrower_id, intents, confidence, read_by, promised_on, amount_minor,
                              currency, terms, undone, recorded_by, recorded_at)
SELECT %(lane)s, %(response_id)s,
       1 + coalesce((SELECT max(r.reading) FROM response_reading r
                     WHERE r.lane = %(lane)s AND r.response_id = %(response_id)s), 0),
       %(borrower_id)s, %(intents)s, %(confidence)s, %(read_by)s, %(promised_on)s, %(amount_minor)s, %(currency)s, %(terms)s,
       %(undone)s, %(by)s, %(now)s;

-- name: append_event
-- What somebody did with an answer, or that it waits; the queue is kept in line. After lock_response. lane, response_id, borrower_id, event, reason,
-- note_sealed, by, now. Writes: response_event, response_waiting
WITH told AS (
    INSERT INTO response_event (lane, response_id, seq, borrower_id, event, reason, note_sealed, recorded_by, at)
    SELECT %(lane)s, %(response_id)s,
           1 + coalesce((SELECT max(e.seq) FROM response_event e
                         WHERE e.lane = %(lane)s AND e.response_id = %(response_id)s), 0),
           %(borrower_id)s, %(event)s, %(reason)s, %(note_sealed)s, %(by)s, %(now)s
),
gone AS (
    DELETE FROM response_waiting w
    WHERE w.lane = %(lane)s AND w.response_id = %(response_id)s AND %(event)s = 'closed'
),
queued AS (
    INSERT INTO response_waiting (lane, response_id, borrower_id, reason, since)
    SELECT a.lane, a.response_id, a.borrower_id, %(reason)s, a.said_at FROM response a
    WHERE a.lane = %(lane)s AND a.response_id = %(response_id)s AND %(event)s = 'waits'
    ON CONFLICT (lane, response_id) DO UPDATE SET reason = EXCLUDED.reason
)
SELECT %(event)s;

-- name: answers_of
-- All answers of a person by their last reading, with the instants at which what they ask for ends by the person's clock.
-- lane, borrower_id, zone.
SELECT a.response_id, a.said_at, (a.said_at AT TIME ZONE %(zone)s)::date AS said_on, a.acted, a.source, a.channel, a.address_index,
       a.loan_id, a.message_id, a.attempt_id, a.contact_point_id, a.purpose, a.recorded_by,
       r.reading, r.intents, r.confidence::float8 AS confidence, r.read_by, r.undone, r.promised_on, r.amount_minor, r.currency, r.terms,
       coalesce((SELECT p.state = 'kept' FROM promise p WHERE p.lane = a.lane AND p.response_id = a.response_id), false) AS kept,
       local_instant(r.promised_on + 2, '00:00', %(zone)s) AS promise_ends,
       local_instant((a.said_at AT TIME ZONE %(zone)s)::date + (r.terms ->> 'paid_wait_days')::int + 1, '00:00', %(zone)s)
           AS paid_wait_ends,
       local_instant((a.said_at AT TIME ZONE %(zone)s)::date + (r.terms ->> 'gentle_days')::int + 1, '00:00', %(zone)s)
           AS gentle_ends
FROM response a
JOIN response_reading r ON r.lane = a.lane AND r.response_id = a.response_id
 AND r.reading = (SELECT max(o.reading) FROM response_reading o WHERE o.lane = a.lane AND o.response_id = a.response_id)
WHERE a.lane = %(lane)s AND a.borrower_id = %(borrower_id)s
ORDER BY a.said_at, a.response_id;

-- name: effects_of
-- What followed from a person's answers and stands. lane, borrower_id.
SELECT effect_id, response_id, effect, hold_kind, loan_id, until, detail FROM response_effect
WHERE lane = %(lane)s AND borrower_id = %(borrower_id)s AND undone_at IS NULL;

-- name: write_effect
-- One effect; one that was taken back stands again. lane, effect_id, response_id, borrower_id, effect, loan_id, hold_kind, until,
-- detail, at, now. Writes: response_effect
INSERT INTO response_effect (lane, effect_id, response_id, borrower_id, effect, loan_id, hold_kind, until, detail, effective_at,
                             recorded_at)
VALUES (%(lane)s, %(effect_id)s, %(response_id)s, %(borrower_id)s, %(effect)s, %(loan_id)s, %(hold_kind)s, %(until)s, %(detail)s,
        %(at)s, %(now)s)
ON CONFLICT (lane, effect_id) DO UPDATE
SET until = EXCLUDED.until, detail = EXCLUDED.detail, recorded_at = EXCLUDED.recorded_at, undone_at = NULL, undone_by = NULL,
    undone_for = NULL;

-- name: undo_effect
-- lane, effect_id, by, reason, now. Writes: response_effect
UPDATE response_effect SET undone_at = %(now)s, undone_by = %(by)s, undone_for = %(reason)s
WHERE lane = %(lane)s AND effect_id = %(effect_id)s AND undone_at IS NULL;

-- name: write_promises
-- The person's promises as they stand, by parallel arrays; what is no longer among them is withdrawn. Their state is judged by
-- responses/promises.judge_promises. lane, borrower_id; responses, loans, said_on, promised_on, keep_by, amounts, currencies,
-- accepted, standing, said_at. Writes: promise
WITH said AS (
    SELECT * FROM unnest(%(responses)s::uuid[], %(loans)s::uuid[], %(said_on)s::date[], %(promised_on)s::date[], %(keep_by)s::date[],
                         %(amounts)s::bigint[], %(currencies)s::text[], %(accepted)s::boolean[], %(standing)s::boolean[],
                         %(said_at)s::timestamptz[])
        AS s (response_id, loan_id, said_on, promised_on, keep_by, amount_minor, currency, accepted, standing, said_at)
),
gone AS (
    UPDATE promise p SET state = 'withdrawn', accepted = false, standing = false
    WHERE p.lane = %(lane)s AND p.borrower_id = %(borrower_id)s AND p.state <> 'withdrawn'
      AND NOT EXISTS (SELECT 1 FROM said s WHERE s.response_id = p.response_id)
)
INSERT INTO promise (lane, response_id, borrower_id, loan_id, said_on, promised_on, keep_by, amount_minor, currency, accepted,
                     standing, said_at)
SELECT %(lane)s, s.response_id, %(borrower_id)s, s.loan_id, s.said_on, s.promised_on, s.keep_by, s.amount_minor, s.currency,
       s.accepted, s.standing, s.said_at
FROM said s
ON CONFLICT (lane, response_id) DO UPDATE
SET loan_id = EXCLUDED.loan_id, said_on = EXCLUDED.said_on, promised_on = EXCLUDED.promised_on, keep_by = EXCLUDED.keep_by,
    amount_minor = EXCLUDED.amount_minor, currency = EXCLUDED.currency, accepted = EXCLUDED.accepted, standing = EXCLUDED.standing,
    state = CASE WHEN promise.state = 'withdrawn' THEN 'open' ELSE promise.state END;

-- name: waiting_of
-- Of each answer of a person that ever waited: whether it waits now, why last, every reason it ever waited for, and whether it
-- was last closed by nobody but us. lane, borrower_id.
SELECT response_id, (array_agg(event ORDER BY seq DESC))[1] = 'waits' AS waits,
       (array_agg(reason ORDER BY seq DESC) FILTER (WHERE event = 'waits'))[1] AS reason,
       array_agg(DISTINCT reason) FILTER (WHERE event = 'waits') AS reasons,
       (array_agg(recorded_by ORDER BY seq DESC))[1] = 'duecourse' AS by_us
FROM response_event
WHERE lane = %(lane)s AND borrower_id = %(borrower_id)s AND event IN ('waits', 'closed')
GROUP BY response_id;

-- name: points_at
-- The contact points of a person that an answer came from or went to: the active ones, and those that another answer had
-- retired for the same reason. lanes, borrower_id, reason; contact_point_id, address_index: may be null. others: whether
-- somebody else has the address, too.
WITH w AS MATERIALIZED (
    SELECT address_index FROM contact_point WHERE lane = %(lane)s AND contact_point_id = %(contact_point_id)s
),
p AS MATERIALIZED (
    SELECT lane, contact_point_id, channel, address_index FROM contact_point
    WHERE lane = ANY(%(lanes)s::smallint[]) AND borrower_id = %(borrower_id)s
      AND (state = 'active' OR retired_reason = %(reason)s AND erased_at IS NULL)
      AND (contact_point_id = %(contact_point_id)s
           OR address_index = coalesce(%(address_index)s::bytea, (SELECT w.address_index FROM w)))
),
other AS MATERIALIZED (
    SELECT DISTINCT o.address_index FROM p
    JOIN contact_point o ON o.address_index = p.address_index AND o.state = 'active' AND o.borrower_id <> %(borrower_id)s
)
SELECT p.lane, p.contact_point_id, p.channel, p.address_index, o.address_index IS NOT NULL AS others
FROM p LEFT JOIN other o ON o.address_index = p.address_index;

-- name: holds_address
-- Whether an address is, or was, one of a person's. lanes, borrower_id, address_index.
SELECT EXISTS (SELECT 1 FROM contact_point p
               WHERE p.lane = ANY(%(lanes)s::smallint[]) AND p.borrower_id = %(borrower_id)s AND p.address_index = %(address_index)s);

-- name: stops_of
-- The scopes of contact that an answer stopped: by its evidence, or, where that was done when it was taken in, as of its instant.
-- lane, borrower_id, evidence, acted, said_at.
SELECT DISTINCT purpose, channel, address_index FROM consent
WHERE lane = %(lane)s AND borrower_id = %(borrower_id)s AND kind = 'contact' AND NOT granted AND effective_at = %(said_at)s
  AND (evidence = %(evidence)s OR %(acted)s AND source = 'reply');

-- name: last_attempt
-- Of the message that is answered. lane, message_id.
SELECT attempt_id FROM attempt WHERE lane = %(lane)s AND message_id = %(message_id)s ORDER BY seq DESC LIMIT 1;

-- name: find_response
-- Answers whose id lies between :least and :most; two at most, to see that it is one. lanes: all of them.
SELECT lane, response_id, borrower_id FROM response
WHERE lane = ANY(%(lanes)s::smallint[]) AND response_id BETWEEN %(least)s AND %(most)s LIMIT 2;

-- name: response_at
-- One answer with its last reading. lane, response_id.
SELECT a.*, r.reading, r.intents, r.confidence, r.read_by, r.promised_on, r.amount_minor, r.currency, r.terms, r.undone
FROM response a
JOIN response_reading r ON r.lane = a.lane AND r.response_id = a.response_id
WHERE a.lane = %(lane)s AND a.response_id = %(response_id)s
ORDER BY r.reading DESC LIMIT 1;

-- name: lock_response
-- Whoever notes what was done with an answer does it alone. lane, response_id. Nothing where a merge has moved it.
SELECT 1 FROM response WHERE lane = %(lane)s AND response_id = %(response_id)s FOR NO KEY UPDATE;

-- name: is_waiting
-- Whether an answer is in the queue. lane, response_id.
SELECT reason FROM response_waiting WHERE lane = %(lane)s AND response_id = %(response_id)s;
