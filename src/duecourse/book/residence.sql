-- Zones of borrowers for whom the lender states none.

-- name: note_unstated
-- Whose zones the batch may change: noted before what the book has already leaves the staging tables.
INSERT INTO stage_unstated (lane, borrower_id)
SELECT lane, borrower_id FROM stage_borrower WHERE zones IS NOT NULL
UNION SELECT lane, borrower_id FROM stage_contact_point WHERE zones IS NOT NULL;

-- name: unstated_zones
-- Of those, what is known: region, zone, zones, and the zones of each active number as an array of arrays in JSON.
-- Runs: in a working copy.
SELECT b.borrower_id, b.region, b.zone, b.zones,
       (SELECT jsonb_agg(DISTINCT to_jsonb(c.zones)) FROM contact_point c
        WHERE c.lane = b.lane AND c.borrower_id = b.borrower_id AND c.state = 'active' AND c.zones IS NOT NULL)
FROM stage_unstated s
JOIN borrower b ON b.lane = s.lane AND b.borrower_id = s.borrower_id
WHERE b.zones IS NOT NULL;

-- name: settle_zones
-- In every row of the party. borrowers; zones: arrays as text; in pairs. Writes: borrower.
-- Runs: in a working copy.
WITH settled AS (
    SELECT g.borrower_id, g.zones::text[] AS zones
    FROM unnest(%(borrowers)s::uuid[], %(zones)s::text[]) AS g (borrower_id, zones)
),
place AS (
    SELECT s.lane, s.borrower_id FROM stage_unstated s
    UNION
    SELECT p.lane, p.borrower_id FROM stage_unstated s
    JOIN borrower p ON p.borrower_id = s.borrower_id AND p.home_lane IS NOT NULL
)
UPDATE borrower b SET zone = s.zones[1], zones = s.zones
FROM place p JOIN settled s ON s.borrower_id = p.borrower_id
WHERE b.lane = p.lane AND b.borrower_id = p.borrower_id;
