-- Settlement certificates: which loans are settled, what stands on a certificate, which were issued and whether they hold.
-- A certificate is of a loan and the day its last debt was paid; everything else about its holding follows from the book.

-- fragment: standing
-- How the loans of asked(lane, loan_id) stand on :as_of: as book/events.note_settled sees it, with the reasons apart.
-- unpaid: installments that still ask for something; whole: the lender has closed it, or listed all its principal.
standing AS (
    SELECT l.lane, l.loan_id, count(*) FILTER (WHERE
               -- include: book/events.unpaid
           ) AS unpaid,
           max(CASE WHEN w.lane IS NULL THEN i.settled_on ELSE w.settled_on END) AS settled_on,
           l.state = 'closed' OR l.method <> 'revolving' AND coalesce(sum(i.principal_minor) >= l.principal_minor, false) AS whole
    FROM asked a
    JOIN loan l ON l.lane = a.lane AND l.loan_id = a.loan_id
    JOIN installment i ON i.lane = l.lane AND i.loan_id = l.loan_id
    LEFT JOIN installment_was w ON w.lane = i.lane AND w.loan_id = i.loan_id AND w.number = i.number
                               AND w.from_on <= %(as_of)s AND w.until_on > %(as_of)s
    GROUP BY l.lane, l.loan_id, l.state, l.method, l.principal_minor
)

-- name: standing_of
-- How one loan stands. lane, loan_id; as_of: date.
WITH asked AS (SELECT %(lane)s::smallint AS lane, %(loan_id)s::uuid AS loan_id),
-- include: standing
SELECT unpaid, settled_on, whole FROM standing;

-- name: facts_of
-- What stands on a certificate of a loan. paid_minor: all that came in and counts on as_of; parts: of it, by what it met.
-- lane, loan_id; as_of: date.
SELECT l.borrower_id, b.name_sealed, b.id_number_sealed, b.language, l.loan_ref, l.creditor, l.product, l.currency,
       l.principal_minor, l.started_on,
       coalesce((SELECT sum(p.amount_minor) FROM payment p
                 WHERE p.lane = l.lane AND p.loan_id = l.loan_id AND p.paid_on <= %(as_of)s AND NOT EXISTS (
                     SELECT 1 FROM reversal r
                     WHERE r.lane = p.lane AND r.payment_id = p.payment_id AND r.reversed_on <= %(as_of)s)), 0)::bigint AS paid_minor,
       (SELECT jsonb_object_agg(s.part, s.minor) FROM (
            SELECT a.part, sum(a.amount_minor) AS minor FROM allocation a
            WHERE a.lane = l.lane AND a.loan_id = l.loan_id AND a.from_on <= %(as_of)s AND a.until_on > %(as_of)s
            GROUP BY a.part) AS s) AS parts
FROM loan l JOIN borrower b ON b.lane = l.lane AND b.borrower_id = l.borrower_id
WHERE l.lane = %(lane)s AND l.loan_id = %(loan_id)s;

-- fragment: columns
-- Of a certificate, all but the file.
lane, certificate_id, loan_id, borrower_id, creditor, settled_on, edition, language, number, code_hash, issued_on, issued_at, issued_by,
seal, demonstration, revoked_on, revoked_by, revoked_why

-- name: certificates_of_loan
-- Every certificate of a loan, the latest first. lane, loan_id.
SELECT
       -- include: columns
FROM certificate WHERE lane = %(lane)s AND loan_id = %(loan_id)s
ORDER BY settled_on DESC, edition DESC, issued_at DESC, certificate_id;

-- name: certificates_of_person
-- Every certificate of a person's loans, the latest first. lanes: all of them; borrower_id.
SELECT
       -- include: columns
FROM certificate WHERE lane = ANY(%(lanes)s::smallint[]) AND borrower_id = %(borrower_id)s
ORDER BY issued_on DESC, certificate_id;

-- name: settled_of_person
-- The loans of a person that are settled, the latest first. lanes: all of them; borrower_id; as_of: date.
WITH asked AS (SELECT lane, loan_id FROM loan WHERE lane = ANY(%(lanes)s::smallint[]) AND borrower_id = %(borrower_id)s),
-- include: standing
SELECT l.lane, l.loan_id, l.loan_ref, l.product, l.creditor, s.settled_on
FROM standing s JOIN loan l ON l.lane = s.lane AND l.loan_id = s.loan_id
WHERE s.unpaid = 0 AND s.whole AND s.settled_on IS NOT NULL
ORDER BY s.settled_on DESC, l.loan_ref;

-- name: certificates_by_code
-- The certificate of a code's hash. lanes: all of them, since a code does not say in which; code_hash.
SELECT
       -- include: columns
FROM certificate WHERE lane = ANY(%(lanes)s::smallint[]) AND code_hash = %(code_hash)s
ORDER BY issued_at, certificate_id;

-- name: certificates_by_digest
-- The certificate whose file has a digest. lanes: all of them; digest.
SELECT
       -- include: columns
FROM certificate WHERE lane = ANY(%(lanes)s::smallint[]) AND file_digest = %(digest)s
ORDER BY issued_at, certificate_id;

-- name: id_number_of
-- The sealed ID number of a borrower. lane, borrower_id.
SELECT id_number_sealed FROM borrower WHERE lane = %(lane)s AND borrower_id = %(borrower_id)s;

-- name: file_of
-- The sealed file. lane, certificate_id.
SELECT file_sealed FROM certificate WHERE lane = %(lane)s AND certificate_id = %(certificate_id)s;

-- name: keep_certificate
-- A certificate that was sealed; one that is there already stays. All: as its columns. Writes: certificate
INSERT INTO certificate (lane, certificate_id, loan_id, borrower_id, creditor, settled_on, edition, language, number, code_hash,
    file_sealed, file_digest, issued_on, issued_at, issued_by, seal, demonstration)
VALUES (%(lane)s, %(certificate_id)s, %(loan_id)s, %(borrower_id)s, %(creditor)s, %(settled_on)s, %(edition)s, %(language)s, %(number)s,
    %(code_hash)s, %(file_sealed)s, %(file_digest)s, %(issued_on)s, %(issued_at)s, %(issued_by)s, %(seal)s, %(demonstration)s)
ON CONFLICT DO NOTHING;

-- name: revoke_certificate
-- Take one back; one that is taken back already stays as it is. lane, certificate_id, on, by, why. Writes: certificate
UPDATE certificate SET revoked_on = %(on)s, revoked_by = %(by)s, revoked_why = %(why)s
WHERE lane = %(lane)s AND certificate_id = %(certificate_id)s AND revoked_on IS NULL;

-- name: reopened_on
-- Since when a loan that was settled on a day is so no more: the first reversal from that day on, else when the lender's file
-- last changed it. lane, loan_id, settled_on; as_of: date.
SELECT coalesce(
    (SELECT min(r.reversed_on) FROM reversal r
     WHERE r.lane = %(lane)s AND r.loan_id = %(loan_id)s AND r.reversed_on BETWEEN %(settled_on)s AND %(as_of)s),
    (SELECT least(%(as_of)s::date, max((c.at AT TIME ZONE coalesce((SELECT s.value #>> '{}' FROM setting s WHERE s.key = 'lender_zone'), 'UTC'))::date))
     FROM (SELECT recorded_at AS at FROM loan WHERE lane = %(lane)s AND loan_id = %(loan_id)s
           UNION ALL SELECT recorded_at FROM installment WHERE lane = %(lane)s AND loan_id = %(loan_id)s) AS c)) AS since;

-- name: due_certificates
-- Loans that were settled since a moment and still are, to which a policy promises a certificate at settlement and which have had
-- none of this settlement; at most so many, after one. {applies}: over b (borrower), l (loan) and e (the event of the
-- settlement). lanes: smallint[]; since; as_of: date; last_lane, last_loan; most.
WITH fresh AS (
    SELECT e.* FROM event e
    WHERE e.lane = ANY(%(lanes)s::smallint[]) AND e.kind = 'loan.settled' AND e.recorded_at >= %(since)s
),
asked AS (SELECT DISTINCT lane, loan_id FROM fresh),
-- include: standing
SELECT DISTINCT s.lane, s.loan_id
FROM standing s
JOIN fresh e ON e.lane = s.lane AND e.loan_id = s.loan_id
            AND e.event_id = md5(concat_ws('|', 'loan.settled', s.loan_id, s.settled_on))::uuid
JOIN loan l ON l.lane = s.lane AND l.loan_id = s.loan_id
JOIN borrower b ON b.lane = l.lane AND b.borrower_id = l.borrower_id
WHERE s.unpaid = 0 AND s.whole AND ({applies}) AND (s.lane, s.loan_id) > (%(last_lane)s::smallint, %(last_loan)s::uuid)
  AND NOT EXISTS (SELECT 1 FROM certificate c
                  WHERE c.lane = s.lane AND c.loan_id = s.loan_id AND c.settled_on = s.settled_on)
ORDER BY s.lane, s.loan_id LIMIT %(most)s;
