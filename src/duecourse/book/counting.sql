-- Days past due, counted three ways, loan by loan, as of any day. The same as domain.days_past_due, set-based.
-- As of a day: an installment is open when it is neither settled nor superseded by then; what is counted is the oldest.

-- fragment: counted
-- Needs the parameters as_of (date), lanes (smallint[]), borrower_id (uuid or null: all), and of the bureau rules,
-- side by side: stands (date[]), from_grace (boolean[]), from_days (int[]), left_out (text[]), minimums (jsonb[] of
-- currency to minor units). {rule_of}: the place of a loan's rule in them, from 1, over the aliases b, l, i.
-- Gives counted(lane, loan_id, currency, place, since, past_due_minor, stood_minor, contractual, strategy, bureau), a row for
-- each loan that is open and has something past due, on the day or on its bureau day.
bureau_rule AS (
    SELECT * FROM unnest(%(stands)s::date[], %(from_grace)s::boolean[], %(from_days)s::int[], %(left_out)s::text[],
                         %(minimums)s::jsonb[])
        WITH ORDINALITY AS r (stand_on, from_grace, from_days, left_out, minimums, place)
),
ruled AS (
    SELECT i.lane, i.loan_id, i.number, l.currency, i.due_minor, i.due_on, i.settled_on, i.past_due_since, i.superseded_on,
           CASE WHEN w.lane IS NULL THEN i.settled_on ELSE w.settled_on END AS settled_then,
           coalesce(CASE WHEN w.lane IS NULL THEN i.past_due_since ELSE w.past_due_since END, i.due_on) AS since,
           coalesce(i.statement_on, l.started_on, '-infinity') AS known_on,
           min({rule_of}) OVER (PARTITION BY i.lane, i.loan_id) AS place
    FROM installment i
    JOIN loan l ON l.lane = i.lane AND l.loan_id = i.loan_id AND l.state = 'open'
    JOIN borrower b ON b.lane = i.lane AND b.borrower_id = i.borrower_id
    LEFT JOIN installment_was w ON w.lane = i.lane AND w.loan_id = i.loan_id AND w.number = i.number
                               AND w.from_on <= %(as_of)s AND w.until_on > %(as_of)s
    WHERE i.lane = ANY(%(lanes)s::smallint[])
      AND (%(borrower_id)s::uuid IS NULL OR i.borrower_id = %(borrower_id)s)
      AND coalesce(CASE WHEN w.lane IS NULL THEN i.past_due_since ELSE w.past_due_since END, i.due_on) < %(as_of)s::date
      AND i.due_minor > 0
      AND coalesce(i.statement_on, l.started_on, '-infinity') <= %(as_of)s::date
      AND coalesce(CASE WHEN w.lane IS NULL THEN i.settled_on ELSE w.settled_on END > (SELECT min(s) FROM unnest(%(stands)s::date[]) AS s), true)
      AND coalesce(i.superseded_on > (SELECT min(s) FROM unnest(%(stands)s::date[]) AS s), true)
),
stood AS (
    SELECT i.*, r.stand_on, CASE WHEN v.lane IS NULL THEN i.settled_on ELSE v.settled_on END AS settled_by,
           coalesce(CASE WHEN v.lane IS NULL THEN i.past_due_since ELSE v.past_due_since END, i.due_on) AS stood_since
    FROM ruled i
    JOIN bureau_rule r ON r.place = i.place
    LEFT JOIN installment_was v ON v.lane = i.lane AND v.loan_id = i.loan_id AND v.number = i.number
                               AND v.from_on <= r.stand_on AND v.until_on > r.stand_on
),
late AS (
    SELECT i.lane, i.loan_id, i.currency, i.since, i.stood_since, i.place, i.stand_on,
           coalesce(i.settled_then > %(as_of)s::date, true) AND coalesce(i.superseded_on > %(as_of)s::date, true) AS is_open,
           coalesce(i.settled_by > i.stand_on, true) AND coalesce(i.superseded_on > i.stand_on, true)
               AND i.known_on <= i.stand_on AND i.stood_since < i.stand_on AS stood_open,
           i.due_minor - coalesce(sum(a.amount_minor) FILTER (WHERE a.until_on > %(as_of)s::date), 0)::bigint AS open_minor,
           i.due_minor - coalesce(sum(a.amount_minor) FILTER (WHERE a.from_on <= i.stand_on AND a.until_on > i.stand_on),
                                  0)::bigint AS stood_minor
    FROM stood i
    LEFT JOIN allocation a ON a.lane = i.lane AND a.loan_id = i.loan_id AND a.number = i.number
                          AND a.from_on <= %(as_of)s::date
    GROUP BY i.lane, i.loan_id, i.number, i.currency, i.since, i.stood_since, i.place, i.settled_then, i.settled_by,
             i.superseded_on, i.known_on, i.due_minor, i.stand_on
),
oldest AS (
    SELECT lane, loan_id, currency, place, stand_on,
           min(since) FILTER (WHERE is_open) AS since, min(stood_since) FILTER (WHERE stood_open) AS stood_since,
           coalesce(sum(open_minor) FILTER (WHERE is_open), 0)::bigint AS past_due_minor,
           coalesce(sum(stood_minor) FILTER (WHERE stood_open), 0)::bigint AS stood_minor
    FROM late WHERE is_open OR stood_open
    GROUP BY lane, loan_id, currency, place, stand_on
),
begun AS (
    SELECT o.*, r.from_days, r.left_out, coalesce((r.minimums ->> o.currency)::bigint, 0) AS minimum_minor,
           o.since + coalesce((SELECT max(g.grace_days) FROM installment g
                               WHERE g.lane = o.lane AND g.loan_id = o.loan_id AND g.due_on = o.since), 0) AS grace_ends,
           o.stood_since + CASE WHEN r.from_grace THEN
               coalesce((SELECT max(g.grace_days) FROM installment g
                         WHERE g.lane = o.lane AND g.loan_id = o.loan_id AND g.due_on = o.stood_since), 0)
               ELSE 0 END AS bureau_from
    FROM oldest o JOIN bureau_rule r ON r.place = o.place
),
paused AS (
    SELECT g.lane, g.loan_id,
           sum(greatest(0, least(p.to_on, %(as_of)s::date) - greatest(p.from_on, g.since + 1) + 1))
               FILTER (WHERE p.kind = 'deferral') AS contractual,
           sum(greatest(0, least(p.to_on, %(as_of)s::date) - greatest(p.from_on, g.grace_ends + 1) + 1)) AS strategy,
           sum(greatest(0, least(p.to_on, g.stand_on) - greatest(p.from_on, g.bureau_from + 1) + 1))
               FILTER (WHERE g.left_out = 'all' OR g.left_out = 'deferrals' AND p.kind = 'deferral') AS bureau
    FROM begun g JOIN loan_pause p ON p.lane = g.lane AND p.loan_id = g.loan_id
    GROUP BY g.lane, g.loan_id
),
counted_days AS (
    SELECT g.*,
           greatest(0, coalesce(%(as_of)s::date - g.since - coalesce(p.contractual, 0), 0))::int AS contractual,
           greatest(0, coalesce(%(as_of)s::date - g.grace_ends - coalesce(p.strategy, 0), 0))::int AS strategy,
           greatest(0, coalesce(g.stand_on - g.bureau_from - coalesce(p.bureau, 0), 0))::int AS bureau_days
    -- FULL, here and below, for the reason that rules.judge gives: a pause has its loan, but a nested loop of thousands of
    -- loans, which the planner takes for one, would be quadratic.
    FROM begun g FULL JOIN paused p ON p.lane = g.lane AND p.loan_id = g.loan_id
),
counted AS (
    SELECT lane, loan_id, currency, place, since, past_due_minor, stood_minor, contractual, strategy,
           CASE WHEN bureau_days >= from_days AND stood_minor >= minimum_minor THEN bureau_days ELSE 0 END AS bureau
    FROM counted_days
)

-- name: counters
-- The three counters of every loan with something past due.
WITH
-- include: counted
SELECT lane, loan_id, place, contractual, strategy, bureau, past_due_minor FROM counted ORDER BY lane, loan_id;

-- name: buckets
-- Open loans and what is past due on them, by currency, counter and bucket. starts: int[], the first day of each
-- bucket but the one of what is not past due, which is bucket 0.
WITH
-- include: counted
,
open_loan AS (
    SELECT l.lane, l.loan_id, l.currency FROM loan l
    WHERE l.lane = ANY(%(lanes)s::smallint[]) AND l.state = 'open'
      AND coalesce(l.started_on, '-infinity') <= %(as_of)s::date
),
loan_days AS (
    SELECT coalesce(l.currency, c.currency) AS currency, c.contractual, c.strategy, c.bureau, c.past_due_minor,
           c.stood_minor
    FROM open_loan l FULL JOIN counted c ON c.lane = l.lane AND c.loan_id = l.loan_id
)
SELECT c.currency, k.counter, width_bucket(coalesce(k.days, 0), %(starts)s::int[]) AS bucket, count(*) AS loans,
       coalesce(sum(k.amount_minor), 0)::bigint AS past_due_minor
FROM loan_days c
CROSS JOIN LATERAL (VALUES ('contractual', c.contractual, c.past_due_minor), ('strategy', c.strategy, c.past_due_minor),
                           ('bureau', c.bureau, c.stood_minor)) AS k (counter, days, amount_minor)
GROUP BY c.currency, k.counter, bucket
ORDER BY c.currency, k.counter, bucket;

-- name: pauses_of
-- Of the loans of one borrower.
SELECT p.loan_id, p.from_on, p.to_on, p.kind, p.evidence, p.recorded_by
FROM loan_pause p JOIN loan l ON l.lane = p.lane AND l.loan_id = p.loan_id
WHERE p.lane = %(lane)s AND l.borrower_id = %(borrower_id)s
ORDER BY p.loan_id, p.from_on;

-- fragment: rule_of
-- Stands in for the compiled choice when statements are checked.
1
