-- Consents, holds, preferences: appended, ended, read as of an instant. An end never takes a row away.
-- Ids are hashes of the content, so that the same word twice is one row. Instants go in as seconds since 1970: their text
-- would depend on the session's zone.

-- fragment: consent_id
-- Of s (lane, borrower_id, kind, granted, purpose, channel, address_index, evidence, effective_at, expires_at).
encode(substring(sha256(uuid_send(s.borrower_id) || convert_to(jsonb_build_array('consent', s.kind, s.granted,
    s.purpose, s.channel, encode(s.address_index, 'hex'), s.evidence, extract(epoch FROM s.effective_at),
    extract(epoch FROM s.expires_at))::text, 'UTF8')) FROM 1 FOR 16), 'hex')::uuid

-- fragment: hold_id
-- Of s (borrower_id, loan_id, kind, effect, evidence, effective_at, until, again). again: how often it was ended before.
encode(substring(sha256(uuid_send(s.borrower_id) || convert_to(jsonb_build_array('hold', s.loan_id, s.kind, s.effect,
    s.evidence, extract(epoch FROM s.effective_at), extract(epoch FROM s.until), s.again)::text, 'UTF8'))
    FROM 1 FOR 16), 'hex')::uuid

-- fragment: preference_id
-- Of s (borrower_id, kind, wish, evidence, effective_at, again).
encode(substring(sha256(uuid_send(s.borrower_id) || convert_to(jsonb_build_array('preference', s.kind, s.wish,
    s.evidence, extract(epoch FROM s.effective_at), s.again)::text, 'UTF8')) FROM 1 FOR 16), 'hex')::uuid

-- name: record_consent
-- A word for one borrower, or for everybody who holds or held an address when no borrower is given. What is taken back
-- is also taken back in every narrower scope in force. kinds: whose narrower scopes end with it.
-- lane, borrower_id: null for everybody at the address; kind, granted, purpose, channel, address_index, evidence,
-- source, by, at, expires_at, now. Answers one row per borrower for whom something was appended. Writes: consent
WITH holder AS (
    SELECT DISTINCT c.lane, c.borrower_id FROM contact_point c
    WHERE c.address_index = %(address_index)s AND %(borrower_id)s::uuid IS NULL
    UNION
    SELECT b.lane, b.borrower_id FROM borrower b
    WHERE b.lane = %(lane)s::smallint AND b.borrower_id = %(borrower_id)s::uuid
),
scope AS (
    SELECT lane, borrower_id, %(kind)s AS kind, %(purpose)s::text AS purpose, %(channel)s::text AS channel,
           %(address_index)s::bytea AS address_index
    FROM holder
    UNION
    SELECT c.lane, c.borrower_id, c.kind, c.purpose, c.channel, c.address_index
    FROM holder h JOIN consent c ON c.lane = h.lane AND c.borrower_id = h.borrower_id
    WHERE NOT %(granted)s AND c.granted AND c.kind = ANY(%(kinds)s::text[]) AND c.effective_at <= %(at)s
      AND (%(purpose)s::text IS NULL OR c.purpose = %(purpose)s)
      AND (%(channel)s::text IS NULL OR c.channel = %(channel)s)
      AND (%(address_index)s::bytea IS NULL OR c.address_index = %(address_index)s)
      AND NOT EXISTS (
          SELECT 1 FROM consent l
          WHERE l.lane = c.lane AND l.borrower_id = c.borrower_id AND l.kind = c.kind AND NOT l.granted
            AND l.effective_at BETWEEN c.effective_at AND %(at)s
            AND l.purpose IS NOT DISTINCT FROM c.purpose AND l.channel IS NOT DISTINCT FROM c.channel
            AND l.address_index IS NOT DISTINCT FROM c.address_index)
),
said AS (
    SELECT *, %(granted)s::boolean AS granted, %(evidence)s::text AS evidence, %(at)s::timestamptz AS effective_at,
           %(expires_at)s::timestamptz AS expires_at
    FROM scope
),
written AS (
    INSERT INTO consent (lane, borrower_id, consent_id, kind, granted, purpose, channel, address_index, evidence,
                         source, recorded_by, effective_at, expires_at, recorded_at)
    SELECT s.lane, s.borrower_id,
-- include: consent_id
           , s.kind, s.granted, s.purpose, s.channel, s.address_index, s.evidence, %(source)s, %(by)s,
           s.effective_at, s.expires_at, %(now)s
    FROM said s
    ON CONFLICT DO NOTHING
    RETURNING lane, borrower_id
)
SELECT DISTINCT lane, borrower_id FROM written;

-- name: consents_of
-- What was known at :known, in order; in_force: the last word of its scope at :at, not expired then.
SELECT kind, granted, purpose, channel, address_index IS NOT NULL AS for_address, evidence, source, recorded_by,
       effective_at, expires_at, recorded_at,
       effective_at <= %(at)s AND coalesce(expires_at > %(at)s, true)
       AND row_number() OVER (PARTITION BY kind, purpose, channel, address_index, effective_at <= %(at)s
                              ORDER BY effective_at DESC, granted, recorded_at DESC) = 1 AS in_force
FROM consent
WHERE lane = %(lane)s AND borrower_id = %(borrower_id)s AND recorded_at <= %(known)s
ORDER BY effective_at, recorded_at, kind, granted, consent_id;

-- name: add_hold
-- Nothing when it stands already. Once ended, it opens again as a row of its own. lane, borrower_id, loan_id, kind,
-- effect, evidence, source, by, at, until, now. Writes: hold
WITH said AS (
    SELECT %(lane)s::smallint AS lane, %(borrower_id)s::uuid AS borrower_id, %(loan_id)s::uuid AS loan_id,
           %(kind)s::text AS kind, %(effect)s::text AS effect, %(evidence)s::text AS evidence,
           %(at)s::timestamptz AS effective_at, %(until)s::timestamptz AS until,
           (SELECT count(*) FROM hold h
            WHERE h.lane = %(lane)s AND h.borrower_id = %(borrower_id)s AND h.kind = %(kind)s
              AND h.effect = %(effect)s AND h.evidence = %(evidence)s AND h.effective_at = %(at)s
              AND h.loan_id IS NOT DISTINCT FROM %(loan_id)s::uuid AND h.until IS NOT DISTINCT FROM %(until)s
              AND h.ended_at IS NOT NULL) AS again
)
INSERT INTO hold (lane, borrower_id, hold_id, loan_id, kind, effect, evidence, source, recorded_by, effective_at,
                  until, recorded_at)
SELECT s.lane, s.borrower_id,
-- include: hold_id
       , s.loan_id, s.kind, s.effect, s.evidence, %(source)s, %(by)s, s.effective_at, s.until, %(now)s
FROM said s
ON CONFLICT DO NOTHING
RETURNING hold_id;

-- name: end_holds
-- The open ones of a kind, of exactly this debt or (null) of the person. A hold that had not begun never held.
-- lane, borrower_id, loan_id, kind, at, by, reason, now. Writes: hold
UPDATE hold
SET ended_at = greatest(effective_at, %(at)s), ended_by = %(by)s, end_reason = %(reason)s, end_recorded_at = %(now)s
WHERE lane = %(lane)s AND borrower_id = %(borrower_id)s AND kind = %(kind)s
  AND loan_id IS NOT DISTINCT FROM %(loan_id)s::uuid
  AND ended_at IS NULL AND (until IS NULL OR until > %(at)s)
RETURNING hold_id;

-- name: holds_of
-- What was known at :known, in order; in_force at :at.
SELECT h.hold_id, l.loan_ref AS loan, h.kind, h.effect, h.evidence, h.source, h.recorded_by, h.effective_at, h.until,
       h.recorded_at,
       CASE WHEN h.end_recorded_at <= %(known)s THEN h.ended_at END AS ended_at,
       CASE WHEN h.end_recorded_at <= %(known)s THEN h.ended_by END AS ended_by,
       CASE WHEN h.end_recorded_at <= %(known)s THEN h.end_reason END AS end_reason,
       h.effective_at <= %(at)s AND coalesce(h.until > %(at)s, true)
       AND NOT coalesce(h.end_recorded_at <= %(known)s AND h.ended_at <= %(at)s, false) AS in_force
FROM hold h LEFT JOIN loan l ON l.lane = h.lane AND l.loan_id = h.loan_id
WHERE h.lane = %(lane)s AND h.borrower_id = %(borrower_id)s AND h.recorded_at <= %(known)s
ORDER BY h.effective_at, h.recorded_at, h.hold_id;

-- name: person_needed
-- Borrowers whom a person contacts: special care, or their own wish, in force at :at, the longest waiting first.
WITH reason AS (
    SELECT lane, borrower_id, kind, effective_at FROM hold
    WHERE effect = 'person' AND effective_at <= %(at)s AND coalesce(until > %(at)s, true)
      AND coalesce(ended_at > %(at)s, true)
    UNION ALL
    SELECT lane, borrower_id, kind, effective_at FROM preference
    WHERE kind = 'person' AND effective_at <= %(at)s AND coalesce(ended_at > %(at)s, true)
)
SELECT b.lane, b.borrower_id, b.borrower_key, b.zone, array_agg(DISTINCT r.kind ORDER BY r.kind) AS kinds,
       min(r.effective_at) AS since
FROM reason r JOIN borrower b ON b.lane = r.lane AND b.borrower_id = r.borrower_id
GROUP BY b.lane, b.borrower_id
ORDER BY min(r.effective_at), b.borrower_key;

-- name: add_preference
-- A new wish ends the open one of its kind; the same wish again is nothing. lane, borrower_id, kind, wish, evidence,
-- source, by, at, now. Writes: preference
WITH open AS (
    SELECT * FROM preference
    WHERE lane = %(lane)s AND borrower_id = %(borrower_id)s AND kind = %(kind)s AND ended_at IS NULL
),
ended AS (
    UPDATE preference p
    SET ended_at = greatest(p.effective_at, %(at)s), ended_by = %(by)s, end_recorded_at = %(now)s
    FROM open o
    WHERE p.lane = o.lane AND p.preference_id = o.preference_id AND o.wish <> %(wish)s::jsonb
),
said AS (
    SELECT %(lane)s::smallint AS lane, %(borrower_id)s::uuid AS borrower_id, %(kind)s::text AS kind,
           %(wish)s::jsonb AS wish, %(evidence)s::text AS evidence, %(at)s::timestamptz AS effective_at,
           (SELECT count(*) FROM preference p
            WHERE p.lane = %(lane)s AND p.borrower_id = %(borrower_id)s AND p.kind = %(kind)s
              AND p.wish = %(wish)s::jsonb AND p.evidence = %(evidence)s AND p.effective_at = %(at)s
              AND p.ended_at IS NOT NULL) AS again
)
INSERT INTO preference (lane, borrower_id, preference_id, kind, wish, evidence, source, recorded_by, effective_at,
                        recorded_at)
SELECT s.lane, s.borrower_id,
-- include: preference_id
       , s.kind, s.wish, s.evidence, %(source)s, %(by)s, s.effective_at, %(now)s
FROM said s
WHERE NOT EXISTS (SELECT 1 FROM open WHERE wish = %(wish)s::jsonb)
ON CONFLICT DO NOTHING
RETURNING preference_id;

-- name: end_preference
-- The open one of a kind. lane, borrower_id, kind, at, by, now. Writes: preference
UPDATE preference
SET ended_at = greatest(effective_at, %(at)s), ended_by = %(by)s, end_recorded_at = %(now)s
WHERE lane = %(lane)s AND borrower_id = %(borrower_id)s AND kind = %(kind)s AND ended_at IS NULL
RETURNING preference_id;

-- name: preferences_of
-- What was known at :known, in order; in_force at :at.
SELECT kind, wish, evidence, source, recorded_by, effective_at, recorded_at,
       CASE WHEN end_recorded_at <= %(known)s THEN ended_at END AS ended_at,
       CASE WHEN end_recorded_at <= %(known)s THEN ended_by END AS ended_by,
       effective_at <= %(at)s AND NOT coalesce(end_recorded_at <= %(known)s AND ended_at <= %(at)s, false) AS in_force
FROM preference
WHERE lane = %(lane)s AND borrower_id = %(borrower_id)s AND recorded_at <= %(known)s
ORDER BY effective_at, recorded_at, kind, preference_id;

-- name: local_instant
-- The instant of a wall clock in a zone. day, time, zone.
SELECT local_instant(%(day)s::date, %(time)s::time, %(zone)s::text);
