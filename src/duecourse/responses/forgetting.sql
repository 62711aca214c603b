-- Words of borrowers whose time of keeping is over: what there is, and what goes.

-- fragment: answered
-- Answers of these lanes with words, with notes on them, or that came with a statement of a household; region and product '' where nobody
-- knows whose an answer is.
answered AS (
    SELECT r.lane, r.response_id, r.request_id, r.source, r.borrower_id, r.said_at, b.zone, coalesce(b.region, '') AS region,
           coalesce(l.product, '') AS product, coalesce(r.channel, '') AS channel, l.loan_id
    FROM response r
    LEFT JOIN borrower b ON b.lane = r.lane AND b.borrower_id = r.borrower_id
    -- include: book/keeping.debts_of(r)
       AND coalesce(d.loan_id = r.loan_id, true)
    LEFT JOIN loan l ON l.lane = r.lane AND l.loan_id = d.loan_id
    WHERE r.lane = ANY(%(lanes)s::smallint[])
      AND (r.text_sealed IS NOT NULL
           OR EXISTS (SELECT 1 FROM response_event e
                      WHERE e.lane = r.lane AND e.response_id = r.response_id AND e.note_sealed IS NOT NULL)
           OR EXISTS (SELECT 1 FROM hardship h
                      WHERE h.lane = r.lane AND h.response_id = r.response_id AND h.stated_sealed IS NOT NULL))
)

-- name: answer_kinds
-- What kinds of answers there are in these lanes. lanes.
WITH
-- include: answered
SELECT DISTINCT region, product, channel FROM answered ORDER BY 1, 2, 3;

-- fragment: kept
-- Every such answer with the first and last day that matter, of several debts the one that keeps it longest: counted from the answer, the last
-- contact with the person and the last payment of the debt; those of store/keeping.period. wanted: it waits for a person, or a hold is open.
-- include: store/keeping.period
,
-- include: answered
,
used AS (
    SELECT a.lane, a.response_id, p.n, p.most_rule, p.least, p.most,
           greatest((a.said_at AT TIME ZONE coalesce(a.zone, 'UTC'))::date,
                    (SELECT max(k.local_on) FROM contact k WHERE k.lane = a.lane AND k.borrower_id = a.borrower_id),
                    (SELECT max(y.paid_on) FROM payment y WHERE y.lane = a.lane AND y.loan_id = a.loan_id)) AS last_on,
           EXISTS (SELECT 1 FROM response_waiting w WHERE w.lane = a.lane AND w.response_id = a.response_id)
           OR
           -- include: book/keeping.held(a)
           AS wanted
    FROM answered a
    JOIN period p ON p.region = a.region AND p.product = a.product AND p.channel = a.channel
),
-- include: store/keeping.kept(response_id)

-- name: count_answers
-- As store/keeping.count_kept, of answers. lanes; those of the fragment; as_of; now.
WITH
-- include: kept
-- include: store/keeping.count_kept

-- name: erase_answers
-- Take away the words past their longest keeping; how many, and which replies they were. As count_answers; by.
-- Writes: response, response_event, hardship
WITH
-- include: kept
,
over AS MATERIALIZED (
    SELECT k.lane, k.response_id, k.n, k.most_rule,
           (SELECT max(e.seq) FROM response_event e WHERE e.lane = k.lane AND e.response_id = k.response_id) AS seq
    FROM kept k
    WHERE k.limited AND k.delete_after < %(as_of)s AND NOT k.wanted
),
gone AS (
    UPDATE response r SET text_sealed = NULL
    FROM over o
    WHERE r.lane = o.lane AND r.response_id = o.response_id
    RETURNING r.lane, r.response_id, r.borrower_id, r.source, r.request_id, o.n, o.most_rule, o.seq
),
notes AS (
    UPDATE response_event e SET note_sealed = NULL
    FROM gone g WHERE e.lane = g.lane AND e.response_id = g.response_id AND e.note_sealed IS NOT NULL
),
stated AS (
    UPDATE hardship h SET stated_sealed = NULL, erased_at = %(now)s
    FROM gone g WHERE h.lane = g.lane AND h.response_id = g.response_id AND h.stated_sealed IS NOT NULL
),
told AS (
    INSERT INTO response_event (lane, response_id, seq, borrower_id, event, reason, recorded_by, at)
    SELECT g.lane, g.response_id, 1 + coalesce(g.seq, 0), g.borrower_id, 'erased', g.most_rule, %(by)s, %(now)s
    FROM gone g
)
SELECT n, count(*), array_agg(request_id) FILTER (WHERE source = 'reply') FROM gone GROUP BY n;
