-- The judging SQL. Planning and claiming include the same text, so what people are shown is what will be enforced.

-- fragment: fed
-- Through which day all payments to a creditor are known: its feed that is furthest behind. No feed, no row.
fed AS (
    SELECT creditor, min(complete_through) AS complete_through FROM payment_feed GROUP BY creditor
)

-- fragment: debit_pending
-- Why an amount of installment i must wait, or null: a debit was submitted and its result is neither known on :as_of nor
-- past waiting for; or it was paid, and up to three days later the payment is not in the book yet. f: its row of fed.
(SELECT min(CASE WHEN d.result_on <= %(as_of)s
                 THEN format('debited on %%s, the payment is not in the book yet', d.result_on)
                 ELSE format('the debit of %%s awaits its result until %%s', d.submitted_on, d.wait_until) END)
 FROM debit d
 WHERE d.lane = i.lane AND d.loan_id = i.loan_id AND (d.number IS NULL OR d.number = i.number)
   AND (d.submitted_on <= %(as_of)s AND d.wait_until >= %(as_of)s AND coalesce(d.result_on > %(as_of)s, true)
        OR d.state = 'paid' AND d.result_on BETWEEN %(as_of)s::date - 3 AND %(as_of)s::date
           AND coalesce(f.complete_through < d.result_on, true)))

-- fragment: judge
-- Judges every row of candidate at its own instant `at`; knowledge of the book is that of :as_of.
-- Needs the CTEs
--   candidate(lane, message_id, group_id, borrower_id, party, step, purpose, route, route_at, zone, daily_cap, batch_id,
--             corrects, at, useful_until)
--   candidate_item(lane, message_id, loan_id, number, anchor_on, step, names_amount, max_book_age)
--   provider(channel, provider, ready)
-- and the parameters as_of (lender's date), now, recheck and pause (intervals).
-- Gives verdict(lane, message_id, allow, not_before, rule, reason, route_at, channel, provider, contact_point_id,
-- address_sealed, valid_until) with exactly one row per candidate, and open_item(lane, message_id, loan_id, number,
-- step).
-- not_before is a fixed point: opening time first, then the daily cap, whose next day begins at opening time,
-- where the window is open and, days ahead being empty in the ledger, the cap is free.
-- include: rules.fed
,
-- Of when the book is: the lender's midnight after the day through which the creditor's payments are complete; of a
-- creditor without a feed, the last delivery of all.
delivered AS (
    SELECT max(finished_at) AS at,
           (SELECT jsonb_build_array(s.value) ->> 0 FROM setting s WHERE s.key = 'lender_zone') AS lender_zone
    FROM book_import WHERE state = 'done' AND finished_at <= %(now)s
),
item_state AS (
    SELECT c.lane, c.message_id, ci.loan_id, ci.number, ci.step, f.complete_through,
           i.due_on + coalesce(i.grace_days, 0) AS grace_ends,
           -- One text speaks of all items, so what one of them names all of them name.
           bool_or(ci.names_amount) OVER one_message AS names_amount,
           min(ci.max_book_age) OVER one_message AS max_book_age,
           g.at AS delivered_at, coalesce(g.lender_zone, c.zone) AS book_zone,
           -- include: debit_pending
           AS debit,
           CASE WHEN c.corrects IS NOT NULL THEN NULL  -- a correction is owed also to those who have paid since
                WHEN ci.lane IS NULL THEN 'PAID'
                WHEN l.state = 'closed' THEN 'LOAN-CLOSED'
                WHEN CASE WHEN w.lane IS NULL THEN i.settled_on ELSE w.settled_on END <= %(as_of)s
                     OR i.due_minor = 0 THEN 'PAID'
                WHEN i.superseded_on <= %(as_of)s THEN 'SUPERSEDED'
                -- Planned for a day that the book has moved since, or for a due it has taken back.
                WHEN i.loan_id IS NULL
                     OR ci.anchor_on IS DISTINCT FROM i.due_on AND ci.anchor_on IS DISTINCT FROM i.statement_on
                        AND ci.anchor_on <> i.due_on + coalesce(i.grace_days, 0) THEN 'RESCHEDULED'
                -- A guarantor released, a company's contact who left, since it was planned.
                WHEN c.party <> 'third' AND NOT (c.party = 'borrower' AND c.borrower_id = l.borrower_id) AND NOT EXISTS (
                     SELECT 1
                     FROM (SELECT r.borrower_id, r.role FROM loan_party r
                           WHERE r.lane = l.lane AND r.loan_id = l.loan_id AND coalesce(r.until >= (c.at AT TIME ZONE c.zone)::date, true)
                           UNION ALL SELECT l.borrower_id, 'borrower') AS p
                     WHERE p.role = c.party
                       AND (p.borrower_id = c.borrower_id
                            OR EXISTS (SELECT 1 FROM company_contact k
                                       WHERE k.lane = l.lane AND k.company_id = p.borrower_id AND k.borrower_id = c.borrower_id
                                         AND coalesce(k.until >= (c.at AT TIME ZONE c.zone)::date, true)))) THEN 'NOT-PARTY'
                WHEN c.purpose = 'collection'
                     AND i.due_on + coalesce(i.grace_days, 0) >= (c.at AT TIME ZONE c.zone)::date THEN 'IN-GRACE'
                -- Whoever paid on the last day of grace may stand in a file that has not come yet.
                WHEN c.purpose = 'collection'
                     AND f.complete_through < i.due_on + coalesce(i.grace_days, 0) THEN 'FEED-BEHIND'
           END AS state_rule
    FROM candidate c
    FULL JOIN candidate_item ci ON ci.lane = c.lane AND ci.message_id = c.message_id  -- as in ruled
    LEFT JOIN installment i ON i.lane = ci.lane AND i.loan_id = ci.loan_id AND i.number = ci.number
    LEFT JOIN loan l ON l.lane = ci.lane AND l.loan_id = ci.loan_id
    LEFT JOIN installment_was w ON w.lane = i.lane AND w.loan_id = i.loan_id AND w.number = i.number
                               AND w.from_on <= %(as_of)s AND w.until_on > %(as_of)s
    LEFT JOIN fed f ON f.creditor = l.creditor
    CROSS JOIN delivered g
    WINDOW one_message AS (PARTITION BY c.lane, c.message_id)
),
item_verdict AS (
    SELECT s.*, coalesce(s.state_rule, CASE WHEN s.names_amount AND s.debit IS NOT NULL THEN 'DEBIT-PENDING'
                                            WHEN s.names_amount AND s.stale IS NOT NULL THEN 'BOOK-STALE' END) AS rule
    FROM (
        SELECT i.*, CASE WHEN b.book_at IS NULL AND i.max_book_age IS NOT NULL
                              THEN 'no delivery says of when the book is'
                         WHEN %(now)s::timestamptz - b.book_at > i.max_book_age
                              THEN format('the book is of %%s, older than %%s',
                                          to_char(b.book_at AT TIME ZONE i.book_zone, 'YYYY-MM-DD HH24:MI'),
                                          i.max_book_age) END AS stale
        FROM item_state i
        CROSS JOIN LATERAL (
            SELECT CASE WHEN i.max_book_age IS NULL THEN NULL WHEN i.complete_through IS NULL THEN i.delivered_at
                        ELSE local_instant(i.complete_through + 1, '00:00', i.book_zone) END AS book_at) AS b
    ) AS s
),
open_item AS (
    SELECT lane, message_id, loan_id, number, step FROM item_verdict WHERE rule IS NULL
),
item_summary AS (
    -- Of several the first by name: what only waits (BOOK-STALE to IN-GRACE) before what is over.
    SELECT lane, message_id, count(*) FILTER (WHERE rule IS NULL) AS still_open, min(rule) AS rule,
           min(complete_through) AS complete_through,
           min(grace_ends) FILTER (WHERE rule = 'FEED-BEHIND') AS grace_ends,
           min(debit) FILTER (WHERE rule = 'DEBIT-PENDING') AS debit,
           min(stale) FILTER (WHERE rule = 'BOOK-STALE') AS stale
    FROM item_verdict GROUP BY lane, message_id
),
reach AS (
    SELECT DISTINCT ON (c.lane, c.message_id)
           c.lane, c.message_id, r.place::smallint AS route_at, r.channel, p.provider, p.ready,
           cp.contact_point_id, cp.address_sealed, o.opted_out
    FROM candidate c
    CROSS JOIN unnest(c.route) WITH ORDINALITY AS r (channel, place)
    JOIN provider p ON p.channel = r.channel
    JOIN contact_point cp ON cp.lane = c.lane AND cp.borrower_id = c.borrower_id
                         AND cp.channel = r.channel AND cp.state = 'active'
    CROSS JOIN (VALUES (true), (false)) AS o (opted_out)
    WHERE r.place >= c.route_at
      AND o.opted_out = EXISTS (
          SELECT 1 FROM opt_out x
          WHERE x.lane = c.lane AND x.borrower_id = c.borrower_id AND x.state = 'out'
            AND x.effective_at <= %(now)s
            AND (x.channel IS NULL OR x.channel = r.channel)
            AND (x.address_index IS NULL OR x.address_index = cp.address_index)
            AND (x.purpose IS NULL OR x.purpose = c.purpose)
            AND NOT EXISTS (
                SELECT 1 FROM opt_out y
                WHERE y.lane = x.lane AND y.borrower_id = x.borrower_id AND y.state = 'in'
                  AND y.effective_at > x.effective_at AND y.effective_at <= %(now)s
                  AND y.channel IS NOT DISTINCT FROM x.channel
                  AND y.address_index IS NOT DISTINCT FROM x.address_index
                  AND y.purpose IS NOT DISTINCT FROM x.purpose))
    ORDER BY c.lane, c.message_id, o.opted_out, r.place, cp.rank, cp.contact_point_id
),
halted AS (
    SELECT DISTINCT ON (c.lane, c.message_id) c.lane, c.message_id, s.reason
    FROM candidate c
    FULL JOIN reach r ON r.lane = c.lane AND r.message_id = c.message_id  -- as in ruled
    JOIN stop s ON s.resumed_at IS NULL
               AND (s.step IS NULL OR EXISTS (
                    SELECT 1 FROM open_item i
                    WHERE i.lane = c.lane AND i.message_id = c.message_id AND i.step = s.step))
               AND (s.purpose IS NULL OR s.purpose = c.purpose)
               AND (s.channel IS NULL OR s.channel = r.channel)
    ORDER BY c.lane, c.message_id, s.stopped_at
),
-- A batch nobody has opened yet, one whose canaries are out, one that is held: see dispatch.batches.
braked AS (
    SELECT c.lane, c.message_id, b.reason,
           CASE WHEN b.batch_id IS NULL OR b.state = 'canary' AND k.message_id IS NULL THEN 'BATCH-WAITS'
                WHEN b.state IN ('held', 'corrected') THEN 'BATCH-HELD' END AS rule
    FROM candidate c
    LEFT JOIN batch b ON b.batch_id = c.batch_id
    LEFT JOIN batch_canary k ON k.lane = c.lane AND k.message_id = c.message_id
    WHERE c.batch_id IS NOT NULL
),
opened AS (
    SELECT c.lane, c.message_id, c.borrower_id, c.group_id, c.zone, c.daily_cap, c.at,
           CASE WHEN (c.at AT TIME ZONE c.zone)::time < '08:00'
                    THEN local_instant((c.at AT TIME ZONE c.zone)::date, '08:00', c.zone)
                WHEN (c.at AT TIME ZONE c.zone)::time >= '21:00'
                    THEN local_instant((c.at AT TIME ZONE c.zone)::date + 1, '08:00', c.zone)
                ELSE c.at END AS opens_at
    FROM candidate c
),
-- A contact counts on the day it was then, and on the day it is in the zone where the borrower lives now.
taken AS (
    SELECT DISTINCT lane, message_id, group_id FROM (
        SELECT o.lane, o.message_id, k.group_id
        FROM opened o
        JOIN contact k ON k.lane = o.lane AND k.borrower_id = o.borrower_id AND k.group_id <> o.group_id
                      AND k.local_on BETWEEN (o.opens_at AT TIME ZONE o.zone)::date - 1
                                         AND (o.opens_at AT TIME ZONE o.zone)::date + 1
        GROUP BY o.lane, o.message_id, k.group_id, k.attempt_id, k.loan_id
        HAVING sum(k.weight) > 0
           AND bool_or(k.weight > 0 AND (o.opens_at AT TIME ZONE o.zone)::date
                                        IN (k.local_on, (k.at AT TIME ZONE o.zone)::date))) AS counted
),
timed AS (
    SELECT o.lane, o.message_id, o.daily_cap,
           count(t.group_id) >= o.daily_cap AS day_is_full,
           CASE WHEN count(t.group_id) >= o.daily_cap
                THEN local_instant((o.opens_at AT TIME ZONE o.zone)::date + 1, '08:00', o.zone)
                ELSE o.opens_at END AS not_before
    FROM opened o
    LEFT JOIN taken t ON t.lane = o.lane AND t.message_id = o.message_id
    GROUP BY o.lane, o.message_id, o.daily_cap, o.opens_at, o.zone
),
ruled AS (
    SELECT c.lane, c.message_id, c.zone, c.at, c.useful_until, t.not_before, t.daily_cap,
           r.route_at, r.channel, r.provider, r.contact_point_id, r.address_sealed, h.reason AS halted_for,
           k.reason AS braked_for, s.complete_through, s.grace_ends, s.debit, s.stale,
           CASE WHEN coalesce(s.still_open, 0) = 0 THEN coalesce(s.rule, 'PAID')
                WHEN h.message_id IS NOT NULL THEN 'STOPPED'
                WHEN r.message_id IS NULL THEN 'NO-CONTACT-POINT'
                WHEN r.opted_out THEN 'OPT-OUT'
                WHEN t.day_is_full THEN 'DAILY-CAP'
                WHEN t.not_before > c.at THEN 'DEFAULT-HOURS'
                WHEN NOT r.ready THEN 'PROVIDER-PAUSED'
                WHEN k.rule IS NOT NULL THEN k.rule
           END AS rule
    -- FULL, though nothing on the right is without its candidate: the planner takes these CTEs for a row or two, and a
    -- FULL join is the one it cannot make a nested loop of, which would be quadratic in the batch.
    FROM candidate c
    FULL JOIN timed t ON t.lane = c.lane AND t.message_id = c.message_id
    FULL JOIN item_summary s ON s.lane = c.lane AND s.message_id = c.message_id
    FULL JOIN reach r ON r.lane = c.lane AND r.message_id = c.message_id
    FULL JOIN halted h ON h.lane = c.lane AND h.message_id = c.message_id
    FULL JOIN braked k ON k.lane = c.lane AND k.message_id = c.message_id
),
-- MATERIALIZED: a condition from outside would turn FULL into LEFT.
verdict AS MATERIALIZED (
    SELECT lane, message_id, rule IS NULL AS allow, rule, route_at, channel, provider, contact_point_id,
           address_sealed,
           CASE WHEN rule IS NULL THEN at
                WHEN rule IN ('DAILY-CAP', 'DEFAULT-HOURS') THEN not_before
                WHEN rule IN ('STOPPED', 'PROVIDER-PAUSED') THEN at + %(pause)s
                -- Woken when their batch is decided; this is for a worker that missed it.
                WHEN rule IN ('BATCH-WAITS', 'BATCH-HELD') THEN at + interval '5 min'
                ELSE at + %(recheck)s END AS not_before,
           CASE rule
                WHEN 'DAILY-CAP' THEN format('at most %%s a day; free from %%s', daily_cap,
                                             to_char(not_before AT TIME ZONE zone, 'YYYY-MM-DD HH24:MI'))
                WHEN 'DEFAULT-HOURS' THEN format('08:00-21:00 %%s; opens %%s', zone,
                                             to_char(not_before AT TIME ZONE zone, 'YYYY-MM-DD HH24:MI'))
                WHEN 'FEED-BEHIND' THEN format('payments known through %%s, needed through %%s', complete_through, grace_ends)
                WHEN 'DEBIT-PENDING' THEN debit
                WHEN 'BOOK-STALE' THEN stale
                WHEN 'STOPPED' THEN halted_for
                WHEN 'BATCH-HELD' THEN braked_for
                WHEN 'PROVIDER-PAUSED' THEN channel
           END AS reason,
           least(useful_until, local_instant((at AT TIME ZONE zone)::date, '21:00', zone)) AS valid_until
    FROM ruled
)

-- name: record_packs
-- Keep the content of packs; one that is known already is left as it is.
-- packs, digests, versions, contents: arrays of equal length; now. Writes: rule_pack_version
INSERT INTO rule_pack_version (pack, digest, version, content, recorded_at)
SELECT p.pack, p.digest, p.version, p.content, %(now)s
FROM unnest(%(packs)s::text[], %(digests)s::bytea[], %(versions)s::int[], %(contents)s::jsonb[])
     AS p (pack, digest, version, content)
ON CONFLICT DO NOTHING;

-- name: record_rule_set
-- Keep which packs make up a rule set; one that is known already is left as it is.
-- rule_set: bytea; packs: jsonb; turned_on: text[]; now. Writes: rule_set
INSERT INTO rule_set (rule_set, packs, turned_on, recorded_at)
VALUES (%(rule_set)s, %(packs)s::jsonb, %(turned_on)s::text[], %(now)s)
ON CONFLICT DO NOTHING;

-- name: packs_of_rule_set
-- The packs that a rule set was made of, with what they said.
-- rule_set: bytea, the digest or its first octets.
SELECT v.pack, v.version, v.content, s.turned_on
FROM rule_set s
CROSS JOIN jsonb_each_text(s.packs) AS named (pack, digest)
JOIN rule_pack_version v ON v.pack = named.pack AND v.digest = decode(named.digest, 'hex')
WHERE substring(s.rule_set FROM 1 FOR length(%(rule_set)s::bytea)) = %(rule_set)s::bytea
ORDER BY v.pack;

-- name: pack_versions
-- What was recorded of one pack under one version, the newest first: several, where a lender changed it.
-- pack: text; version: int.
SELECT content FROM rule_pack_version
WHERE pack = %(pack)s AND version = %(version)s
ORDER BY recorded_at DESC;
