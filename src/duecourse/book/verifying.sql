-- Addresses that people give us themselves, until their code has come back.

-- name: propose_point
-- A contact point that nothing but its code goes to. One that they gave up for another reason is proposed anew; what is in
-- use stays as it is, and is not answered. lane, borrower_id, contact_point_id, channel, address_sealed, address_index,
-- zones, reason, now. Writes: contact_point, book_history
WITH was AS (
    INSERT INTO book_history (lane, subject, subject_id, recorded_at, was)
    SELECT c.lane, 'contact_point', c.contact_point_id::text, now(), to_jsonb(c)
    FROM contact_point c
    WHERE c.lane = %(lane)s AND c.contact_point_id = %(contact_point_id)s AND c.state = 'retired'
      AND c.retired_reason <> %(reason)s
    ON CONFLICT DO NOTHING
)
INSERT INTO contact_point AS c (lane, borrower_id, contact_point_id, channel, address_sealed, address_index, zones, state,
    retired_reason, effective_at, recorded_at)
SELECT %(lane)s, %(borrower_id)s, %(contact_point_id)s, %(channel)s, %(address_sealed)s, %(address_index)s, %(zones)s::text[],
       'retired', %(reason)s, %(now)s, now()
WHERE NOT EXISTS (SELECT 1 FROM contact_point k WHERE k.lane = %(lane)s AND k.borrower_id = %(borrower_id)s AND k.state = 'active'
                  AND k.channel = %(channel)s AND k.address_index = %(address_index)s)
ON CONFLICT (lane, contact_point_id) DO UPDATE
SET retired_reason = EXCLUDED.retired_reason, address_sealed = EXCLUDED.address_sealed, address_index = EXCLUDED.address_index,
    erased_at = NULL, effective_at = EXCLUDED.effective_at, recorded_at = EXCLUDED.recorded_at
WHERE c.state = 'retired'
RETURNING c.contact_point_id;

-- name: proposed_points
-- lane, borrower_id, reason.
SELECT contact_point_id, channel, address_sealed, effective_at AS proposed_at FROM contact_point
WHERE lane = %(lane)s AND borrower_id = %(borrower_id)s AND state = 'retired' AND retired_reason = %(reason)s
  AND address_sealed IS NOT NULL
ORDER BY effective_at DESC, contact_point_id;

-- name: release_point
-- It is shown right: like one that a file replaced, it may come back. lane, contact_point_id, reason. Writes: contact_point
UPDATE contact_point SET retired_reason = 'replaced'
WHERE lane = %(lane)s AND contact_point_id = %(contact_point_id)s AND state = 'retired' AND retired_reason = %(reason)s;

-- name: borrower_at
-- lane, borrower_id.
SELECT b.lane, b.borrower_id, b.borrower_key, b.name_sealed, b.id_number_sealed, b.id_number_index, b.kind,
       b.collected_on, b.legal_basis, b.language, b.region, b.zone, b.zones, b.grade, b.attributes
FROM borrower b WHERE b.lane = %(lane)s AND b.borrower_id = %(borrower_id)s;
