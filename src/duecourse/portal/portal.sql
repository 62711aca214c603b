-- What the borrower's pages read beyond what other rooms read for them. Nothing is written.

-- name: creditor_of
-- Who has lent to a person: the creditor of an open loan before that of a closed one. lane, borrower_id.
SELECT creditor FROM loan WHERE lane = %(lane)s AND borrower_id = %(borrower_id)s
ORDER BY state <> 'open', creditor, loan_ref LIMIT 1;

-- name: creditor_of_link
-- In whose name a link was sent: of its message, else of the person's loans, an open one first. lane, borrower_id;
-- sent_lane, message_id.
SELECT creditor FROM (
    SELECT 0 AS place, creditor, '' AS loan_ref FROM message WHERE lane = %(sent_lane)s AND message_id = %(message_id)s
    UNION ALL
    SELECT 1 + (state <> 'open')::int, creditor, loan_ref FROM loan WHERE lane = %(lane)s AND borrower_id = %(borrower_id)s
) AS found
ORDER BY place, creditor, loan_ref LIMIT 1;

-- name: policy_of_message
-- By which policy a message was sent. lane, message_id.
SELECT policy FROM message WHERE lane = %(lane)s AND message_id = %(message_id)s;

-- name: installment_parts
-- What the installments of a borrower are made of. lane, borrower_id.
SELECT loan_id, number, principal_minor, interest_minor, fee_minor, penalty_minor
FROM installment WHERE lane = %(lane)s AND borrower_id = %(borrower_id)s;

-- name: answered_for
-- Whose open loans a person answers for beside them today, and as what. lanes: all of them; borrower_id; today.
SELECT p.lane, l.borrower_id, p.role, array_agg(p.loan_id) AS loan_ids
FROM loan_party p JOIN loan l ON l.lane = p.lane AND l.loan_id = p.loan_id
WHERE p.lane = ANY(%(lanes)s::smallint[]) AND p.borrower_id = %(borrower_id)s AND l.state = 'open'
  AND coalesce(p.since <= %(today)s, true) AND coalesce(p.until >= %(today)s, true)
GROUP BY p.lane, l.borrower_id, p.role ORDER BY p.lane, l.borrower_id, p.role;

-- name: counted_through
-- Through which day the payments to these creditors are surely in the book; null where nothing was said. creditors.
SELECT min(complete_through) FROM payment_feed WHERE creditor = ANY(%(creditors)s::text[]);

-- name: sent_to
-- What was handed over for a person, the latest first. lanes: all of them; borrower_id; take, skip: how many.
SELECT a.attempt_id, m.message_id, m.purpose, a.channel, a.state, coalesce(a.sent_at, a.claimed_at) AS sent_at, a.text_sealed
FROM message m
JOIN attempt a ON a.lane = m.lane AND a.message_id = m.message_id
WHERE m.lane = ANY(%(lanes)s::smallint[]) AND m.borrower_id = %(borrower_id)s
  AND a.state IN ('sent', 'delivered', 'read', 'refused', 'unknown')
ORDER BY coalesce(a.sent_at, a.claimed_at) DESC, a.attempt_id
LIMIT %(take)s OFFSET %(skip)s;

-- name: address_of_code
-- The contact point that a code was sent to since a moment, to this person. lane: of the hash; code_hash, borrower_id, since.
SELECT contact_point_id FROM link
WHERE lane = %(lane)s AND code_hash = %(code_hash)s AND owner_id = %(borrower_id)s AND issued_at >= %(since)s;

-- name: tables_of_people
-- The tables whose rows are somebody's.
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'borrower_id' AND NOT a.attisdropped
WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') ORDER BY c.relname;

-- name: tables_of_loans
-- The tables whose rows are a loan's and say nothing of whose it is.
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'loan_id' AND NOT a.attisdropped
WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p')
  AND EXISTS (SELECT 1 FROM pg_attribute l WHERE l.attrelid = c.oid AND l.attname = 'lane')
  AND NOT EXISTS (SELECT 1 FROM pg_attribute b WHERE b.attrelid = c.oid AND b.attname = 'borrower_id')
ORDER BY c.relname;

-- fragment: table
-- Stands in for a table when statements are checked.
loan

-- name: rows_of_person
-- lanes: all of them; borrower_id.
SELECT to_jsonb(t) FROM {table} t WHERE t.lane = ANY(%(lanes)s::smallint[]) AND t.borrower_id = %(borrower_id)s;

-- name: rows_of_loans
-- Of a person's own loans. lanes: all of them; borrower_id.
SELECT to_jsonb(t) FROM {table} t
JOIN loan o ON o.lane = t.lane AND o.loan_id = t.loan_id
WHERE o.lane = ANY(%(lanes)s::smallint[]) AND o.borrower_id = %(borrower_id)s;

-- name: rows_of_links
-- borrower_id.
SELECT to_jsonb(t) FROM link t WHERE t.owner_id = %(borrower_id)s;
