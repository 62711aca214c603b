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
-- Begin anew.
TRUNCATE stage_presence;

-- name: expand_parties
-- A company is reached through its contacts in every lane where it is party to a loan: those of the batch in the lanes
-- where the company is already, and those of book and batch in the lanes where it comes to be.
-- Runs: in a working copy.
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
-- Runs: in a working copy.
INSERT INTO stage_presence (lane, borrower_id, home_lane)
SELECT DISTINCT p.lane, p.borrower_id, p.home_lane FROM stage_party p
WHERE p.lane <> p.home_lane
  AND NOT EXISTS (SELECT 1 FROM borrower b WHERE b.lane = p.lane AND b.borrower_id = p.borrower_id);

-- name: write_presences
-- Writes: borrower.
-- Runs: in a working copy.
INSERT INTO borrower (lane, borrower_id, borrower_key, kind, person_id, home_lane, described_by, name_sealed,
                      id_number_sealed, id_number_index, language, region, zone, zones, grade, attributes, collected_on,
                      legal_basis, row_digest, effective_at, recorded_at)
SELECT s.lane, b.borrower_id, b.borrower_key, b.kind, b.person_id, b.lane, b.described_by, b.name_sealed,
       b.id_number_sealed, b.id_number_index, b.language, b.region, b.zone, b.zones, b.grade, b.attributes, b.collected_on,
       b.legal_basis, b.row_digest, b.effective_at, b.recorded_at
FROM stage_presence s JOIN borrower b ON b.lane = s.home_lane AND b.borrower_id = s.borrower_id
ON CONFLICT DO NOTHING;

-- name: mark_homes
-- Whose contacts are counted over several lanes from now on. Writes: borrower.
-- Runs: in a working copy.
UPDATE borrower b SET has_others = true
FROM stage_presence s WHERE b.lane = s.home_lane AND b.borrower_id = s.borrower_id AND NOT b.has_others;

-- name: spread_borrowers
-- Presences follow their home. Writes: borrower.
-- Runs: in a working copy.
UPDATE borrower p
SET borrower_key = b.borrower_key, kind = b.kind, person_id = b.person_id, described_by = b.described_by,
    name_sealed = b.name_sealed, id_number_sealed = b.id_number_sealed, id_number_index = b.id_number_index,
    language = b.language, region = b.region, zone = b.zone, zones = b.zones, grade = b.grade, attributes = b.attributes,
    collected_on = b.collected_on, legal_basis = b.legal_basis, row_digest = b.row_digest,
    effective_at = b.effective_at, recorded_at = b.recorded_at
FROM stage_borrower s JOIN borrower b ON b.lane = s.lane AND b.borrower_id = s.borrower_id
WHERE p.borrower_id = b.borrower_id AND p.home_lane IS NOT NULL AND NOT s.fresh;

-- name: spread_contact_points
-- The home's contact points that this batch touched, replaced ones too, in every presence. Writes: contact_point.
-- Runs: in a working copy.
INSERT INTO contact_point (lane, borrower_id, contact_point_id, channel, rank, address_sealed, address_index, zones, platform, state,
                           retired_reason, erased_at, collected_on, legal_basis, verified_at, verified_by, verified_how,
                           effective_at, recorded_at)
SELECT p.lane, c.borrower_id, c.contact_point_id, c.channel, c.rank, c.address_sealed, c.address_index, c.zones, c.platform, c.state,
       c.retired_reason, c.erased_at, c.collected_on, c.legal_basis, c.verified_at, c.verified_by, c.verified_how,
       c.effective_at, c.recorded_at
FROM (SELECT DISTINCT lane, borrower_id FROM stage_contact_point WHERE NOT fresh) AS s
JOIN borrower p ON p.borrower_id = s.borrower_id AND p.home_lane IS NOT NULL
JOIN contact_point c ON c.lane = s.lane AND c.borrower_id = s.borrower_id AND c.recorded_at = %(recorded_at)s
ON CONFLICT (lane, contact_point_id) DO UPDATE SET
    rank = EXCLUDED.rank, zones = EXCLUDED.zones, platform = EXCLUDED.platform, state = EXCLUDED.state,
    retired_reason = EXCLUDED.retired_reason, erased_at = EXCLUDED.erased_at,
    address_sealed = EXCLUDED.address_sealed, address_index = EXCLUDED.address_index,
    collected_on = EXCLUDED.collected_on, legal_basis = EXCLUDED.legal_basis, verified_at = EXCLUDED.verified_at,
    verified_by = EXCLUDED.verified_by, verified_how = EXCLUDED.verified_how,
    effective_at = EXCLUDED.effective_at, recorded_at = EXCLUDED.recorded_at;

-- name: skip_same_parties
-- Roles that the book has as the file says.
-- Runs: in a working copy.
DELETE FROM stage_party s USING loan_party p
WHERE p.lane = s.lane AND p.loan_id = s.loan_id AND p.borrower_id = s.borrower_id AND p.role = s.role
  AND (p.since, p.until) IS NOT DISTINCT FROM (s.since, s.until);

-- name: skip_same_company_contacts
-- The same of a company's contacts.
-- Runs: in a working copy.
DELETE FROM stage_party s USING company_contact p
WHERE s.role = 'company-contact' AND p.lane = s.lane AND p.company_id = s.company_id AND p.borrower_id = s.borrower_id
  AND (p.since, p.until) IS NOT DISTINCT FROM (s.since, s.until);

-- name: keep_old_parties
-- Writes: book_history.
-- Runs: in a working copy.
INSERT INTO book_history (lane, subject, subject_id, recorded_at, was)
SELECT p.lane, 'loan_party', p.loan_id::text || '/' || p.borrower_id || '/' || p.role, %(recorded_at)s::timestamptz, to_jsonb(p)
FROM loan_party p
JOIN stage_party s ON s.lane = p.lane AND s.loan_id = p.loan_id AND s.borrower_id = p.borrower_id AND s.role = p.role
UNION ALL
SELECT p.lane, 'company_contact', p.company_id::text || '/' || p.borrower_id, %(recorded_at)s::timestamptz, to_jsonb(p)
FROM company_contact p
JOIN stage_party s ON s.role = 'company-contact' AND s.lane = p.lane AND s.company_id = p.company_id
                  AND s.borrower_id = p.borrower_id;

-- name: write_parties
-- Writes: loan_party.
-- Runs: in a working copy.
INSERT INTO loan_party (lane, loan_id, borrower_id, role, since, until, effective_at, recorded_at)
SELECT lane, loan_id, borrower_id, role, since, until, %(now)s, %(recorded_at)s
FROM stage_party WHERE role IN ('co-borrower', 'guarantor')
ON CONFLICT (lane, loan_id, borrower_id, role) DO UPDATE SET
    since = EXCLUDED.since, until = EXCLUDED.until,
    effective_at = EXCLUDED.effective_at, recorded_at = EXCLUDED.recorded_at;

-- name: write_company_contacts
-- Writes: company_contact.
-- Runs: in a working copy.
INSERT INTO company_contact (lane, company_id, borrower_id, since, until, effective_at, recorded_at)
SELECT lane, company_id, borrower_id, since, until, %(now)s, %(recorded_at)s
FROM stage_party WHERE role = 'company-contact'
ON CONFLICT (lane, company_id, borrower_id) DO UPDATE SET
    since = EXCLUDED.since, until = EXCLUDED.until,
    effective_at = EXCLUDED.effective_at, recorded_at = EXCLUDED.recorded_at;

-- name: copy_to_presences
-- Everything of one table that hangs on the parties in stage_presence, into their new lanes. {table}, {columns},
-- {values}: filled by staging, for contact points and each kind of wish. Writes: consent
-- Runs: in a working copy.
INSERT INTO {table} ({columns})
SELECT {values} FROM stage_presence s JOIN {table} t ON t.lane = s.home_lane AND t.borrower_id = s.borrower_id
ON CONFLICT DO NOTHING;

-- name: columns_of
-- table: its name. In their order.
SELECT attname FROM pg_attribute
WHERE attrelid = to_regclass(%(table)s) AND attnum > 0 AND NOT attisdropped ORDER BY attnum;

-- name: roles_of
-- What somebody is to others: of loans, and of companies. lanes: where they have rows; borrower_id.
SELECT l.loan_ref AS loan, l.creditor, p.role, p.since, p.until, b.borrower_key AS borrower
FROM loan_party p
JOIN loan l ON l.lane = p.lane AND l.loan_id = p.loan_id
JOIN borrower b ON b.lane = l.lane AND b.borrower_id = l.borrower_id
WHERE p.lane = ANY(%(lanes)s::smallint[]) AND p.borrower_id = %(borrower_id)s
UNION
SELECT NULL, NULL, 'company-contact', c.since, c.until, b.borrower_key
FROM company_contact c JOIN borrower b ON b.lane = c.lane AND b.borrower_id = c.company_id
WHERE c.lane = ANY(%(lanes)s::smallint[]) AND c.borrower_id = %(borrower_id)s
ORDER BY 1, 3, 6;

-- name: loans_answered
-- Loans that somebody answers for, as each of their roles: their own, those they stand beside, and those of a company whose
-- contact they are. own: their own. lanes: where they have rows; borrower_id.
WITH obligor AS (
    SELECT lane, borrower_id, NULL::date AS until FROM unnest(%(lanes)s::smallint[], array_fill(%(borrower_id)s::uuid,
                                                          ARRAY[cardinality(%(lanes)s::smallint[])])) AS g (lane, borrower_id)
    UNION
    SELECT c.lane, c.company_id, c.until FROM company_contact c
    WHERE c.lane = ANY(%(lanes)s::smallint[]) AND c.borrower_id = %(borrower_id)s
)
SELECT l.lane, l.loan_id, l.loan_ref, l.creditor, l.product, 'borrower' AS role, l.borrower_id = %(borrower_id)s AS own, o.until
FROM obligor o JOIN loan l ON l.lane = o.lane AND l.borrower_id = o.borrower_id
UNION
SELECT l.lane, l.loan_id, l.loan_ref, l.creditor, l.product, p.role, false, least(p.until, o.until)
FROM obligor o
JOIN loan_party p ON p.lane = o.lane AND p.borrower_id = o.borrower_id
JOIN loan l ON l.lane = p.lane AND l.loan_id = p.loan_id
ORDER BY creditor, loan_ref, own DESC, role;

-- name: parties_to
-- Who else answers for somebody's loans, and through whom they are reached if they are a company. lane, borrower_id.
SELECT l.loan_ref AS loan, l.creditor, p.role, p.since, p.until, b.borrower_key AS party
FROM loan l
JOIN loan_party p ON p.lane = l.lane AND p.loan_id = l.loan_id
JOIN borrower b ON b.lane = p.lane AND b.borrower_id = p.borrower_id
WHERE l.lane = %(lane)s AND l.borrower_id = %(borrower_id)s
UNION ALL
SELECT NULL, NULL, 'company-contact', c.since, c.until, b.borrower_key
FROM company_contact c JOIN borrower b ON b.lane = c.lane AND b.borrower_id = c.borrower_id
WHERE c.lane = %(lane)s AND c.company_id = %(borrower_id)s
ORDER BY 1, 3, 6;

-- name: lanes_of
-- Where somebody has rows, home first. lane, borrower_id.
SELECT lane FROM borrower WHERE lane = %(lane)s AND borrower_id = %(borrower_id)s
UNION ALL
SELECT lane FROM borrower WHERE borrower_id = %(borrower_id)s AND home_lane IS NOT NULL AND lane <> %(lane)s;

-- name: merged_keys
-- Keys whose records became part of this one. lane, borrower_id.
SELECT b.borrower_key FROM borrower b
WHERE b.merged_lane = %(lane)s AND b.merged_into = %(borrower_id)s ORDER BY 1;

-- name: points_due
-- Active contact points that are to be verified again: last seen to be right before :seen_before, or refused at least
-- :failures times since then and since the last delivery. Null :seen_before or :failures: that reason counts for nobody.
-- Last seen: verified, else collected, else as the book first or last changed it.
WITH failed AS (
    SELECT a.contact_point_id, count(*) AS failed
    FROM attempt a
    JOIN contact_point c ON c.lane = a.lane AND c.contact_point_id = a.contact_point_id
    WHERE a.state = 'refused' AND a.claimed_at > coalesce(c.verified_at, '-infinity')
      AND NOT EXISTS (SELECT 1 FROM attempt g
                      WHERE g.lane = a.lane AND g.contact_point_id = a.contact_point_id
                        AND g.state IN ('delivered', 'read') AND g.claimed_at > a.claimed_at)
    GROUP BY a.contact_point_id
),
point AS (
    SELECT b.borrower_key, c.lane, c.contact_point_id, c.channel, c.rank, c.address_sealed, c.verified_at, c.verified_how,
           coalesce(c.verified_at, c.collected_on::timestamp AT TIME ZONE b.zone, c.effective_at) AS seen_at
    FROM contact_point c
    JOIN borrower b ON b.lane = c.lane AND b.borrower_id = c.borrower_id
    WHERE c.state = 'active' AND b.home_lane IS NULL
)
SELECT p.borrower_key, p.lane, p.contact_point_id, p.channel, p.rank, p.address_sealed, p.verified_at, p.verified_how, p.seen_at,
       coalesce(f.failed, 0)::int AS failed, coalesce(p.seen_at < %(seen_before)s::timestamptz, false) AS by_age,
       coalesce(f.failed >= %(failures)s::int, false) AS by_failures
FROM point p LEFT JOIN failed f ON f.contact_point_id = p.contact_point_id
WHERE p.seen_at < %(seen_before)s::timestamptz OR f.failed >= %(failures)s::int
ORDER BY by_failures DESC, p.seen_at, p.borrower_key, p.channel, p.rank
LIMIT %(take)s;

-- name: verify_point
-- In every lane where its party is. ids, lanes: of the contact point, in pairs. Writes: contact_point.
WITH
-- include: book/parties.holders
,
-- include: book/parties.everywhere
UPDATE contact_point c
SET verified_at = %(now)s, verified_by = %(by)s, verified_how = %(how)s, recorded_at = now()
FROM everywhere e
WHERE c.lane = e.lane AND c.borrower_id = e.borrower_id AND c.contact_point_id = ANY(%(ids)s::uuid[])
  AND c.state = 'active';

-- fragment: table
-- This and those below stand in for what is filled in ({table}: one of what hangs on a person) when statements are checked.
consent

-- fragment: columns
-- As `table`.
lane, borrower_id, consent_id, kind, granted, evidence, source, recorded_by, effective_at, recorded_at

-- fragment: values
-- As `table`.
t.lane, t.borrower_id, t.consent_id, t.kind, t.granted, t.evidence, t.source, t.recorded_by, t.effective_at, t.recorded_at
