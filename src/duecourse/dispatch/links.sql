-- Codes that attempts carry: written in the claim's transaction, before anything is said.

-- name: mint_links
-- Write links under the hashes of their codes; a code that somebody has already writes nothing. Parallel arrays: lanes, hashes,
-- owner_lanes, owners, messages, attempts, channels, points, purposes, languages, expires; now. Answers the attempts whose code is theirs.
-- Writes: link
INSERT INTO link (lane, code_hash, owner_lane, owner_id, message_id, attempt_id, channel, contact_point_id, purpose, language,
    issued_at, expires_at)
SELECT w.lane, w.code_hash, w.owner_lane, w.owner_id, w.message_id, w.attempt_id, w.channel, w.contact_point_id, w.purpose, w.language,
       %(now)s, w.expires_at
FROM unnest(%(lanes)s::smallint[], %(hashes)s::bytea[], %(owner_lanes)s::smallint[], %(owners)s::uuid[],
            %(messages)s::uuid[], %(attempts)s::uuid[], %(channels)s::text[], %(points)s::uuid[], %(purposes)s::text[], %(languages)s::text[],
            %(expires)s::timestamptz[])
     AS w (lane, code_hash, owner_lane, owner_id, message_id, attempt_id, channel, contact_point_id, purpose, language,
           expires_at)
ON CONFLICT DO NOTHING
RETURNING attempt_id;

-- name: drop_links
-- Take back what was minted in this transaction for messages that do not go after all. lanes, hashes: parallel arrays.
-- Writes: link
DELETE FROM link k USING unnest(%(lanes)s::smallint[], %(hashes)s::bytea[]) AS d (lane, code_hash)
WHERE k.lane = d.lane AND k.code_hash = d.code_hash;
