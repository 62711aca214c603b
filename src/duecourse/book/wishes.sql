-- Consents, holds, preferences: appended, ended, read as of an instant. An end never takes a row away.
-- Whoever has rows in several lanes, under one id, has each word in all of them: a lane is judged by what stands in it.
-- Ids are hashes of the content, so that the same word twice is one row. Instants go in as seconds since 1970: their text
-- would depend on the session's zone.

-- fragment: consent_id
-- Of s (lane, borrower_id, kind, granted, purpose, channel, address_index, evidence, effective_at, expires_at).
encode(substring(sha256(uuid_send(s.borrower_id) || convert_to(jsonb_build_array('consent', s.kind, s.granted,
    s.purpose, s.channel, encode(s.address_index, 'hex'), s.evidence, extract(epoch FROM s.effective_at),
    extract(epoch FROM s.expires_at))::text, 'UTF8')) FROM 1 FOR 16), 'hex')::uuid

-- fragment: hold_id
-- Of s (borrower_id, loan_id, kind, effect, evidence, effective_at, until, again). again: how often it was ended before.
encode(substring(sha256(uuid_send(s.borrower_id) || convert_to(jsonb_build_array('hold', s.loan_id, s.kind, s.effect,
    s.evidence, extract(epoch FROM s.effective_at), extract(epoch FROM s.until), s.again)::text, 'UTF8'))
    FROM 1 FOR 16), 'hex')::uuid

-- fragment: preference_id
-- Of s (borrower_id, kind, wish, evidence, effective_at, again).
encode(substring(sha256(uuid_send(s.borrower_id) || convert_to(jsonb_build_array('preference', s.kind, s.wish,
    s.evidence, extract(epoch FROM s.effective_at), s.again)::text, 'UTF8')) FROM 1 FOR 16), 'hex')::uuid

-- name: rows_of_person
-- The rows of these ids; merged_into leads to who took the place of one. lanes: all of them; borrowers: uuid[].
SELECT lane, borrower_id, merged_into FROM borrower
WHERE lane = ANY(%(lanes)s::smallint[]) AND borrower_id = ANY(%(borrowers)s::uuid[]);

-- fragment: standing
-- Of the rows of a person that a caller has found those that nobody merged away since: each statement answers them, and is asked
-- again where one is missing, so that no word is lost to a merge that commits meanwhile. It waits for one, since both lock
-- what they write. Parallel arrays: at_lanes, borrowers.
standing AS MATERIALIZED (
    SELECT b.lane, b.borrower_id FROM unnest(%(at_lanes)s::smallint[], %(borrowers)s::uuid[]) AS g (lane, borrower_id)
    JOIN borrower b ON b.lane = g.lane AND b.borrower_id = g.borrower_id
    WHERE b.merged_into IS NULL
)

-- name: record_consent
-- A word for one borrower, or for everybody who holds or held an address when no borrower is given. What is taken back
-- is also taken back in every narrower scope in force. kinds: whose narrower scopes end with it.
-- Those of `standing`; everybody: at the address, and no row is given; kind, granted, purpose, channel, address_index, evidence,
-- source, by, at, messages, expires_at, now. Answers each row, and whether something was appended to it. Writes: consent
WITH
-- include: standing
,
holder AS MATERIALIZED (
    SELECT c.lane, c.borrower_id FROM contact_point c WHERE c.address_index = %(address_index)s AND %(everybody)s
    UNION
    SELECT lane, borrower_id FROM standing
),
scope AS (
    SELECT lane, borrower_id, %(kind)s AS kind, %(purpose)s::text AS purpose, %(channel)s::text AS channel,
           %(address_index)s::bytea AS address_index
    FROM holder
    UNION
    SELECT c.lane, c.borrower_id, c.kind, c.purpose, c.channel, c.address_index
    FROM holder h JOIN consent c ON c.lane = h.lane AND c.borrower_id = h.borrower_id
    WHERE NOT %(granted)s AND c.granted AND c.kind = ANY(%(kinds)s::text[]) AND c.effective_at <= %(at)s
      AND (%(purpose)s::text IS NULL OR c.purpose = %(purpose)s)
      AND (%(channel)s::text IS NULL OR c.channel = %(channel)s)
      AND (%(address_index)s::bytea IS NULL OR c.address_index = %(address_index)s)
      AND NOT EXISTS (
          SELECT 1 FROM consent l
          WHERE l.lane = c.lane AND l.borrower_id = c.borrower_id AND l.kind = c.kind AND NOT l.granted
            AND l.effective_at BETWEEN c.effective_at AND %(at)s
            AND l.purpose IS NOT DISTINCT FROM c.purpose AND l.channel IS NOT DISTINCT FROM c.channel
            AND l.address_index IS NOT DISTINCT FROM c.address_index)
),
said AS (
    SELECT *, %(granted)s::boolean AS granted, %(evidence)s::text AS evidence, %(at)s::timestamptz AS effective_at,
           %(expires_at)s::timestamptz AS expires_at
    FROM scope
),
written AS (
    INSERT INTO consent (lane, borrower_id, consent_id, kind, granted, purpose, channel, address_index, evidence,
                         source, recorded_by, messages, effective_at, expires_at, recorded_at)
    SELECT s.lane, s.borrower_id,
-- include: consent_id
           , s.kind, s.granted, s.purpose, s.channel, s.address_index, s.evidence, %(source)s, %(by)s, %(messages)s::integer,
           s.effective_at, s.expires_at, %(now)s
    FROM said s
    ON CONFLICT DO NOTHING
    RETURNING lane, borrower_id
)
SELECT h.lane, h.borrower_id, w.lane IS NOT NULL AS appended
FROM holder h LEFT JOIN (SELECT DISTINCT lane, borrower_id FROM written) AS w ON w.lane = h.lane AND w.borrower_id = h.borrower_id;

-- name: consents_of
-- What was known at :known, in order; in_force: the last word of its scope at :at, not expired then.
SELECT kind, granted, purpose, channel, address_index IS NOT NULL AS for_address, evidence, source, recorded_by,
       effective_at, expires_at, recorded_at,
       effective_at <= %(at)s AND coalesce(expires_at > %(at)s, true)
       AND row_number() OVER (PARTITION BY kind, purpose, channel, address_index, effective_at <= %(at)s
                              ORDER BY effective_at DESC, granted, recorded_at DESC) = 1 AS in_force
FROM consent
WHERE lane = %(lane)s AND borrower_id = %(borrower_id)s AND recorded_at <= %(known)s
ORDER BY effective_at, recorded_at, kind, granted, consent_id;

-- name: add_hold
-- Nothing when it stands already. Once ended, it opens again as a row of its own. Those of `standing`; loan_id, kind,
-- effect, evidence, source, by, at, until, now. Answers each row with what was written. Writes: hold
WITH
-- include: standing
,
before AS MATERIALIZED (
    SELECT h.lane, h.borrower_id, count(*) AS times
    FROM standing b
    JOIN hold h ON h.lane = b.lane AND h.borrower_id = b.borrower_id
    WHERE h.kind = %(kind)s AND h.effect = %(effect)s AND h.evidence = %(evidence)s AND h.effective_at = %(at)s
      AND h.loan_id IS NOT DISTINCT FROM %(loan_id)s::uuid AND h.until IS NOT DISTINCT FROM %(until)s::timestamptz
      AND h.ended_at IS NOT NULL
    GROUP BY h.lane, h.borrower_id
),
said AS (
    SELECT b.lane, b.borrower_id, %(loan_id)s::uuid AS loan_id,
           %(kind)s::text AS kind, %(effect)s::text AS effect, %(evidence)s::text AS evidence,
           %(at)s::timestamptz AS effective_at, %(until)s::timestamptz AS until, coalesce(o.times, 0) AS again
    FROM standing b LEFT JOIN before o ON o.lane = b.lane AND o.borrower_id = b.borrower_id
),
written AS (
    INSERT INTO hold (lane, borrower_id, hold_id, loan_id, kind, effect, evidence, source, recorded_by, effective_at,
                      until, recorded_at)
    SELECT s.lane, s.borrower_id,
-- include: hold_id
           , s.loan_id, s.kind, s.effect, s.evidence, %(source)s, %(by)s, s.effective_at, s.until, %(now)s
    FROM said s
    ON CONFLICT DO NOTHING
    RETURNING lane, borrower_id, hold_id
)
SELECT b.lane, b.borrower_id, w.hold_id
FROM standing b LEFT JOIN written w ON w.lane = b.lane AND w.borrower_id = b.borrower_id;

-- fragment: end_open(besides)
-- End the holds of a kind that nobody ended, of exactly this debt or (null) of the person. Those of `standing`; loan_id, kind, at,
-- by, reason, now. Answers each row with what was ended.
WITH
-- include: standing
,
ended AS (
    UPDATE hold h
    SET ended_at = greatest(effective_at, %(at)s), ended_by = %(by)s, end_reason = %(reason)s, end_recorded_at = %(now)s
    FROM standing b
    WHERE h.lane = b.lane AND h.borrower_id = b.borrower_id AND kind = %(kind)s
      AND loan_id IS NOT DISTINCT FROM %(loan_id)s::uuid AND ended_at IS NULL AND {besides}
    RETURNING h.lane, h.borrower_id, h.hold_id
)
SELECT b.lane, b.borrower_id, e.hold_id
FROM standing b LEFT JOIN ended e ON e.lane = b.lane AND e.borrower_id = b.borrower_id

-- name: end_holds
-- The open ones of a kind, of exactly this debt or (null) of the person. A hold that had not begun never held. Those of
-- end_open. Writes: hold
-- include: end_open((until IS NULL OR until > %(at)s))
;

-- name: end_said_holds
-- The open ones of one word: of its evidence, kind and debt (null: of the person). Those of end_open; evidence. Writes: hold
-- include: end_open(evidence = %(evidence)s)
;

-- name: holds_of
-- What was known at :known, in order; in_force at :at. lanes: all of them; a loan may live in another than the person.
WITH h AS MATERIALIZED (
    SELECT * FROM hold WHERE lane = %(lane)s AND borrower_id = %(borrower_id)s AND recorded_at <= %(known)s
),
l AS MATERIALIZED (
    SELECT DISTINCT l.loan_id, l.loan_ref FROM h JOIN loan l ON l.lane = ANY(%(lanes)s::smallint[]) AND l.loan_id = h.loan_id
)
SELECT h.hold_id, l.loan_ref AS loan, h.kind, h.effect, h.evidence, h.source, h.recorded_by, h.effective_at, h.until, h.recorded_at,
       CASE WHEN h.end_recorded_at <= %(known)s THEN h.ended_at END AS ended_at,
       CASE WHEN h.end_recorded_at <= %(known)s THEN h.ended_by END AS ended_by,
       CASE WHEN h.end_recorded_at <= %(known)s THEN h.end_reason END AS end_reason,
       h.effective_at <= %(at)s AND coalesce(h.until > %(at)s, true)
       AND NOT coalesce(h.end_recorded_at <= %(known)s AND h.ended_at <= %(at)s, false) AS in_force
FROM h LEFT JOIN l ON l.loan_id = h.loan_id
ORDER BY h.effective_at, h.recorded_at, h.hold_id;

-- name: person_needed
-- Borrowers whom a person contacts: special care, or their own wish, in force at :at, the longest waiting first.
WITH reason AS (
    SELECT lane, borrower_id, kind, effective_at FROM hold
    WHERE effect = 'person' AND effective_at <= %(at)s AND coalesce(until > %(at)s, true)
      AND coalesce(ended_at > %(at)s, true)
    UNION ALL
    SELECT lane, borrower_id, kind, effective_at FROM preference
    WHERE kind = 'person' AND effective_at <= %(at)s AND coalesce(ended_at > %(at)s, true)
)
SELECT b.lane, b.borrower_id, b.borrower_key, b.zone, array_agg(DISTINCT r.kind ORDER BY r.kind) AS kinds,
       min(r.effective_at) AS since
FROM reason r JOIN borrower b ON b.lane = r.lane AND b.borrower_id = r.borrower_id
GROUP BY b.lane, b.borrower_id
ORDER BY min(r.effective_at), b.borrower_key;

-- name: add_preference
-- A new wish ends the open one of its kind; the same wish again is nothing. Those of `standing`; kind, wish, evidence,
-- source, by, at, now. Answers each row with what was written. Writes: preference
WITH
-- include: standing
,
open AS MATERIALIZED (
    SELECT o.lane, o.borrower_id, o.preference_id, o.wish
    FROM standing b JOIN preference o ON o.lane = b.lane AND o.borrower_id = b.borrower_id
    WHERE o.kind = %(kind)s AND o.ended_at IS NULL
),
before AS MATERIALIZED (
    SELECT p.lane, p.borrower_id, count(*) AS times
    FROM standing b JOIN preference p ON p.lane = b.lane AND p.borrower_id = b.borrower_id
    WHERE p.kind = %(kind)s AND p.wish = %(wish)s::jsonb AND p.evidence = %(evidence)s AND p.effective_at = %(at)s
      AND p.ended_at IS NOT NULL
    GROUP BY p.lane, p.borrower_id
),
ended AS (
    UPDATE preference p
    SET ended_at = greatest(p.effective_at, %(at)s), ended_by = %(by)s, end_recorded_at = %(now)s
    FROM open o
    WHERE p.lane = o.lane AND p.preference_id = o.preference_id AND o.wish <> %(wish)s::jsonb
),
said AS (
    SELECT b.lane, b.borrower_id, %(kind)s::text AS kind,
           %(wish)s::jsonb AS wish, %(evidence)s::text AS evidence, %(at)s::timestamptz AS effective_at,
           coalesce(o.times, 0) AS again
    FROM standing b LEFT JOIN before o ON o.lane = b.lane AND o.borrower_id = b.borrower_id
    WHERE NOT EXISTS (SELECT 1 FROM open n WHERE n.lane = b.lane AND n.wish = %(wish)s::jsonb)
),
written AS (
    INSERT INTO preference (lane, borrower_id, preference_id, kind, wish, evidence, source, recorded_by, effective_at,
                            recorded_at)
    SELECT s.lane, s.borrower_id,
-- include: preference_id
           , s.kind, s.wish, s.evidence, %(source)s, %(by)s, s.effective_at, %(now)s
    FROM said s
    ON CONFLICT DO NOTHING
    RETURNING lane, borrower_id, preference_id
)
SELECT b.lane, b.borrower_id, w.preference_id
FROM standing b LEFT JOIN written w ON w.lane = b.lane AND w.borrower_id = b.borrower_id;

-- name: end_preference
-- The open one of a kind. Those of `standing`; kind, at, by, now. Answers each row with what was ended. Writes: preference
WITH
-- include: standing
,
ended AS (
    UPDATE preference o
    SET ended_at = greatest(effective_at, %(at)s), ended_by = %(by)s, end_recorded_at = %(now)s
    FROM standing b
    WHERE o.lane = b.lane AND o.borrower_id = b.borrower_id AND kind = %(kind)s AND ended_at IS NULL
    RETURNING o.lane, o.borrower_id, o.preference_id
)
SELECT b.lane, b.borrower_id, e.preference_id
FROM standing b LEFT JOIN ended e ON e.lane = b.lane AND e.borrower_id = b.borrower_id;

-- name: preferences_of
-- What was known at :known, in order; in_force at :at.
SELECT kind, wish, evidence, source, recorded_by, effective_at, recorded_at,
       CASE WHEN end_recorded_at <= %(known)s THEN ended_at END AS ended_at,
       CASE WHEN end_recorded_at <= %(known)s THEN ended_by END AS ended_by,
       effective_at <= %(at)s AND NOT coalesce(end_recorded_at <= %(known)s AND ended_at <= %(at)s, false) AS in_force
FROM preference
WHERE lane = %(lane)s AND borrower_id = %(borrower_id)s AND recorded_at <= %(known)s
ORDER BY effective_at, recorded_at, kind, preference_id;

-- name: local_instant
-- The instant of a wall clock in a zone. day, time, zone.
SELECT local_instant(%(day)s::date, %(time)s::time, %(zone)s::text);

-- name: create_wish_staging
-- Beside the staging of a book's import (importing.create_staging), whose keys and loans it uses.
CREATE TEMP TABLE IF NOT EXISTS stage_wish (
    row_no bigint, target text, key_hash bytea, loan_id uuid, kind text, evidence text, granted boolean, effect text,
    purpose text, channel text, address_kind text, address_index bytea, wish jsonb, since_at timestamptz,
    since_local timestamp, since_zone text, until_at timestamptz, until_local timestamp, until_zone text,
    lane smallint, borrower_id uuid, effective_at timestamptz, until timestamptz);

-- name: copy_wishes
-- In the order of records.WishRecord.
COPY stage_wish (row_no, target, key_hash, loan_id, kind, evidence, granted, effect, purpose, channel, address_kind,
                 address_index, wish, since_at, since_local, since_zone, until_at, until_local, until_zone) FROM STDIN;

-- name: clear_wishes
-- Before each batch.
TRUNCATE stage_wish;

-- name: analyze_wishes
-- Temporary tables have no statistics of their own accord.
ANALYZE stage_wish;

-- name: find_wish_keys
-- What the directory, or this check, knows of the customer keys of wishes.
-- Runs: in a working copy.
WITH asked AS (SELECT DISTINCT key_hash FROM stage_wish WHERE key_hash IS NOT NULL)
-- include: book/importing.known_keys

-- name: find_wish_loans
-- Where the loans that wishes speak of already are, in the book or by this check.
-- Runs: in a working copy.
WITH asked AS (SELECT DISTINCT loan_id FROM stage_wish WHERE loan_id IS NOT NULL)
-- include: book/importing.known_loans

-- name: check_wishes
-- Wishes of a borrower (B033) or loan (B032) that neither the book nor this file has, or of a loan for which somebody else
-- answers alone (B110).
-- Runs: in a working copy.
INSERT INTO stage_bad (row_no, code)
SELECT w.row_no, 'B033' FROM stage_wish w
WHERE w.key_hash IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM (SELECT key_hash FROM stage_key UNION ALL SELECT key_hash FROM stage_borrower) AS k
                  WHERE k.key_hash = w.key_hash)
UNION
SELECT w.row_no, 'B032' FROM stage_wish w
WHERE w.loan_id IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM (SELECT loan_id FROM stage_loan_at UNION ALL SELECT loan_id FROM stage_loan) AS l
                  WHERE l.loan_id = w.loan_id)
UNION
SELECT w.row_no, 'B110' FROM stage_wish w
JOIN stage_loan_at a ON a.loan_id = w.loan_id
LEFT JOIN stage_key k ON k.key_hash = w.key_hash
WHERE w.key_hash IS NOT NULL AND k.borrower_id IS DISTINCT FROM a.borrower_id
  AND NOT EXISTS (SELECT 1 FROM loan_party p WHERE p.lane = a.lane AND p.loan_id = a.loan_id AND p.borrower_id = k.borrower_id)
  AND NOT EXISTS (SELECT 1 FROM stage_party p WHERE p.loan_id = w.loan_id AND p.key_hash = w.key_hash)
UNION
SELECT w.row_no, 'B110' FROM stage_wish w
JOIN stage_loan l ON l.loan_id = w.loan_id
WHERE w.key_hash <> l.key_hash AND NOT EXISTS (SELECT 1 FROM stage_loan_at a WHERE a.loan_id = w.loan_id)
  AND NOT EXISTS (SELECT 1 FROM stage_party p WHERE p.loan_id = w.loan_id AND p.key_hash = w.key_hash)
ON CONFLICT DO NOTHING;

-- name: drop_bad_wishes
-- With the rest of their rows.
DELETE FROM stage_wish w USING stage_bad x WHERE x.row_no = w.row_no;

-- name: place_wishes
-- By key, else by loan.
UPDATE stage_wish w
SET lane = coalesce(k.lane, a.lane), borrower_id = coalesce(k.borrower_id, a.borrower_id)
FROM stage_wish o
LEFT JOIN stage_key k ON k.key_hash = o.key_hash
LEFT JOIN stage_loan_at a ON a.loan_id = o.loan_id
WHERE o.ctid = w.ctid AND (k.key_hash IS NOT NULL OR a.loan_id IS NOT NULL);

-- name: spread_stops
-- A stop of an address concerns everybody who holds or held it, in whatever lane.
-- Runs: in a working copy.
INSERT INTO stage_wish (row_no, target, kind, evidence, granted, purpose, channel, address_kind, address_index,
                        since_at, since_local, since_zone, until_at, until_local, until_zone, lane, borrower_id)
SELECT DISTINCT w.row_no, w.target, w.kind, w.evidence, w.granted, w.purpose, w.channel, w.address_kind,
       w.address_index, w.since_at, w.since_local, w.since_zone, w.until_at, w.until_local, w.until_zone,
       c.lane, c.borrower_id
FROM stage_wish w JOIN contact_point c ON c.address_index = w.address_index
WHERE w.target = 'consent' AND w.kind = 'contact' AND NOT w.granted
  AND (w.borrower_id IS NULL OR w.borrower_id <> c.borrower_id);

-- name: suppress_unheld
-- A stop of an address that nobody has: kept until somebody does. by, now. Writes: suppression
-- Runs: in a working copy.
INSERT INTO suppression (kind, index_hash, reason, source, recorded_by, effective_at, recorded_at)
SELECT DISTINCT ON (w.address_kind, w.address_index)
       w.address_kind, w.address_index, 'said-stop', 'import', %(by)s,
       coalesce(w.since_at, local_instant(w.since_local::date, w.since_local::time,
                                          coalesce(nullif(w.since_zone, ''), 'UTC'))), %(now)s::timestamptz
FROM stage_wish w
WHERE w.target = 'consent' AND w.borrower_id IS NULL
  AND NOT EXISTS (SELECT 1 FROM contact_point c WHERE c.address_index = w.address_index)
  AND NOT EXISTS (SELECT 1 FROM suppression s WHERE s.kind = w.address_kind AND s.index_hash = w.address_index
                                                AND s.ended_at IS NULL)
ORDER BY w.address_kind, w.address_index, w.row_no
ON CONFLICT DO NOTHING;

-- name: forget_unplaced
-- What stands for nobody is told by now: its address's holders have it, or the suppression list.
DELETE FROM stage_wish WHERE borrower_id IS NULL;

-- name: spread_wishes
-- As above: whoever has rows in several lanes has each word in all of them. Each is placed at home by now; a stop of an
-- address has all its lanes already.
-- Runs: in a working copy.
INSERT INTO stage_wish (row_no, target, loan_id, kind, evidence, granted, effect, purpose, channel, address_kind,
                        address_index, wish, since_at, since_local, since_zone, until_at, until_local, until_zone,
                        lane, borrower_id)
SELECT w.row_no, w.target, w.loan_id, w.kind, w.evidence, w.granted, w.effect, w.purpose, w.channel, w.address_kind,
       w.address_index, w.wish, w.since_at, w.since_local, w.since_zone, w.until_at, w.until_local, w.until_zone,
       b.lane, b.borrower_id
FROM stage_wish w JOIN borrower b ON b.borrower_id = w.borrower_id AND b.home_lane IS NOT NULL AND b.lane <> w.lane
WHERE NOT EXISTS (SELECT 1 FROM stage_wish o WHERE o.row_no = w.row_no AND o.target = w.target AND o.kind = w.kind
                                              AND o.lane = b.lane AND o.borrower_id = b.borrower_id);

-- name: time_wishes
-- Wall clocks without a zone are the borrower's.
-- Runs: in a working copy.
UPDATE stage_wish w
SET effective_at = coalesce(w.since_at, local_instant(w.since_local::date, w.since_local::time,
                                                      coalesce(nullif(w.since_zone, ''), b.zone))),
    until = coalesce(w.until_at, local_instant(w.until_local::date, w.until_local::time,
                                               coalesce(nullif(w.until_zone, ''), b.zone)))
FROM borrower b WHERE b.lane = w.lane AND b.borrower_id = w.borrower_id;

-- name: write_consents
-- Each word once. by, now. Writes: consent
-- Runs: in a working copy.
INSERT INTO consent (lane, borrower_id, consent_id, kind, granted, purpose, channel, address_index, evidence,
                     source, recorded_by, effective_at, expires_at, recorded_at)
SELECT s.lane, s.borrower_id,
-- include: consent_id
       , s.kind, s.granted, s.purpose, s.channel, s.address_index, s.evidence, 'import', %(by)s,
       s.effective_at, s.expires_at, %(now)s::timestamptz
FROM (SELECT *, until AS expires_at FROM stage_wish WHERE target = 'consent') AS s
ON CONFLICT DO NOTHING;

-- name: withdraw_narrower
-- As record_consent: what is taken back is taken back in every narrower scope in force. by, now. Writes: consent
-- Runs: in a working copy.
INSERT INTO consent (lane, borrower_id, consent_id, kind, granted, purpose, channel, address_index, evidence,
                     source, recorded_by, effective_at, expires_at, recorded_at)
SELECT s.lane, s.borrower_id,
-- include: consent_id
       , s.kind, s.granted, s.purpose, s.channel, s.address_index, s.evidence, 'import', %(by)s,
       s.effective_at, s.expires_at, %(now)s::timestamptz
FROM (
    SELECT c.lane, c.borrower_id, c.kind, false AS granted, c.purpose, c.channel, c.address_index, w.evidence,
           w.effective_at, NULL::timestamptz AS expires_at
    FROM stage_wish w
    JOIN consent c ON c.lane = w.lane AND c.borrower_id = w.borrower_id AND c.granted
                  AND c.effective_at <= w.effective_at
                  AND (c.kind = w.kind OR c.kind = 'hours' AND w.kind IN ('consent', 'express-consent'))
                  AND (w.purpose IS NULL OR c.purpose = w.purpose) AND (w.channel IS NULL OR c.channel = w.channel)
                  AND (w.address_index IS NULL OR c.address_index = w.address_index)
    WHERE w.target = 'consent' AND NOT w.granted
      AND NOT EXISTS (
          SELECT 1 FROM consent l
          WHERE l.lane = c.lane AND l.borrower_id = c.borrower_id AND l.kind = c.kind AND NOT l.granted
            AND l.effective_at BETWEEN c.effective_at AND w.effective_at
            AND l.purpose IS NOT DISTINCT FROM c.purpose AND l.channel IS NOT DISTINCT FROM c.channel
            AND l.address_index IS NOT DISTINCT FROM c.address_index)
) AS s
ON CONFLICT DO NOTHING;

-- name: replace_holds
-- The file's later word on when its own hold ends: the row before never held, this one does. by, now. Writes: hold
-- Runs: in a working copy.
UPDATE hold h
SET ended_at = h.effective_at, ended_by = %(by)s, end_reason = 'replaced', end_recorded_at = %(now)s
FROM (SELECT DISTINCT ON (lane, borrower_id, loan_id, kind, effect, evidence, effective_at)
             lane, borrower_id, loan_id, kind, effect, evidence, effective_at, until
      FROM stage_wish WHERE target = 'hold'
      ORDER BY lane, borrower_id, loan_id, kind, effect, evidence, effective_at, row_no DESC) AS s
WHERE h.lane = s.lane AND h.borrower_id = s.borrower_id AND h.kind = s.kind AND h.effect = s.effect
  AND h.evidence = s.evidence AND h.effective_at = s.effective_at AND h.loan_id IS NOT DISTINCT FROM s.loan_id
  AND h.source = 'import' AND h.ended_at IS NULL AND h.until IS DISTINCT FROM s.until;

-- name: write_holds
-- Each hold once; one that a person ended stays ended. by, now. Writes: hold
-- Runs: in a working copy.
INSERT INTO hold (lane, borrower_id, hold_id, loan_id, kind, effect, evidence, source, recorded_by, effective_at,
                  until, recorded_at)
SELECT s.lane, s.borrower_id,
-- include: hold_id
       , s.loan_id, s.kind, s.effect, s.evidence, 'import', %(by)s, s.effective_at, s.until, %(now)s::timestamptz
FROM (
    SELECT DISTINCT ON (w.lane, w.borrower_id, w.loan_id, w.kind, w.effect, w.evidence, w.effective_at)
           w.lane, w.borrower_id, w.loan_id, w.kind, w.effect, w.evidence, w.effective_at, w.until,
           (SELECT count(*) FROM hold h
            WHERE h.lane = w.lane AND h.borrower_id = w.borrower_id AND h.kind = w.kind AND h.effect = w.effect
              AND h.evidence = w.evidence AND h.effective_at = w.effective_at AND h.until IS NOT DISTINCT FROM w.until
              AND h.loan_id IS NOT DISTINCT FROM w.loan_id AND h.end_reason = 'replaced') AS again
    FROM stage_wish w WHERE w.target = 'hold'
    ORDER BY w.lane, w.borrower_id, w.loan_id, w.kind, w.effect, w.evidence, w.effective_at, w.row_no DESC
) AS s
ON CONFLICT DO NOTHING;

-- name: drop_old_preferences
-- What says nothing new: an earlier row of the file, the open wish again, an older one than it, or one known before.
-- Runs: in a working copy.
DELETE FROM stage_wish w
WHERE w.target = 'preference' AND (
    EXISTS (SELECT 1 FROM stage_wish l
            WHERE l.target = 'preference' AND l.lane = w.lane AND l.borrower_id = w.borrower_id AND l.kind = w.kind
              AND (l.effective_at, l.row_no) > (w.effective_at, w.row_no))
    OR EXISTS (SELECT 1 FROM preference p
               WHERE p.lane = w.lane AND p.borrower_id = w.borrower_id AND p.kind = w.kind
                 AND (p.ended_at IS NULL AND (p.wish = w.wish OR p.effective_at > w.effective_at)
                      OR p.wish = w.wish AND p.effective_at = w.effective_at)));

-- name: replace_preferences
-- by, now. Writes: preference
-- Runs: in a working copy.
UPDATE preference p
SET ended_at = greatest(p.effective_at, w.effective_at), ended_by = %(by)s, end_recorded_at = %(now)s
FROM stage_wish w
WHERE w.target = 'preference' AND p.lane = w.lane AND p.borrower_id = w.borrower_id AND p.kind = w.kind
  AND p.ended_at IS NULL;

-- name: write_preferences
-- by, now. Writes: preference
-- Runs: in a working copy.
INSERT INTO preference (lane, borrower_id, preference_id, kind, wish, evidence, source, recorded_by, effective_at,
                        recorded_at)
SELECT s.lane, s.borrower_id,
-- include: preference_id
       , s.kind, s.wish, s.evidence, 'import', %(by)s, s.effective_at, %(now)s::timestamptz
FROM (SELECT *, 0::bigint AS again FROM stage_wish WHERE target = 'preference') AS s
ON CONFLICT DO NOTHING;

-- name: carry_stops
-- Two people share a number: what was said of it holds for whoever comes with it, unless they have a word of their own
-- on it, and in every lane where they have rows. The words of earlier holders stay as they are. by, now. Writes: consent
-- Runs: in a working copy.
INSERT INTO consent (lane, borrower_id, consent_id, kind, granted, purpose, channel, address_index, evidence,
                     source, recorded_by, effective_at, expires_at, recorded_at)
SELECT s.lane, s.borrower_id,
-- include: consent_id
       , s.kind, s.granted, s.purpose, s.channel, s.address_index, s.evidence, 'import', %(by)s,
       s.effective_at, s.expires_at, %(now)s::timestamptz
FROM (
    SELECT DISTINCT ON (p.lane, p.borrower_id, c.purpose, c.channel, c.address_index)
           p.lane, p.borrower_id, 'contact' AS kind, false AS granted, c.purpose, c.channel, c.address_index,
           'said of this address by another holder of it' AS evidence, c.effective_at, c.expires_at
    FROM (SELECT lane, borrower_id, address_index FROM stage_contact_point
          UNION
          SELECT b.lane, b.borrower_id, g.address_index FROM stage_contact_point g
          JOIN borrower b ON b.borrower_id = g.borrower_id AND b.home_lane IS NOT NULL) AS p
    JOIN consent c ON c.address_index = p.address_index AND c.kind = 'contact' AND NOT c.granted
                  AND c.borrower_id <> p.borrower_id
    WHERE NOT EXISTS (
              SELECT 1 FROM consent l
              WHERE l.lane = c.lane AND l.borrower_id = c.borrower_id AND l.kind = 'contact' AND l.granted
                AND l.effective_at > c.effective_at AND l.address_index = c.address_index
                AND l.purpose IS NOT DISTINCT FROM c.purpose AND l.channel IS NOT DISTINCT FROM c.channel)
      AND NOT EXISTS (
              SELECT 1 FROM consent l
              WHERE l.lane = p.lane AND l.borrower_id = p.borrower_id AND l.kind = 'contact'
                AND l.address_index = c.address_index
                AND l.purpose IS NOT DISTINCT FROM c.purpose AND l.channel IS NOT DISTINCT FROM c.channel)
    ORDER BY p.lane, p.borrower_id, c.purpose, c.channel, c.address_index, c.effective_at
) AS s
ON CONFLICT DO NOTHING;

-- name: count_wishes
-- Of the batch, by target.
SELECT target, count(*) FROM stage_wish GROUP BY target;

-- name: record_notice
-- A notice served elsewhere: to a borrower, of one debt or (loan_id null) of all. lanes: all of them; borrower_id, kind,
-- evidence, by, at, now. Answers a row where it is new. Writes: notice
INSERT INTO notice (lane, borrower_id, notice_id, loan_id, kind, served_at, evidence, recorded_by, recorded_at)
SELECT b.lane, b.borrower_id,
       md5(concat_ws('|', 'notice', b.borrower_id, %(loan_id)s::uuid, %(kind)s::text,
                     extract(epoch FROM %(at)s::timestamptz)))::uuid,
       %(loan_id)s::uuid, %(kind)s::text, %(at)s::timestamptz, %(evidence)s::text, %(by)s::text, %(now)s::timestamptz
FROM borrower b WHERE b.lane = ANY(%(lanes)s::smallint[]) AND b.borrower_id = %(borrower_id)s
ON CONFLICT DO NOTHING
RETURNING notice_id;

-- name: notices_of
-- The notices of a borrower that were served by :at. lane, borrower_id.
SELECT n.kind, l.loan_ref AS loan, n.served_at, n.evidence, n.message_id IS NOT NULL AS ours, n.recorded_by, n.recorded_at
FROM notice n LEFT JOIN loan l ON l.lane = n.lane AND l.loan_id = n.loan_id
WHERE n.lane = %(lane)s AND n.borrower_id = %(borrower_id)s AND n.served_at <= %(at)s
ORDER BY n.served_at, n.kind, l.loan_ref;
