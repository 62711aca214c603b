-- Addresses that nobody uses any more and whose time of keeping is over.

-- fragment: debts_of(who)
-- The debts d of the person of {who} (lane, borrower_id): what they owe, and where they have another part.
LEFT JOIN (SELECT lane, borrower_id, loan_id FROM loan UNION SELECT lane, borrower_id, loan_id FROM loan_party) AS d
       ON d.lane = {who}.lane AND d.borrower_id = {who}.borrower_id

-- fragment: held(who)
-- Whether a hold of the person of {who} (lane, borrower_id) is open, so that nothing about them may go. now.
EXISTS (SELECT 1 FROM hold h
        WHERE h.lane = {who}.lane AND h.borrower_id = {who}.borrower_id AND h.effect = 'stop' AND h.kind <> 'promise'
          AND (h.ended_at IS NULL OR h.ended_at > %(now)s) AND (h.until IS NULL OR h.until > %(now)s))

-- name: point_kinds
-- What kinds of retired contact points there are in these lanes; a person without a debt here has product ''. lanes.
-- Runs: where its lanes are.
SELECT DISTINCT coalesce(b.region, '') AS region, coalesce(l.product, '') AS product, c.channel
FROM contact_point c
JOIN borrower b ON b.lane = c.lane AND b.borrower_id = c.borrower_id
-- include: debts_of(c)
LEFT JOIN loan l ON l.lane = d.lane AND l.loan_id = d.loan_id
WHERE c.lane = ANY(%(lanes)s::smallint[]) AND c.state = 'retired' AND c.address_sealed IS NOT NULL
ORDER BY 1, 2, 3;

-- fragment: kept
-- Every retired contact point of these lanes that is not erased, with the day on which it must go: counted from its retirement and the last
-- contact with the person; those of store/keeping.period. wanted: a text that was sent there is kept, or a hold is open.
-- include: store/keeping.period
,
used AS (
    SELECT c.lane, c.contact_point_id, p.n, p.most_rule, p.least, p.most,
           greatest((c.effective_at AT TIME ZONE b.zone)::date,
                    (SELECT max(k.local_on) FROM contact k WHERE k.lane = c.lane AND k.borrower_id = c.borrower_id)) AS last_on,
           EXISTS (SELECT 1 FROM attempt a
                   WHERE a.lane = c.lane AND a.borrower_id = c.borrower_id AND a.contact_point_id = c.contact_point_id
                     AND a.text_sealed IS NOT NULL)
           OR
           -- include: held(c)
           AS wanted
    FROM contact_point c
    JOIN borrower b ON b.lane = c.lane AND b.borrower_id = c.borrower_id
    -- include: debts_of(c)
    LEFT JOIN loan l ON l.lane = d.lane AND l.loan_id = d.loan_id
    JOIN period p ON p.region = coalesce(b.region, '') AND p.product = coalesce(l.product, '') AND p.channel = c.channel
    WHERE c.lane = ANY(%(lanes)s::smallint[]) AND c.state = 'retired' AND c.address_sealed IS NOT NULL
),
-- include: store/keeping.kept(contact_point_id)

-- name: count_points
-- As store/keeping.count_kept, of retired contact points. lanes; those of the fragment; as_of; now.
-- Runs: where its lanes are.
WITH
-- include: kept
-- include: store/keeping.count_kept

-- name: erase_points
-- Take away the addresses past their longest keeping, here and in what the book remembers of them. As count_points; by.
-- Writes: contact_point, book_history
-- Runs: where its lanes are.
WITH
-- include: kept
,
gone AS (
    SELECT c.lane, c.contact_point_id, k.most_rule, k.n, to_jsonb(c) - 'address_sealed' - 'address_index' AS was
    FROM kept k JOIN contact_point c ON c.lane = k.lane AND c.contact_point_id = k.contact_point_id
    WHERE k.limited AND k.delete_after < %(as_of)s AND NOT k.wanted
),
erased AS (
    UPDATE contact_point c SET address_sealed = NULL, address_index = NULL, erased_at = %(now)s, recorded_at = %(now)s
    FROM gone g
    WHERE c.lane = g.lane AND c.contact_point_id = g.contact_point_id AND c.state = 'retired'
    RETURNING c.lane, c.contact_point_id, g.n
),
forgotten AS (
    UPDATE book_history h SET was = h.was - 'address_sealed' - 'address_index'
    FROM erased e WHERE h.lane = e.lane AND h.subject = 'contact_point' AND h.subject_id = e.contact_point_id::text
),
told AS (
    INSERT INTO book_history (lane, subject, subject_id, recorded_at, was)
    SELECT g.lane, 'contact_point', g.contact_point_id::text, %(now)s::timestamptz,
           g.was || jsonb_build_object('erased_by', %(by)s::text, 'erased_for', g.most_rule)
    FROM gone g JOIN erased e ON e.lane = g.lane AND e.contact_point_id = g.contact_point_id
    ON CONFLICT DO NOTHING
)
SELECT n, count(*) FROM erased GROUP BY n;
