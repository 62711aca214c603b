-- Texts and addresses whose time of keeping is over: what there is, and what goes.

-- fragment: period
-- The periods of each kind of record, as rules.retention.periods says. Parallel arrays: regions, products, purposes, channels, actors, leasts,
-- mosts (years, null for none), most_rules.
period AS (
    SELECT p.* FROM unnest(%(regions)s::text[], %(products)s::text[], %(purposes)s::text[], %(channels)s::text[], %(actors)s::text[],
                           %(leasts)s::int[], %(mosts)s::int[], %(most_rules)s::text[]) WITH ORDINALITY
        AS p (region, product, purpose, channel, actor, least, most, most_rule, n)
)

-- name: text_kinds
-- What kinds of texts there are in these lanes. lanes.
SELECT DISTINCT coalesce(b.region, '') AS region, coalesce(l.product, '') AS product, m.purpose, a.channel, m.actor
FROM attempt a
JOIN message m ON m.lane = a.lane AND m.message_id = a.message_id
JOIN borrower b ON b.lane = m.lane AND b.borrower_id = m.borrower_id
JOIN message_item x ON x.lane = m.lane AND x.group_id = m.group_id
LEFT JOIN loan l ON l.lane = x.lane AND l.loan_id = x.loan_id  -- none: of an application
WHERE a.lane = ANY(%(lanes)s::smallint[]) AND a.text_sealed IS NOT NULL
ORDER BY 1, 2, 3, 4, 5;

-- fragment: kept
-- Every text of these lanes with the first and last day that matter: of several debts the one that keeps it longest, and whether something open
-- still wants it. Counted from the last contact about the debt, the last payment of it and the text itself.
used AS (
    SELECT a.lane, a.attempt_id, p.n, p.least, p.most, p.most_rule,
           greatest((a.claimed_at AT TIME ZONE b.zone)::date,
                    (SELECT max(k.local_on) FROM contact k WHERE k.lane = m.lane AND k.borrower_id = m.borrower_id AND k.loan_id = l.loan_id),
                    (SELECT max(y.paid_on) FROM payment y WHERE y.lane = l.lane AND y.loan_id = l.loan_id)) AS last_on,
           m.state <> 'done' OR
           -- include: book/keeping.held(m)
           AS wanted
    FROM attempt a
    JOIN message m ON m.lane = a.lane AND m.message_id = a.message_id
    JOIN borrower b ON b.lane = m.lane AND b.borrower_id = m.borrower_id
    JOIN message_item x ON x.lane = m.lane AND x.group_id = m.group_id
    LEFT JOIN loan l ON l.lane = x.lane AND l.loan_id = x.loan_id
    JOIN period p ON p.region = coalesce(b.region, '') AND p.product = coalesce(l.product, '') AND p.purpose = m.purpose AND p.channel = a.channel
                 AND p.actor = m.actor
    WHERE a.lane = ANY(%(lanes)s::smallint[]) AND a.text_sealed IS NOT NULL
),
-- include: store/keeping.kept(attempt_id)

-- name: count_texts
-- As store/keeping.count_kept, of texts. lanes; those of the fragment period; as_of: the lender's date; now.
WITH
-- include: period
,
-- include: kept
-- include: store/keeping.count_kept

-- name: erase_texts
-- Take away the texts past their longest keeping; their digests stay. As count_texts; by. Writes: attempt, history
WITH
-- include: period
,
-- include: kept
,
erased AS (
    UPDATE attempt a SET text_sealed = NULL, text_erased_at = %(now)s, version = a.version + 1
    FROM kept k
    WHERE k.limited AND k.delete_after < %(as_of)s AND NOT k.wanted AND a.lane = k.lane AND a.attempt_id = k.attempt_id
      AND a.text_sealed IS NOT NULL AND a.state <> 'claimed'
    RETURNING a.lane, a.attempt_id, a.version, a.state, k.most_rule, k.n
),
told AS (
    INSERT INTO history (lane, subject_id, version, subject, state, rule, reason, at)
    SELECT lane, attempt_id, version, 'attempt', state, most_rule, 'text erased by ' || %(by)s, %(now)s FROM erased
)
SELECT n, count(*) FROM erased GROUP BY n;

-- name: erase_replies
-- Take away the words of replies whose answers were erased. lanes: of their ids; reply_ids. Writes: reply
UPDATE reply SET text_sealed = NULL
WHERE lane = ANY(%(lanes)s::smallint[]) AND reply_id = ANY(%(reply_ids)s::uuid[]) AND text_sealed IS NOT NULL;
