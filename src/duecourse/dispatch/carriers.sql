-- Which carrier serves a number: learnt from its prefix once, mended by what is known of ported numbers.

-- name: unlearnt_points
-- Contact points of these lanes whose carrier nobody has looked up, with the carrier they were ported to. lanes: smallint[]; take.
SELECT p.lane, p.contact_point_id, p.address_sealed, o.carrier
FROM contact_point p
LEFT JOIN ported_number o ON o.address_index = p.address_index
WHERE p.lane = ANY(%(lanes)s::smallint[]) AND p.channel IN ('sms', 'voice') AND p.state = 'active'
  AND NOT EXISTS (SELECT 1 FROM point_carrier c WHERE c.lane = p.lane AND c.contact_point_id = p.contact_point_id)
LIMIT %(take)s;

-- name: learn_carriers
-- Keep which carriers serve contact points; what was checked or ported is not undone by a prefix.
-- lanes, points, carriers, sources: parallel arrays; now. Writes: point_carrier
INSERT INTO point_carrier AS c (lane, contact_point_id, carrier, source, learnt_at)
SELECT lane, point, carrier, source, %(now)s
FROM unnest(%(lanes)s::smallint[], %(points)s::uuid[], %(carriers)s::text[], %(sources)s::text[]) AS l (lane, point, carrier, source)
ON CONFLICT (lane, contact_point_id) DO UPDATE
SET carrier = EXCLUDED.carrier, source = EXCLUDED.source, learnt_at = EXCLUDED.learnt_at
WHERE EXCLUDED.source <> 'prefix';

-- name: port_numbers
-- Keep to which carriers numbers were ported, and mend what is known of the contact points that have them.
-- indexes, carriers: parallel arrays; source; now. Returns the numbers that are new or changed.
-- Writes: ported_number, point_carrier
WITH told AS (
    SELECT address_index, carrier FROM unnest(%(indexes)s::bytea[], %(carriers)s::text[]) AS t (address_index, carrier)
),
kept AS (
    INSERT INTO ported_number AS o (address_index, carrier, source, recorded_at)
    SELECT DISTINCT ON (address_index) address_index, carrier, %(source)s, %(now)s::timestamptz FROM told ORDER BY address_index
    ON CONFLICT (address_index) DO UPDATE
    SET carrier = EXCLUDED.carrier, source = EXCLUDED.source, recorded_at = EXCLUDED.recorded_at
    WHERE o.carrier <> EXCLUDED.carrier
    RETURNING o.address_index
),
mended AS (
    UPDATE point_carrier c SET carrier = t.carrier, source = 'ported', learnt_at = %(now)s
    FROM told t JOIN contact_point p ON p.address_index = t.address_index
    WHERE c.lane = p.lane AND c.contact_point_id = p.contact_point_id AND c.carrier <> t.carrier
)
SELECT address_index FROM kept;

-- name: count_carriers
-- Active phone numbers of the book by carrier and by how it is known; '' where it is not.
SELECT coalesce(c.carrier, '') AS carrier, coalesce(c.source, '') AS source, count(*) AS numbers
FROM contact_point p
LEFT JOIN point_carrier c ON c.lane = p.lane AND c.contact_point_id = p.contact_point_id
WHERE p.channel IN ('sms', 'voice') AND p.state = 'active'
GROUP BY 1, 2 ORDER BY 1, 2;
