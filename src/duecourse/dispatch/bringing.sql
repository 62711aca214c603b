-- What a session of a shard must know of other shards: asked of the coordinator, and brought into the session, where the
-- statements that judge and apply read it as if it lay there. On a single server nothing is brought.

-- name: attempts_in_question
-- Attempts of these lanes of which something may have been heard: of messages about to be claimed again or to move on, and,
-- not due_only, every one that is open or was claimed within an interval. lanes; now; due_only; within: interval.
-- Runs: where its lanes are.
WITH q AS (
    SELECT t.lane, t.attempt_id FROM attempt t
    WHERE NOT %(due_only)s::boolean AND t.lane = ANY(%(lanes)s::smallint[]) AND t.state IN ('sent', 'unknown')
    UNION
    SELECT t.lane, t.attempt_id FROM attempt t
    WHERE NOT %(due_only)s::boolean AND t.lane = ANY(%(lanes)s::smallint[]) AND t.claimed_at >= %(now)s::timestamptz - %(within)s::interval
    UNION
    SELECT t.lane, t.attempt_id FROM message m JOIN attempt t ON t.lane = m.lane AND t.message_id = m.message_id
    WHERE m.lane = ANY(%(lanes)s::smallint[]) AND m.state = 'planned' AND m.tries > 0 AND m.not_before <= %(now)s
    UNION
    SELECT t.lane, t.attempt_id FROM message m JOIN attempt t ON t.lane = m.lane AND t.message_id = m.message_id
    WHERE m.lane = ANY(%(lanes)s::smallint[]) AND m.next_at <= %(now)s
)
SELECT t.attempt_id, t.provider, t.provider_message_id, p.address_index, t.claimed_at, t.state = 'unknown'
FROM q
JOIN attempt t ON t.lane = q.lane AND t.attempt_id = q.attempt_id
LEFT JOIN contact_point p ON p.lane = t.lane AND p.contact_point_id = t.contact_point_id;

-- name: attempts_before
-- The same of what went before these attempts for the same messages. at_lanes, attempts: parallel arrays.
-- Runs: where its lanes are.
SELECT e.attempt_id, e.provider, e.provider_message_id, p.address_index, e.claimed_at, false
FROM unnest(%(at_lanes)s::smallint[], %(attempts)s::uuid[]) AS c (lane, attempt_id)
JOIN attempt t ON t.lane = c.lane AND t.attempt_id = c.attempt_id
JOIN attempt e ON e.lane = t.lane AND e.message_id = t.message_id AND e.seq < t.seq
LEFT JOIN contact_point p ON p.lane = e.lane AND p.contact_point_id = e.contact_point_id;

-- name: attempts_unknown
-- The same of attempts of unknown outcome, which may be handed over again. lanes.
-- Runs: where its lanes are.
SELECT t.attempt_id, t.provider, t.provider_message_id, NULL::bytea, t.claimed_at, false
FROM attempt t WHERE t.lane = ANY(%(lanes)s::smallint[]) AND t.state = 'unknown';

-- name: receipts_of
-- What was heard of attempts, each receipt as JSON. providers, provider_ids, attempts: arrays, not parallel.
SELECT to_jsonb(r) FROM receipt r
WHERE r.provider = ANY(%(providers)s::text[]) AND r.provider_message_id = ANY(%(provider_ids)s::text[])
   OR r.attempt_id = ANY(%(attempts)s::uuid[]);

-- name: receipts_by_key
-- These receipts as JSON, as far as they speak of attempts of these lanes or carry a reference. receipt_lanes, receipt_ids:
-- parallel arrays; lanes.
WITH told AS MATERIALIZED (
    SELECT r.* FROM receipt r
    WHERE r.lane = ANY(%(receipt_lanes)s::smallint[]) AND r.receipt_id = ANY(%(receipt_ids)s::uuid[])
)
SELECT to_jsonb(r) FROM told r JOIN attempt t ON t.provider = r.provider AND t.provider_message_id = r.provider_message_id
WHERE t.lane = ANY(%(lanes)s::smallint[])
UNION
SELECT to_jsonb(r) FROM told r JOIN attempt t ON t.attempt_id = r.attempt_id
WHERE t.lane = ANY(%(lanes)s::smallint[])
UNION
SELECT to_jsonb(r) FROM told r WHERE r.reference IS NOT NULL AND r.attempt_id IS NULL AND r.provider_message_id IS NOT NULL;

-- name: receipts_by_reference
-- Receipts that name an attempt by address and reference alone, as JSON. addresses: bytea[]; refs: integer[].
SELECT to_jsonb(r) FROM receipt r
WHERE r.address_index = ANY(%(addresses)s::bytea[]) AND r.reference = ANY(%(refs)s::integer[])
  AND r.provider_message_id IS NOT NULL AND r.attempt_id IS NULL;

-- name: attempts_that_fit
-- How many attempts, in any lane, each of such receipts could speak of. places, addresses, providers, refs, heards
-- (timestamptz): parallel arrays.
SELECT u.place, count(*)
FROM unnest(%(places)s::integer[], %(addresses)s::bytea[], %(providers)s::text[], %(refs)s::integer[], %(heards)s::timestamptz[])
     AS u (place, address_index, provider, reference, heard)
JOIN contact_point p ON p.address_index = u.address_index
JOIN attempt t ON t.lane = p.lane AND t.contact_point_id = p.contact_point_id AND t.provider = u.provider
    AND t.attempt_id BETWEEN (lpad(to_hex(u.reference), 4, '0') || repeat('0', 28))::uuid
                         AND (lpad(to_hex(u.reference), 4, '0') || repeat('f', 28))::uuid
WHERE t.state IN ('claimed', 'unknown') AND t.claimed_at <= u.heard
GROUP BY u.place;

-- name: replies_to
-- What people answered to attempts, or from addresses since an instant, as JSON. attempts: uuid[]; addresses: bytea[]; since.
SELECT to_jsonb(y) FROM reply y
WHERE y.attempt_id = ANY(%(attempts)s::uuid[])
   OR y.address_index = ANY(%(addresses)s::bytea[]) AND y.received_at >= %(since)s;

-- name: bring_receipts
-- Into the session's own table of that name. rows: JSON array. Runs: where its lanes are. Writes: receipt
INSERT INTO receipt SELECT * FROM jsonb_populate_recordset(NULL::receipt, %(rows)s::jsonb) ON CONFLICT DO NOTHING;

-- name: bring_replies
-- The same of replies. Runs: where its lanes are. Writes: reply
INSERT INTO reply SELECT * FROM jsonb_populate_recordset(NULL::reply, %(rows)s::jsonb) ON CONFLICT DO NOTHING;
