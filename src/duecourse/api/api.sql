-- Keys of the API, and what was answered to requests that may come again.

-- name: add_key
-- One key; no row when the name is taken, also by a revoked one. key_id, name, digest, scopes, expires_at, by; now.
-- Writes: api_key
INSERT INTO api_key (key_id, name, digest, scopes, created_at, created_by, expires_at)
VALUES (%(key_id)s, %(name)s, %(digest)s, %(scopes)s, %(now)s, %(by)s, %(expires_at)s)
ON CONFLICT DO NOTHING
RETURNING key_id;

-- name: revoke_key
-- name, by; now. Writes: api_key
UPDATE api_key SET revoked_at = %(now)s, revoked_by = %(by)s
WHERE name = %(name)s AND revoked_at IS NULL
RETURNING key_id;

-- name: find_key
-- The key of this id, if it holds now by the database's clock. key_id.
SELECT key_id, name, digest, scopes, last_used_on IS DISTINCT FROM current_date AS first_today
FROM api_key
WHERE key_id = %(key_id)s AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp());

-- name: touch_key
-- The day on which a key was used last. key_id. Writes: api_key
UPDATE api_key SET last_used_on = current_date
WHERE key_id = %(key_id)s AND last_used_on IS DISTINCT FROM current_date;

-- name: keys
-- Every key with its refusals of the last 30 days, the newest first.
SELECT k.key_id, k.name, k.scopes, k.created_at, k.created_by, k.expires_at, k.revoked_at, k.revoked_by, k.last_used_on,
       coalesce(k.expires_at <= clock_timestamp(), false) AS expired, coalesce(r.refusals, 0) AS refusals
FROM api_key k
LEFT JOIN (SELECT key_id, sum(refusals)::bigint AS refusals FROM api_refusal
           WHERE refused_on > current_date - 30 GROUP BY key_id) r ON r.key_id = k.key_id
ORDER BY k.created_at DESC, k.name;

-- name: nameless_refusals
-- Refusals of the last 30 days to whoever showed no key of ours.
SELECT coalesce(sum(refusals), 0)::bigint FROM api_refusal WHERE key_id = '' AND refused_on > current_date - 30;

-- name: count_refusals
-- Add to the day's counts. keys, reasons, counts: parallel arrays, no pair twice. Writes: api_refusal
INSERT INTO api_refusal (refused_on, key_id, reason, refusals)
SELECT current_date, key_id, reason, refusals
FROM unnest(%(keys)s::text[], %(reasons)s::text[], %(counts)s::bigint[]) AS g (key_id, reason, refusals)
ON CONFLICT (refused_on, key_id, reason) DO UPDATE SET refusals = api_refusal.refusals + EXCLUDED.refusals;

-- name: begin_answer
-- Take the name of a request; waits for a transaction that has it, and gives no row when that commits. An answer older than
-- :kept gives way. key_id, name_digest, request_digest; kept: interval. Writes: api_answer
INSERT INTO api_answer (key_id, name_digest, request_digest, answered_at)
VALUES (%(key_id)s, %(name_digest)s, %(request_digest)s, clock_timestamp())
ON CONFLICT (key_id, name_digest) DO UPDATE
SET request_digest = EXCLUDED.request_digest, status = NULL, body = NULL, answered_at = EXCLUDED.answered_at
WHERE EXCLUDED.answered_at - api_answer.answered_at > %(kept)s::interval
RETURNING key_id;

-- name: find_answer
-- key_id, name_digest.
SELECT request_digest, status, body FROM api_answer WHERE key_id = %(key_id)s AND name_digest = %(name_digest)s;

-- name: end_answer
-- key_id, name_digest, status, body. Writes: api_answer
UPDATE api_answer SET status = %(status)s, body = %(body)s WHERE key_id = %(key_id)s AND name_digest = %(name_digest)s;

-- name: forget_answers
-- Those older than :kept, an interval; at most :take. Writes: api_answer
DELETE FROM api_answer WHERE (key_id, name_digest) IN (
    SELECT key_id, name_digest FROM api_answer WHERE answered_at < clock_timestamp() - %(kept)s::interval LIMIT %(take)s);

-- name: set_limits
-- For this transaction: rather an answer that says to ask again than a request that waits.
SELECT set_config('lock_timeout', '5s', true), set_config('statement_timeout', '30s', true);

-- fragment: read_response
-- A response with one of its readings, and whether it waits for a person. Needs response_reading x.
SELECT r.response_id, r.request_id, x.reading, b.borrower_key, r.source, r.channel, l.loan_ref, r.message_id, x.intents,
       x.confidence, x.read_by, r.said_at, x.recorded_at, p.promised_on, p.keep_by, p.amount_minor, p.currency, p.state,
       w.response_id IS NOT NULL AS waits
FROM response_reading x
JOIN response r ON r.lane = x.lane AND r.response_id = x.response_id
LEFT JOIN borrower b ON b.lane = r.lane AND b.borrower_id = r.borrower_id
LEFT JOIN loan l ON l.lane = r.lane AND l.loan_id = r.loan_id
LEFT JOIN promise p ON p.lane = r.lane AND p.response_id = r.response_id
LEFT JOIN response_waiting w ON w.lane = r.lane AND w.response_id = r.response_id

-- name: response_now
-- By its last reading. lane, response_id.
-- include: read_response
WHERE x.lane = %(lane)s AND x.response_id = %(response_id)s ORDER BY x.reading DESC LIMIT 1;

-- name: responses_since
-- Readings after :after_at and :after_id (null: from the first), in the order of their instants; take.
-- include: read_response
WHERE %(after_at)s::timestamptz IS NULL OR (x.recorded_at, x.response_id) > (%(after_at)s::timestamptz, %(after_id)s::uuid)
ORDER BY x.recorded_at, x.response_id, x.reading LIMIT %(take)s;

-- name: open_promises
-- Promises of a borrower that hold and are not kept or broken yet. lane, borrower_id.
SELECT l.loan_ref AS loan, p.promised_on, p.keep_by, p.amount_minor, p.currency, p.state
FROM promise p LEFT JOIN loan l ON l.lane = p.lane AND l.loan_id = p.loan_id
WHERE p.lane = %(lane)s AND p.borrower_id = %(borrower_id)s AND p.standing AND p.accepted AND p.state = 'open'
ORDER BY p.promised_on, p.response_id;
