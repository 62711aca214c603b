-- Parties: who else answers for a loan, through whom a company is reached, and the presences that follow from it.
-- A party whose home is in another lane than the loan has a presence there: the same borrower_id, contact points and wishes.

-- fragment: everywhere
-- Every row of given parties: a tombstone leads to who took its place, and a presence to its home and back.
-- Needs who(lane, borrower_id); gives everywhere(lane, borrower_id). Whatever is said of a person is appended to each.
standing AS (
    SELECT coalesce(b.merged_lane, b.home_lane, b.lane) AS lane, coalesce(b.merged_into, b.borrower_id) AS borrower_id
    FROM who w JOIN borrower b ON b.lane = w.lane AND b.borrower_id = w.borrower_id
),
everywhere AS (
    SELECT lane, borrower_id FROM standing
    UNION
    SELECT p.lane, p.borrower_id FROM standing s
    JOIN borrower p ON p.borrower_id = s.borrower_id AND p.home_lane IS NOT NULL
)

-- fragment: holders
-- who(lane, borrower_id) of given contact points. lanes, ids: in pairs.
who AS (
    SELECT DISTINCT c.lane, c.borrower_id FROM unnest(%(lanes)s::smallint[], %(ids)s::uuid[]) AS g (lane, id)
    JOIN contact_point c ON c.lane = g.lane AND c.contact_point_id = g.id
)

-- name: create_presences
-- For this session: the presences to be made.
CREATE TEMP TABLE IF NOT EXISTS stage_presence (
    lane smallint, borrower_id uuid, home_lane smallint, PRIMARY KEY (lane, borrower_id));

-- name: clear_presences
TRUNCATE stage_presence;

-- name: expand_parties
-- A company is reached through its contacts in every lane where it is party to a loan: those of the batch in the lanes
-- where the company is already, and those of book and batch in the lanes where it comes to be.
INSERT INTO stage_party (row_no, role, since, until, lane, borrower_id, home_lane, company_id)
SELECT DISTINCT ON (x.lane, x.company_id, x.borrower_id)
       x.row_no, 'company-contact', x.since, x.until, x.lane, x.borrower_id, x.home_lane, x.company_id
FROM (
    SELECT s.row_no, s.since, s.until, p.lane, s.borrower_id, s.home_lane, s.company_id, 0 AS place
    FROM stage_party s JOIN borrower p ON p.borrower_id = s.company_id AND p.home_lane IS NOT NULL
    UNION ALL
    SELECT c.row_no, c.since, c.until, s.lane, c.borrower_id, c.home_lane, c.company_id, 0
    FROM stage_party s JOIN stage_party c ON c.company_id = s.borrower_id
    WHERE s.loan_id IS NOT NULL AND s.lane <> s.home_lane
    UNION ALL
    SELECT s.row_no, c.since, c.until, s.lane, c.borrower_id, coalesce(b.home_lane, b.lane), c.company_id, 1
    FROM stage_party s
    JOIN company_contact c ON c.lane = s.home_lane AND c.company_id = s.borrower_id
    JOIN borrower b ON b.lane = c.lane AND b.borrower_id = c.borrower_id
    WHERE s.loan_id IS NOT NULL AND s.lane <> s.home_lane
) AS x
ORDER BY x.lane, x.company_id, x.borrower_id, x.place;

-- name: find_presences
-- Where a party of the batch has no row yet.
INSERT INTO stage_presence (lane, borrower_id, home_lane)
SELECT DISTINCT p.lane, p.borrower_id, p.home_lane FROM stage_party p
WHERE p.lane <> p.home_lane
  AND NOT EXISTS (SELECT 1 FROM borrower b WHERE b.lane = p.lane AND b.borrower_id = p.borrower_id);

-- name: write_presences
-- Writes: borrower.
INSERT INTO borrower (lane, borrower_id, borrower_key, kind, person_id, home_lane, described_by, name_sealed,
                      id_number_sealed, id_number_index, language, region, zone, grade, attributes, collected_on,
                      legal_basis, row_digest, effective_at, recorded_at)
SELECT s.lane, b.borrower_id, b.borrower_key, b.kind, b.person_id, b.lane, b.described_by, b.name_sealed,
       b.id_number_sealed, b.id_number_index, b.language, b.region, b.zone, b.grade, b.attributes, b.collected_on,
       b.legal_basis, b.row_digest, b.effective_at, b.recorded_at
FROM stage_presence s JOIN borrower b ON b.lane = s.home_lane AND b.borrower_id = s.borrower_id
ON CONFLICT DO NOTHING;

-- name: spread_borrowers
-- Presences follow their home. Writes: borrower.
UPDATE borrower p
SET borrower_key = b.borrower_key, kind = b.kind, person_id = b.person_id, described_by = b.described_by,
    name_sealed = b.name_sealed, id_number_sealed = b.id_number_sealed, id_number_index = b.id_number_index,
    language = b.language, region = b.region, zone = b.zone, grade = b.grade, attributes = b.attributes,
    collected_on = b.collected_on, legal_basis = b.legal_basis, row_digest = b.row_digest,
    effective_at = b.effective_at, recorded_at = b.recorded_at
FROM stage_borrower s JOIN borrower b ON b.lane = s.lane AND b.borrower_id = s.borrower_id
WHERE p.borrower_id = b.borrower_id AND p.home_lane IS NOT NULL AND NOT s.fresh;

-- name: spread_contact_points
-- The home's contact points that this batch touched, replaced ones too, in every presence. Writes: contact_point.
INSERT INTO contact_point (lane, borrower_id, contact_point_id, channel, rank, address_sealed, address_index, state,
                           retired_reason, collected_on, legal_basis, verified_at, verified_by, verified_how,
                           effective_at, recorded_at)
SELECT p.lane, c.borrower_id, c.contact_point_id, c.channel, c.rank, c.address_sealed, c.address_index, c.state,
       c.retired_reason, c.collected_on, c.legal_basis, c.verified_at, c.verified_by, c.verified_how,
       c.effective_at, c.recorded_at
FROM (SELECT DISTINCT lane, borrower_id FROM stage_contact_point WHERE NOT fresh) AS s
JOIN borrower p ON p.borrower_id = s.borrower_id AND p.home_lane IS NOT NULL
JOIN contact_point c ON c.lane = s.lane AND c.borrower_id = s.borrower_id AND c.recorded_at = %(recorded_at)s
ON CONFLICT (lane, contact_point_id) DO UPDATE SET
    rank = EXCLUDED.rank, state = EXCLUDED.state, retired_reason = EXCLUDED.retired_reason,
    collected_on = EXCLUDED.collected_on, legal_basis = EXCLUDED.legal_basis, verified_at = EXCLUDED.verified_at,
    verified_by = EXCLUDED.verified_by, verified_how = EXCLUDED.verified_how,
    effective_at = EXCLUDED.effective_at, recorded_at = EXCLUDED.recorded_at;

-- name: skip_same_parties
DELETE FROM stage_party s USING loan_party p
WHERE p.lane = s.lane AND p.loan_id = s.loan_id AND p.borrower_id = s.borrower_id AND p.role = s.role
  AND (p.since, p.until) IS NOT DISTINCT FROM (s.since, s.until);

-- name: skip_same_company_contacts
DELETE FROM stage_party s USING company_contact p
WHERE s.role = 'company-contact' AND p.lane = s.lane AND p.company_id = s.company_id AND p.borrower_id = s.borrower_id
  AND (p.since, p.until) IS NOT DISTINCT FROM (s.since, s.until);

-- name: keep_old_parties
-- Writes: book_history.
INSERT INTO book_history (lane, subject, subject_id, recorded_at, was)
SELECT p.lane, 'loan_party', p.loan_id::text || '/' || p.borrower_id || '/' || p.role, %(recorded_at)s, to_jsonb(p)
FROM loan_party p
JOIN stage_party s ON s.lane = p.lane AND s.loan_id = p.loan_id AND s.borrower_id = p.borrower_id AND s.role = p.role
UNION ALL
SELECT p.lane, 'company_contact', p.company_id::text || '/' || p.borrower_id, %(recorded_at)s, to_jsonb(p)
FROM company_contact p
JOIN stage_party s ON s.role = 'company-contact' AND s.lane = p.lane AND s.company_id = p.company_id
                  AND s.borrower_id = p.borrower_id;

-- name: write_parties
-- Writes: loan_party.
INSERT INTO loan_party (lane, loan_id, borrower_id, role, since, until, effective_at, recorded_at)
SELECT lane, loan_id, borrower_id, role, since, until, %(now)s, %(recorded_at)s
FROM stage_party WHERE role IN ('co-borrower', 'guarantor')
ON CONFLICT (lane, loan_id, borrower_id, role) DO UPDATE SET
    since = EXCLUDED.since, until = EXCLUDED.until,
    effective_at = EXCLUDED.effective_at, recorded_at = EXCLUDED.recorded_at;

-- name: write_company_contacts
-- Writes: company_contact.
INSERT INTO company_contact (lane, company_id, borrower_id, since, until, effective_at, recorded_at)
SELECT lane, company_id, borrower_id, since, until, %(now)s, %(recorded_at)s
FROM stage_party WHERE role = 'company-contact'
ON CONFLICT (lane, company_id, borrower_id) DO UPDATE SET
    since = EXCLUDED.since, until = EXCLUDED.until,
    effective_at = EXCLUDED.effective_at, recorded_at = EXCLUDED.recorded_at;

-- name: copy_to_presences
-- Everything of one table that hangs on the parties in stage_presence, into their new lanes. {table}, {columns},
-- {values}: filled by staging, for contact points and each kind of wish.
INSERT INTO {table} ({columns})
SELECT {values} FROM stage_presence s JOIN {table} t ON t.lane = s.home_lane AND t.borrower_id = s.borrower_id
ON CONFLICT DO NOTHING;

-- name: columns_of
-- table: its name. In their order.
SELECT attname FROM pg_attribute
WHERE attrelid = to_regclass(%(table)s) AND attnum > 0 AND NOT attisdropped ORDER BY attnum;
