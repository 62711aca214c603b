-- A working copy: on a cluster, what a transaction is about, brought into temporary tables named as the book's own and
-- written back at its end. So the statements of an import are the same everywhere; see copying.py.
-- stage_* are temporary, made by importing.sql, events.sql and wishes.sql. A table of the session may meet one that is spread
-- over nodes in a sub-query that is worked out first: hence OFFSET 0.

-- name: create_scope
-- Whom and which loans a copy is about.
CREATE TEMP TABLE IF NOT EXISTS scope_person (lane smallint, borrower_id uuid, PRIMARY KEY (lane, borrower_id));
CREATE TEMP TABLE IF NOT EXISTS scope_loan (lane smallint, loan_id uuid, PRIMARY KEY (lane, loan_id));

-- name: clear_scope
-- Begin anew.
TRUNCATE scope_person, scope_loan;

-- name: shapes
-- Of each table: its columns in their order, and those of its primary key. schema; tables: text[], in whose order.
SELECT g.name, array_agg(a.attname::text ORDER BY a.attnum),
       array_agg(a.attname::text ORDER BY a.attnum) FILTER (WHERE a.attnum = ANY(i.indkey))
FROM unnest(%(tables)s::text[]) WITH ORDINALITY AS g (name, place)
JOIN pg_attribute a ON a.attrelid = to_regclass(format('%%I.%%I', %(schema)s::text, g.name))
                   AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
GROUP BY g.name, g.place ORDER BY g.place;

-- name: keys
-- The directory's rows of the batch's customer keys and ID numbers.
SELECT d.* FROM borrower_key d
JOIN (SELECT DISTINCT get_byte(k.key_hash, 0)::smallint AS key_lane, k.kind, k.key_hash
      FROM (SELECT 'customer' AS kind, key_hash FROM stage_borrower
            UNION ALL SELECT 'customer', key_hash FROM stage_contact_point
            UNION ALL SELECT 'customer', key_hash FROM stage_party
            UNION ALL SELECT 'customer', company_hash FROM stage_party
            UNION ALL SELECT 'customer', key_hash FROM stage_loan
            UNION ALL SELECT 'customer', key_hash FROM stage_event
            UNION ALL SELECT 'customer', key_hash FROM stage_wish
            UNION ALL SELECT 'id-number', id_number_index FROM stage_borrower) AS k
      WHERE k.key_hash IS NOT NULL OFFSET 0) AS s
  ON s.key_lane = d.key_lane AND s.kind = d.kind AND s.key_hash = d.key_hash;

-- name: loans
-- The loans that the batch speaks of, in whatever lane they are.
SELECT l.* FROM loan l
WHERE l.loan_id IN (SELECT loan_id FROM stage_loan UNION SELECT loan_id FROM stage_installment
                    UNION SELECT loan_id FROM stage_party WHERE loan_id IS NOT NULL
                    UNION SELECT loan_id FROM stage_payment UNION SELECT loan_id FROM stage_reversal
                    UNION SELECT loan_id FROM stage_debit
                    UNION SELECT loan_id FROM stage_event WHERE loan_id IS NOT NULL
                    UNION SELECT loan_id FROM stage_wish WHERE loan_id IS NOT NULL OFFSET 0);

-- name: loans_with_orders
-- As allocation.touch_loans, whether or not anything was paid.
SELECT l.* FROM loan l
WHERE l.lane = ANY(%(lanes)s::smallint[])
  AND EXISTS (SELECT 1 FROM unnest(%(creditors)s::text[], %(products)s::text[]) AS o (creditor, product)
              WHERE o.creditor = l.creditor AND o.product IN (l.product, '*'));

-- name: suspense
-- Money that waits for a loan of the batch, or that the batch brings again.
SELECT x.* FROM suspense x
WHERE x.loan_id IN (SELECT loan_id FROM stage_loan OFFSET 0) AND x.placed_at IS NULL
   OR (x.lane, x.suspense_id) IN (SELECT get_byte(uuid_send(payment_id), 0)::smallint, payment_id FROM stage_payment
                                  WHERE if_unknown = 'suspense' OFFSET 0);

-- name: scope_loans
-- Inside the copy: its loans.
INSERT INTO scope_loan (lane, loan_id) SELECT lane, loan_id FROM loan ON CONFLICT DO NOTHING;

-- name: scope_persons
-- Inside the copy: whom its keys, loans, roles and addresses name.
INSERT INTO scope_person (lane, borrower_id)
SELECT lane, borrower_id FROM borrower_key UNION SELECT lane, borrower_id FROM loan
UNION SELECT lane, borrower_id FROM loan_party UNION SELECT lane, borrower_id FROM company_contact
UNION SELECT lane, borrower_id FROM contact_point
ON CONFLICT DO NOTHING;

-- name: scope_rows
-- Inside the copy: wherever its people have rows, where they live, and who took their place.
INSERT INTO scope_person (lane, borrower_id)
SELECT lane, borrower_id FROM borrower
UNION SELECT home_lane, borrower_id FROM borrower WHERE home_lane IS NOT NULL
UNION SELECT merged_lane, merged_into FROM borrower WHERE merged_into IS NOT NULL
ON CONFLICT DO NOTHING;

-- name: persons
-- Those in scope, and wherever else they have rows.
SELECT b.* FROM borrower b JOIN (SELECT lane, borrower_id FROM scope_person OFFSET 0) AS s USING (lane, borrower_id)
UNION
SELECT b.* FROM borrower b
WHERE b.home_lane IS NOT NULL AND b.borrower_id IN (SELECT borrower_id FROM scope_person OFFSET 0);

-- name: of_persons
-- {table}: one of what hangs on a person.
SELECT t.* FROM {table} t JOIN (SELECT lane, borrower_id FROM scope_person OFFSET 0) AS s USING (lane, borrower_id);

-- name: of_loans
-- {of_loan}: one of what hangs on a loan.
SELECT t.* FROM {of_loan} t JOIN (SELECT lane, loan_id FROM scope_loan OFFSET 0) AS s USING (lane, loan_id);

-- name: contacts_of_companies
-- Through whom the companies in scope are reached.
SELECT t.* FROM company_contact t
JOIN (SELECT lane, borrower_id FROM scope_person OFFSET 0) AS s ON s.lane = t.lane AND s.borrower_id = t.company_id;

-- name: said_of_addresses
-- What anybody said of the addresses that the batch brings.
SELECT c.* FROM consent c
WHERE c.kind = 'contact' AND c.address_index IN (SELECT address_index FROM stage_contact_point OFFSET 0);

-- name: holders_of_addresses
-- Who holds or held the addresses that the batch speaks of.
SELECT c.* FROM contact_point c
WHERE c.address_index IN (SELECT address_index FROM stage_wish WHERE address_index IS NOT NULL OFFSET 0);

-- name: suppressed_addresses
-- What is suppressed of the addresses that the batch speaks of.
SELECT s.* FROM suppression s
WHERE s.index_hash IN (SELECT address_index FROM stage_wish WHERE address_index IS NOT NULL OFFSET 0);

-- name: events_of_persons
-- Events that the batch may say again.
SELECT e.* FROM event e
JOIN (SELECT lane, borrower_id FROM scope_person OFFSET 0) AS s USING (lane, borrower_id)
WHERE e.event_id IN (SELECT event_id FROM stage_event OFFSET 0);

-- name: whole
-- {reference}: a small table, the same on every node.
SELECT t.* FROM {reference} t;

-- name: bring
-- {rows}: one of the statements above, whose rows are whole rows of {copy}. Writes: consent
INSERT INTO {copy} SELECT r.* FROM (
{rows}
) AS r ON CONFLICT DO NOTHING;

-- name: change_back
-- Columns that this transaction changed, and those alone: others may have changed the rest meanwhile. {real}, {copy}, {before};
-- {changes}, {columns}: per column; {same_row}, {same_before}: by the primary key. Writes: consent
UPDATE {real} t SET {changes}
FROM (SELECT {columns} FROM {copy} m JOIN {before} w ON {same_before} WHERE m.* IS DISTINCT FROM w.* OFFSET 0) AS d
WHERE {same_row};

-- name: drop_back
-- Rows that are no longer in the copy, and that nobody has changed meanwhile: they may stand elsewhere in the copy as they were.
-- {old}: every column; {unchanged}: each that is not of the key. Writes: consent
DELETE FROM {real} t
USING (SELECT {old} FROM {before} w WHERE NOT EXISTS (SELECT 1 FROM {copy} m WHERE {same_before}) OFFSET 0) AS d
WHERE {same_row} AND {unchanged};

-- name: add_back
-- Rows that are new in the copy. Writes: consent
INSERT INTO {real} ({names})
SELECT {new} FROM {copy} m WHERE NOT EXISTS (SELECT 1 FROM {before} w WHERE {same_before})
ON CONFLICT DO NOTHING;

-- name: differences
-- How many rows of the copy of a table, {name}, are changed, gone and new.
SELECT {name}::text, (SELECT count(*) FROM {copy} m JOIN {before} w ON {same_before} WHERE m.* IS DISTINCT FROM w.*),
       (SELECT count(*) FROM {before} w WHERE NOT EXISTS (SELECT 1 FROM {copy} m WHERE {same_before})),
       (SELECT count(*) FROM {copy} m WHERE NOT EXISTS (SELECT 1 FROM {before} w WHERE {same_before}));

-- fragment: table
-- This and those below stand in for what is filled in when statements are checked.
consent

-- fragment: of_loan
-- As `table`.
installment

-- fragment: reference
-- As `table`.
setting

-- fragment: name
-- As `table`.
'consent'

-- fragment: real
-- As `table`.
consent

-- fragment: rows
-- As `table`.
SELECT c.* FROM consent c

-- fragment: copy
-- As `table`.
consent

-- fragment: before
-- As `table`.
consent

-- fragment: changes
-- As `table`.
kind = CASE WHEN d.kind IS DISTINCT FROM d.was_kind THEN d.kind ELSE t.kind END

-- fragment: columns
-- As `table`.
m.lane, m.consent_id, m.kind, w.kind AS was_kind

-- fragment: old
-- As `table`.
w.lane, w.consent_id, w.kind

-- fragment: unchanged
-- As `table`.
true AND t.kind IS NOT DISTINCT FROM d.kind

-- fragment: names
-- As `table`.
lane, borrower_id, consent_id, kind, granted, evidence, source, recorded_by, effective_at, recorded_at

-- fragment: new
-- As `table`.
m.lane, m.borrower_id, m.consent_id, m.kind, m.granted, m.evidence, m.source, m.recorded_by, m.effective_at, m.recorded_at

-- fragment: same_before
-- As `table`.
w.lane = m.lane AND w.consent_id = m.consent_id

-- fragment: same_row
-- As `table`.
d.lane = t.lane AND d.consent_id = t.consent_id
