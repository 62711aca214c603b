-- Contacts made elsewhere: staged, checked, appended to the ledger; and the ledger of one borrower.

-- name: create_contact_staging
-- Temporary tables of one importing session. contact_seen: every reference met in this file, with its content.
CREATE TEMP TABLE IF NOT EXISTS stage_contact (
    row_no bigint, attempt_id uuid, system text, reference text, key_hash bytea, loan_id uuid, address_index bytea,
    channel text, purpose text, actor text, outcome text, template text, agent text, at timestamptz,
    at_local timestamp, at_zone text, digest uuid, lane smallint, borrower_id uuid, zone text);
CREATE TEMP TABLE IF NOT EXISTS stage_contact_bad (row_no bigint, code text, PRIMARY KEY (row_no, code));
CREATE TEMP TABLE IF NOT EXISTS contact_seen (attempt_id uuid PRIMARY KEY, digest uuid);
TRUNCATE contact_seen;

-- name: plan_for_batches
-- For this transaction: look a batch up in the big tables by their keys, and sort it in memory.
SELECT set_config('random_page_cost', '1.1', true), set_config('work_mem', '64MB', true);

-- name: copy_contacts
-- In the order of records.ContactRecord.
COPY stage_contact (row_no, attempt_id, system, reference, key_hash, loan_id, address_index, channel, purpose, actor,
                    outcome, template, agent, at, at_local, at_zone, digest) FROM STDIN;

-- name: clear_contacts
-- Before each batch.
TRUNCATE stage_contact, stage_contact_bad;

-- name: analyze_contacts
-- Temporary tables have no statistics of their own accord.
ANALYZE stage_contact;

-- name: keys_of_contacts
-- For the working copy: the directory's rows of the batch's customer keys.
SELECT d.* FROM borrower_key d
JOIN (SELECT DISTINCT get_byte(key_hash, 0)::smallint AS key_lane, key_hash FROM stage_contact WHERE key_hash IS NOT NULL OFFSET 0) AS s
  ON s.key_lane = d.key_lane AND s.key_hash = d.key_hash
WHERE d.kind = 'customer';

-- name: loans_of_contacts
-- For the working copy: the loans that the batch speaks of.
SELECT l.* FROM loan l WHERE l.loan_id IN (SELECT loan_id FROM stage_contact WHERE loan_id IS NOT NULL OFFSET 0);

-- name: holders_of_contacts
-- For the working copy: who holds or held the addresses of which nobody is named.
SELECT c.* FROM contact_point c
WHERE c.address_index IN (SELECT address_index FROM stage_contact WHERE key_hash IS NULL AND loan_id IS NULL OFFSET 0);

-- name: scope_contacts
-- In the working copy: whom keys, loans and addresses name; an address that nobody has stands in its own lane.
INSERT INTO scope_person (lane, borrower_id)
SELECT lane, borrower_id FROM borrower_key UNION SELECT lane, borrower_id FROM loan UNION SELECT lane, borrower_id FROM contact_point
UNION SELECT get_byte(address_index, 0)::smallint, encode(substring(address_index FROM 1 FOR 16), 'hex')::uuid
FROM stage_contact WHERE key_hash IS NULL AND loan_id IS NULL
ON CONFLICT DO NOTHING;

-- name: rows_of_contacts
-- For the working copy: what the ledger has of the batch's contacts.
SELECT k.* FROM contact k JOIN (SELECT lane, borrower_id FROM scope_person OFFSET 0) AS s USING (lane, borrower_id)
WHERE k.attempt_id IN (SELECT attempt_id FROM stage_contact OFFSET 0);

-- name: place_contacts
-- By the customer key, else by the loan.
-- Runs: in a working copy.
UPDATE stage_contact s
SET lane = coalesce(d.lane, l.lane), borrower_id = coalesce(d.borrower_id, l.borrower_id), zone = b.zone
FROM stage_contact o
LEFT JOIN borrower_key d ON d.key_lane = get_byte(o.key_hash, 0) AND d.kind = 'customer' AND d.key_hash = o.key_hash
LEFT JOIN loan l ON l.loan_id = o.loan_id AND o.key_hash IS NULL
JOIN borrower b ON b.lane = coalesce(d.lane, l.lane) AND b.borrower_id = coalesce(d.borrower_id, l.borrower_id)
WHERE o.ctid = s.ctid;

-- name: time_contacts
-- A wall clock without a zone is the borrower's.
UPDATE stage_contact
SET at = local_instant(at_local::date, at_local::time, coalesce(nullif(at_zone, ''), zone))
WHERE at IS NULL AND coalesce(nullif(at_zone, ''), zone) IS NOT NULL;

-- fragment: again(batch, seen)
-- Rows of {batch} whose reference came before in the file, there or among {seen}, with the same content (B030) or another (B031).
SELECT row_no, CASE WHEN digest = first_digest THEN 'B030' ELSE 'B031' END
FROM (SELECT s.row_no, s.digest, coalesce(n.digest, first_value(s.digest) OVER in_file) AS first_digest,
             n.attempt_id IS NOT NULL OR row_number() OVER in_file > 1 AS again
      FROM {batch} s LEFT JOIN {seen} n USING (attempt_id)
      WINDOW in_file AS (PARTITION BY s.attempt_id ORDER BY s.row_no)) AS r
WHERE again

-- name: check_contacts
-- A borrower (B033) or loan (B032) that the book has not, a contact that is still to come (B113), a reference that came
-- before in the file, with the same content (B030) or another (B031). now.
-- Runs: in a working copy.
INSERT INTO stage_contact_bad (row_no, code)
SELECT row_no, 'B033' FROM stage_contact WHERE key_hash IS NOT NULL AND borrower_id IS NULL
UNION
SELECT s.row_no, 'B032' FROM stage_contact s
WHERE s.loan_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM loan l WHERE l.loan_id = s.loan_id)
UNION
SELECT row_no, 'B113' FROM stage_contact WHERE at > %(now)s
UNION
-- include: again(stage_contact, contact_seen)
ON CONFLICT DO NOTHING;

-- name: drop_bad_contacts
-- Refused rows.
DELETE FROM stage_contact s USING stage_contact_bad x WHERE x.row_no = s.row_no;

-- name: remember_contacts
-- For the checks of later batches of the file.
INSERT INTO contact_seen (attempt_id, digest) SELECT attempt_id, digest FROM stage_contact ON CONFLICT DO NOTHING;

-- name: bad_contacts
-- What the checks found.
SELECT row_no, code FROM stage_contact_bad ORDER BY row_no, code;

-- name: count_contacts
-- Contacts of the batch.
SELECT count(DISTINCT attempt_id) FROM stage_contact;

-- name: write_contacts
-- One row per debt: the one it was about, else every open one of the person. A number without a person counts for
-- everybody who holds or held it; one that nobody has stands in its own lane. What was reached is a row of weight 0.
-- Answers how many contacts were new. Writes: contact
-- Runs: in a working copy.
WITH held AS (
    SELECT s.attempt_id, s.lane, s.borrower_id, s.zone FROM stage_contact s WHERE s.borrower_id IS NOT NULL
    UNION
    SELECT s.attempt_id, c.lane, c.borrower_id, b.zone
    FROM stage_contact s
    JOIN contact_point c ON c.address_index = s.address_index
    JOIN borrower b ON b.lane = c.lane AND b.borrower_id = c.borrower_id
    WHERE s.borrower_id IS NULL
),
known AS (
    SELECT h.attempt_id, h.lane, h.borrower_id, h.zone FROM held h
    UNION ALL
    SELECT s.attempt_id, get_byte(s.address_index, 0)::smallint,
           encode(substring(s.address_index FROM 1 FOR 16), 'hex')::uuid, coalesce(nullif(s.at_zone, ''), 'UTC')
    FROM stage_contact s
    WHERE s.borrower_id IS NULL AND NOT EXISTS (SELECT 1 FROM held h WHERE h.attempt_id = s.attempt_id)
),
debt AS (
    SELECT k.attempt_id, k.lane, k.borrower_id, k.zone, coalesce(s.loan_id, l.loan_id, '00000000-0000-0000-0000-000000000000') AS loan_id
    FROM known k
    JOIN stage_contact s ON s.attempt_id = k.attempt_id
    LEFT JOIN loan l ON l.lane = k.lane AND l.borrower_id = k.borrower_id AND l.state = 'open' AND s.loan_id IS NULL
),
written AS (
    INSERT INTO contact (lane, borrower_id, attempt_id, loan_id, weight, outcome, group_id, purpose, channel, actor,
                         source, address_index, template, local_on, at, system, reference, agent)
    SELECT d.lane, d.borrower_id, d.attempt_id, d.loan_id, o.weight, o.outcome, d.attempt_id, s.purpose, s.channel, s.actor,
           'import', s.address_index, s.template, (s.at AT TIME ZONE d.zone)::date, s.at, s.system, s.reference, s.agent
    FROM debt d
    JOIN stage_contact s ON s.attempt_id = d.attempt_id
    JOIN (VALUES ('attempt', 1::smallint), ('delivered', 0), ('connected', 0), ('conversation', 0)) AS o (outcome, weight)
      ON o.outcome = 'attempt' OR o.outcome = s.outcome OR o.outcome = 'connected' AND s.outcome = 'conversation'
    ON CONFLICT DO NOTHING
    RETURNING attempt_id, weight
)
SELECT count(DISTINCT attempt_id) FILTER (WHERE weight = 1) AS new, count(DISTINCT attempt_id) AS touched FROM written;

-- name: contacts_of
-- The ledger of one borrower, the latest first: one row per contact, with what was reached. most: how many.
SELECT k.attempt_id AS contact_id, max(k.at) AS at, min(k.channel) AS channel, min(k.purpose) AS purpose,
       min(k.actor) AS actor, min(k.source) AS source,
       CASE max(CASE k.outcome WHEN 'conversation' THEN 3 WHEN 'connected' THEN 2 WHEN 'delivered' THEN 1 ELSE 0 END)
            WHEN 3 THEN 'conversation' WHEN 2 THEN 'connected' WHEN 1 THEN 'delivered' ELSE 'attempt' END AS outcome,
       sum(k.weight) FILTER (WHERE k.loan_id = k.first_loan) > 0 AS counts,
       array_remove(array_agg(DISTINCT l.loan_ref ORDER BY l.loan_ref), NULL) AS loans,
       min(k.template) AS template, min(k.system) AS system, min(k.reference) AS reference, min(k.agent) AS agent
FROM (SELECT *, first_value(loan_id) OVER (PARTITION BY attempt_id ORDER BY loan_id) AS first_loan FROM contact
      WHERE lane = %(lane)s AND borrower_id = %(borrower_id)s) AS k
LEFT JOIN loan l ON l.lane = k.lane AND l.loan_id = k.loan_id
GROUP BY k.attempt_id
ORDER BY max(k.at) DESC, k.attempt_id
LIMIT %(most)s;
