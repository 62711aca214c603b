-- Links opened, made by staff and taken back.

-- name: find_link
-- The link of a code's hash. lane, code_hash.
SELECT owner_lane, owner_id, message_id, attempt_id, contact_point_id, purpose, language, issued_at, expires_at, revoked_at
FROM link WHERE lane = %(lane)s AND code_hash = %(code_hash)s;

-- name: owner_now
-- Where a record of a borrower lives, or which one it was merged into. lane, borrower_id.
SELECT coalesce(home_lane, lane) AS lane, merged_lane, merged_into FROM borrower
WHERE lane = %(lane)s AND borrower_id = %(borrower_id)s;

-- name: addresses_of
-- The contact points whose address a person still has: of the same channel and address one is active. lane, borrower_id.
SELECT p.contact_point_id FROM contact_point p
WHERE p.lane = %(lane)s AND p.borrower_id = %(borrower_id)s AND EXISTS (
    SELECT 1 FROM contact_point k
    WHERE k.lane = p.lane AND k.borrower_id = p.borrower_id AND k.channel = p.channel AND k.address_index = p.address_index
      AND k.state = 'active');

-- name: attempt_sent
-- The attempt a link goes with. lanes: where it may be; attempt_id.
SELECT provider, sent_at FROM attempt WHERE lane = ANY(%(lanes)s::smallint[]) AND attempt_id = %(attempt_id)s;

-- name: append_click
-- Something opened a link. lane, click_id, code_hash, told, why, now. Writes: click
INSERT INTO click (lane, click_id, code_hash, told, why, at)
VALUES (%(lane)s, %(click_id)s, %(code_hash)s, %(told)s, %(why)s, %(now)s)
ON CONFLICT DO NOTHING;

-- name: make_link
-- A link that staff hands over; a code that is taken writes nothing. lane, code_hash, owner_lane, owner_id, language, by, now,
-- expires_at. Writes: link
INSERT INTO link (lane, code_hash, owner_lane, owner_id, language, made_by, issued_at, expires_at)
VALUES (%(lane)s, %(code_hash)s, %(owner_lane)s, %(owner_id)s, %(language)s, %(by)s, %(now)s, %(expires_at)s)
ON CONFLICT DO NOTHING
RETURNING code_hash;

-- name: revoke_link
-- Take one back; one that is taken back already stays as it is. lane, code_hash, by, why, now. Writes: link
UPDATE link SET revoked_at = %(now)s, revoked_by = %(by)s, revoked_why = %(why)s
WHERE lane = %(lane)s AND code_hash = %(code_hash)s AND revoked_at IS NULL;

-- name: revoke_links_of
-- Take back all that still hold of a person. owners: their id, and those of records merged into theirs; by, why, now.
-- Writes: link
UPDATE link SET revoked_at = %(now)s, revoked_by = %(by)s, revoked_why = %(why)s
WHERE owner_id = ANY(%(owners)s::uuid[]) AND revoked_at IS NULL AND expires_at > %(now)s;

-- name: merged_into
-- The records that were merged into one of these. owners.
SELECT borrower_id FROM borrower WHERE merged_into = ANY(%(owners)s::uuid[]);

-- name: links_of
-- A person's links, the latest first, with how often who opened them. owners; take: at most so many.
SELECT k.issued_at, k.expires_at, k.revoked_at, k.revoked_by, k.revoked_why, k.made_by, k.purpose, k.message_id, k.channel,
       k.owner_id, k.contact_point_id,
       (SELECT count(*) FROM click c WHERE c.lane = k.lane AND c.code_hash = k.code_hash AND c.told = 'person') AS by_people,
       (SELECT count(*) FROM click c WHERE c.lane = k.lane AND c.code_hash = k.code_hash AND c.told <> 'person') AS by_programs
FROM link k
WHERE k.owner_id = ANY(%(owners)s::uuid[])
ORDER BY k.issued_at DESC, k.code_hash LIMIT %(take)s;

-- name: link_facts
-- One link. lane, code_hash.
SELECT issued_at, expires_at, revoked_at, revoked_by, revoked_why, made_by, purpose, message_id, channel,
       owner_lane, owner_id, contact_point_id
FROM link WHERE lane = %(lane)s AND code_hash = %(code_hash)s;

-- name: sent_to
-- Who somebody is to staff, and the address at one of their contact points. lane, borrower_id, point: may be null.
SELECT b.borrower_key, p.address_sealed
FROM borrower b LEFT JOIN contact_point p ON p.lane = b.lane AND p.contact_point_id = %(point)s
WHERE b.lane = %(lane)s AND b.borrower_id = %(borrower_id)s;

-- name: clicks_of_link
-- When one link was opened, in order. lane, code_hash.
SELECT at, told, why FROM click WHERE lane = %(lane)s AND code_hash = %(code_hash)s ORDER BY at, click_id;

-- name: names_of_links
-- Where a person's links stand, and by what they went. owners.
SELECT lane, code_hash, coalesce(channel, 'counter') AS channel FROM link WHERE owner_id = ANY(%(owners)s::uuid[]);

-- name: openings_of
-- For a person's timeline: clicks, and visits that began, in order. lanes, hashes, channels: of the links, parallel arrays.
-- what: by what the link came, or which factor was asked; state: opened, scanned, previewed, prefetched, begun.
WITH opened AS MATERIALIZED (
    SELECT c.at, k.channel, c.told
    FROM unnest(%(lanes)s::smallint[], %(hashes)s::bytea[], %(channels)s::text[]) AS k (lane, code_hash, channel)
    JOIN click c ON c.lane = k.lane AND c.code_hash = k.code_hash
),
begun AS MATERIALIZED (
    SELECT began_at, question FROM visit WHERE code_hash = ANY(%(hashes)s::bytea[])
)
SELECT at, 'link' AS subject, channel AS what,
       CASE told WHEN 'person' THEN 'opened' WHEN 'scanner' THEN 'scanned' WHEN 'preview' THEN 'previewed' ELSE 'prefetched' END
           AS state, NULL::text AS rule, NULL::text AS reason
FROM opened
UNION ALL
SELECT began_at, 'visit', question, 'begun', NULL, NULL FROM begun
ORDER BY 1;
