-- How long what is sealed is kept, the same for texts, addresses and answers: what a room has kept is one row of `used` per record and debt.

-- fragment: period
-- The periods of each kind of record. Parallel arrays: regions, products, channels, leasts, mosts (years, null for none), most_rules.
period AS (
    SELECT p.* FROM unnest(%(regions)s::text[], %(products)s::text[], %(channels)s::text[], %(leasts)s::int[], %(mosts)s::int[],
                           %(most_rules)s::text[]) WITH ORDINALITY AS p (region, product, channel, least, most, most_rule, n)
)

-- fragment: kept(id)
-- Of every record {id} the first and last day that matter, of several debts the one that keeps it longest. Needs
-- used (lane, {id}, n, most_rule, least, most, last_on, wanted): n: of its period; wanted: something open still needs it.
kept AS (
    SELECT k.lane, k.{id}, min(k.n) AS n, min(k.most_rule) AS most_rule, bool_or(k.wanted) AS wanted,
           bool_or(k.delete_after IS NOT NULL) AS limited, max(k.keep_until) AS keep_until,
           greatest(max(k.keep_until), min(k.delete_after)) AS delete_after
    FROM (SELECT d.lane, d.{id}, d.n, d.most_rule, d.wanted,
                 (SELECT
                  -- include: years_after
                  FROM (SELECT d.least AS years) AS y) AS keep_until,
                 (SELECT
                  -- include: years_after
                  FROM (SELECT d.most AS years) AS y) AS delete_after
          FROM used d) AS k
    GROUP BY k.lane, k.{id}
)

-- fragment: years_after
-- The day y.years after d.last_on; 29 February ends on 1 March, since a record is never kept a day too short.
((d.last_on + make_interval(years => y.years))::date
 + CASE WHEN to_char(d.last_on, 'MM-DD') = '02-29' AND to_char(d.last_on + make_interval(years => y.years), 'DD') = '28' THEN 1 ELSE 0 END)

-- fragment: count_kept
-- Of each period: how many records, how many must still be kept, are past their longest keeping, and of these are wanted by something open.
SELECT n, count(*) AS records, count(*) FILTER (WHERE keep_until >= %(as_of)s) AS must,
       count(*) FILTER (WHERE limited AND delete_after < %(as_of)s) AS over,
       count(*) FILTER (WHERE limited AND delete_after < %(as_of)s AND wanted) AS wanted
FROM kept GROUP BY n ORDER BY n
