-- Import: staging of a batch, its checks, its writing with history.
-- Staging tables are temporary and live with the session; personal values reach them sealed.
-- key_lane of a directory row is the first byte of its hash, so a look-up names the shard.

-- name: create_staging
-- Temporary tables of one importing session. seen: every key met in this file with a digest of its content,
-- so that a second row with the same key is told from a repeated import; seen_installment: the same of installments, in one
-- row for each loan of a batch, since a file has most of them side by side. pending_*: what a check would have written.
-- fresh: borrower or loan are new, so nothing of theirs is in the book to compare with.
-- Runs: in a working copy.
CREATE TEMP TABLE IF NOT EXISTS stage_borrower (
    row_no bigint, key_hash bytea, own_id uuid, borrower_key text, kind text, name_sealed bytea, id_number_sealed bytea,
    id_number_index bytea, language text, region text, zone text, zones text[], grade text, attributes jsonb, collected_on date,
    legal_basis text, row_digest bytea, as_party boolean, place smallint, beside_loan uuid, beside_company bytea,
    lane smallint, borrower_id uuid, fresh boolean);
CREATE TEMP TABLE IF NOT EXISTS stage_party (
    row_no bigint, key_hash bytea, role text, loan_id uuid, company_hash bytea, since date, until date,
    lane smallint, borrower_id uuid, home_lane smallint, company_id uuid);
CREATE TEMP TABLE IF NOT EXISTS stage_contact_point (
    row_no bigint, key_hash bytea, own_id uuid, contact_point_id uuid, channel text, rank smallint,
    address_sealed bytea, address_index bytea, zones text[], collected_on date, legal_basis text, platform text,
    lane smallint, borrower_id uuid, fresh boolean);
CREATE TEMP TABLE IF NOT EXISTS stage_loan (
    row_no bigint, key_hash bytea, loan_id uuid, loan_ref text, creditor text, product text, rate_type text,
    method text, currency text, principal_minor bigint, annual_rate numeric(12, 8), started_on date,
    day_count text, due_day smallint, due_day_source text, shift text,
    autopay boolean, state text, attributes jsonb, row_digest bytea, whole_schedule boolean,
    lane smallint, borrower_id uuid, fresh boolean);
CREATE TEMP TABLE IF NOT EXISTS stage_installment (
    row_no bigint, loan_id uuid, number integer, currency text, due_on date, statement_on date, due_minor bigint,
    balance_minor bigint, principal_minor bigint, interest_minor bigint, fee_minor bigint, penalty_minor bigint,
    computed boolean, lane smallint, borrower_id uuid, fresh boolean);
CREATE TEMP TABLE IF NOT EXISTS stage_payment (
    row_no bigint, loan_id uuid, payment_id uuid, currency text, source text, reference text,
    amount_minor bigint, paid_on date, creditor text, loan_ref text, if_unknown text, if_changed text,
    lane smallint, fresh boolean);
CREATE TEMP TABLE IF NOT EXISTS stage_reversal (
    row_no bigint, loan_id uuid, payment_id uuid, source text, reference text, reversed_on date, reason text,
    lane smallint);
CREATE TEMP TABLE IF NOT EXISTS stage_debit (
    row_no bigint, loan_id uuid, debit_id uuid, currency text, source text, reference text, number integer,
    amount_minor bigint, submitted_on date, wait_until date, state text, result_on date, code text, lane smallint);
CREATE TEMP TABLE IF NOT EXISTS stage_suspense (LIKE stage_payment);
CREATE TEMP TABLE IF NOT EXISTS stage_placed (lane smallint, loan_id uuid, payment_id uuid);
CREATE TEMP TABLE IF NOT EXISTS stage_record (
    row_no bigint, kind smallint, record_id uuid, digest uuid);
CREATE TEMP TABLE IF NOT EXISTS stage_bad (row_no bigint, code text, PRIMARY KEY (row_no, code));
CREATE TEMP TABLE IF NOT EXISTS stage_key (
    key_hash bytea PRIMARY KEY, lane smallint, borrower_id uuid, own_id uuid, is_company boolean, is_new boolean);
CREATE TEMP TABLE IF NOT EXISTS stage_loan_at (
    loan_id uuid PRIMARY KEY, lane smallint, borrower_id uuid, currency text, is_new boolean);
CREATE TEMP TABLE IF NOT EXISTS stage_dropped (lane smallint, loan_id uuid, number integer);
CREATE TEMP TABLE IF NOT EXISTS stage_overruled (lane smallint, loan_id uuid, arrangement_id uuid);
CREATE TEMP TABLE IF NOT EXISTS stage_touched (
    lane smallint, loan_id uuid, ordered boolean NOT NULL DEFAULT false, PRIMARY KEY (lane, loan_id));
CREATE TEMP TABLE IF NOT EXISTS stage_era (
    lane smallint, loan_id uuid, ordered boolean, from_on date, until_on date);
CREATE TEMP TABLE IF NOT EXISTS stage_mark (
    lane smallint, loan_id uuid, era_on date, until_on date, number integer, payment_id uuid, paid_on date,
    own_seq bigint, share numeric, due_seq bigint, pay_seq bigint);
CREATE TEMP TABLE IF NOT EXISTS stage_part (
    lane smallint, loan_id uuid, part_no integer, number integer, due_on date, part text, amount_minor bigint,
    PRIMARY KEY (lane, loan_id, part_no));
CREATE TEMP TABLE IF NOT EXISTS stage_step (
    lane smallint, loan_id uuid, era_on date, until_on date, place bigint, payment_id uuid, paid_on date,
    amount_minor bigint, creditor text, product text, effective_on date, reach_on date,
    PRIMARY KEY (lane, loan_id, era_on, place));
CREATE TEMP TABLE IF NOT EXISTS seen (record_id uuid PRIMARY KEY, row_no bigint, digest uuid);
CREATE TEMP TABLE IF NOT EXISTS seen_installment (loan_id uuid, numbers integer[], digests bigint[]);
CREATE INDEX IF NOT EXISTS seen_installment_loan ON seen_installment (loan_id);
CREATE TEMP TABLE IF NOT EXISTS pending_key (
    kind text, key_hash bytea, lane smallint, borrower_id uuid, is_company boolean, PRIMARY KEY (kind, key_hash));
CREATE TEMP TABLE IF NOT EXISTS pending_loan (
    loan_id uuid PRIMARY KEY, lane smallint, borrower_id uuid, currency text);
CREATE TEMP TABLE IF NOT EXISTS stage_allocation (
    lane smallint, loan_id uuid, era_on date, until_on date, number integer, payment_id uuid, part text,
    amount_minor bigint, paid_on date);

CREATE TEMP TABLE IF NOT EXISTS stage_unstated (lane smallint, borrower_id uuid, PRIMARY KEY (lane, borrower_id));

-- name: copy_borrowers
-- Runs: in a working copy.
COPY stage_borrower (row_no, key_hash, own_id, borrower_key, kind, name_sealed, id_number_sealed, id_number_index,
                     language, region, zone, zones, grade, attributes, collected_on, legal_basis, row_digest, as_party, place,
                     beside_loan, beside_company) FROM STDIN;

-- name: copy_contact_points
COPY stage_contact_point (row_no, key_hash, own_id, contact_point_id, channel, rank, address_sealed, address_index,
                          zones, collected_on, legal_basis, platform) FROM STDIN;

-- name: copy_parties
-- Roles.
COPY stage_party (row_no, key_hash, role, loan_id, company_hash, since, until) FROM STDIN;

-- name: copy_loans
COPY stage_loan (row_no, key_hash, loan_id, loan_ref, creditor, product, rate_type, method, currency, principal_minor,
                 annual_rate, started_on, day_count, due_day, due_day_source, shift, autopay, state, attributes,
                 row_digest, whole_schedule) FROM STDIN;

-- name: copy_installments
COPY stage_installment (row_no, loan_id, number, currency, due_on, statement_on, due_minor, balance_minor,
                        principal_minor, interest_minor, fee_minor, penalty_minor, computed) FROM STDIN;

-- name: copy_packed_installments
-- As copy_installments, of records.Packed.
COPY stage_installment (row_no, loan_id, number, currency, due_on, statement_on, due_minor, balance_minor,
                        principal_minor, interest_minor, fee_minor, penalty_minor, computed) FROM STDIN (FORMAT binary);

-- name: copy_payments
COPY stage_payment (row_no, loan_id, payment_id, currency, source, reference, amount_minor, paid_on, creditor, loan_ref,
                    if_unknown, if_changed) FROM STDIN;

-- name: copy_reversals
COPY stage_reversal (row_no, loan_id, payment_id, source, reference, reversed_on, reason) FROM STDIN;

-- name: copy_debits
COPY stage_debit (row_no, loan_id, debit_id, currency, source, reference, number, amount_minor, submitted_on, wait_until,
                  state, result_on, code) FROM STDIN;

-- name: copy_records
COPY stage_record (row_no, kind, record_id, digest) FROM STDIN;

-- name: clear_staging
TRUNCATE stage_borrower, stage_contact_point, stage_loan, stage_installment, stage_payment, stage_reversal,
    stage_debit, stage_record, stage_party, stage_bad, stage_key, stage_loan_at, stage_dropped, stage_overruled, stage_suspense,
    stage_placed, stage_touched, stage_era, stage_mark, stage_part, stage_step, stage_allocation,
    stage_unstated;

-- name: forget_seen
-- Begin a new file.
TRUNCATE seen, seen_installment;

-- name: forget_pending
-- Begin a new check, of one file or of all files of a delivery.
TRUNCATE pending_key, pending_loan;

-- name: analyze_staging
-- Temporary tables have no statistics of their own accord, and a plan for one row is wrong for ten thousand.
ANALYZE stage_borrower, stage_contact_point, stage_party, stage_loan,
    stage_installment (row_no, loan_id, number, currency, computed), stage_payment, stage_reversal, stage_debit, stage_record;

-- name: lock_book
-- One writer of loans and payments at a time: two batches that pay the same loan would each miss the other's
-- payment when they allocate. Readers, and the workers that own lanes, are not held up.
LOCK TABLE book_import IN SHARE ROW EXCLUSIVE MODE;

-- name: plan_for_batches
-- For this transaction: look a batch up in the big tables by their keys instead of reading them through, however
-- many rows they have, and sort it in memory. Statistics of a batch are of some thousands of its rows: taken of all of them
-- they cost more than the plans that they mend.
SELECT set_config('random_page_cost', '1.1', true), set_config('work_mem', '64MB', true),
       set_config('default_statistics_target', '10', true);

-- name: check_repeated
-- A key that comes twice in a file. Unlike content is a conflict (B031); like content is a duplicate (B030) for
-- payments, where two real ones may have lost what told them apart, and harmless for the others.
INSERT INTO stage_bad (row_no, code)
SELECT r.row_no, CASE WHEN r.digest <> r.first_digest THEN 'B031' ELSE 'B030' END
FROM (
    SELECT s.row_no, s.kind, s.digest,
           coalesce(n.digest, first_value(s.digest) OVER in_file) AS first_digest,
           n.record_id IS NOT NULL OR row_number() OVER in_file > 1 AS again
    FROM stage_record s LEFT JOIN seen n USING (record_id)
    WINDOW in_file AS (PARTITION BY s.record_id ORDER BY s.row_no)
) AS r
WHERE r.again AND (r.digest <> r.first_digest OR r.kind = 5)
ON CONFLICT DO NOTHING;

-- fragment: digest
-- Of what an installment says.
hash_record_extended(ROW(currency, due_on, statement_on, due_minor, balance_minor, principal_minor, interest_minor,
                         fee_minor, penalty_minor), 0)

-- fragment: earlier
-- The installments that earlier batches of the file have of the batch's loans. Each loan is looked up by its index: read
-- through, all that was seen would grow with the file.
SELECT k.loan_id, u.number, u.digest
FROM (SELECT DISTINCT loan_id FROM stage_installment WHERE NOT computed) AS k
CROSS JOIN LATERAL (SELECT numbers, digests FROM seen_installment n WHERE n.loan_id = k.loan_id OFFSET 0) AS n
CROSS JOIN LATERAL unnest(n.numbers, n.digests) AS u (number, digest)

-- name: repeats_installments
-- Whether any installment that the lender lists in this batch comes twice in the file: without an order, since of most files
-- none does.
WITH earlier AS (
-- include: earlier
)
SELECT EXISTS (SELECT 1 FROM (SELECT loan_id, number FROM stage_installment WHERE NOT computed
                              UNION ALL SELECT loan_id, number FROM earlier) AS s
               GROUP BY loan_id, number HAVING count(*) > 1);

-- name: check_repeated_installments
-- As check_repeated: two installments alike are a duplicate (B030), too.
WITH earlier AS (
-- include: earlier
)
INSERT INTO stage_bad (row_no, code)
SELECT r.row_no, CASE WHEN r.digest <> r.first_digest THEN 'B031' ELSE 'B030' END
FROM (
    SELECT s.row_no, s.digest, coalesce(e.digest, first_value(s.digest) OVER in_file) AS first_digest,
           e.digest IS NOT NULL OR row_number() OVER in_file > 1 AS again
    FROM (SELECT row_no, loan_id, number,
                 -- include: digest
                 AS digest
          FROM stage_installment WHERE NOT computed) AS s
    LEFT JOIN earlier e USING (loan_id, number)
    WINDOW in_file AS (PARTITION BY s.loan_id, s.number ORDER BY s.row_no)
) AS r
WHERE r.again
ON CONFLICT DO NOTHING;

-- fragment: known_keys
-- What the directory, or this check, already knows of the customer keys asked (key_hash).
INSERT INTO stage_key (key_hash, lane, borrower_id, own_id, is_company, is_new)
SELECT DISTINCT ON (k.key_hash) k.key_hash, coalesce(d.lane, p.lane), coalesce(d.borrower_id, p.borrower_id),
       NULL::uuid, p.is_company, false
FROM asked k
LEFT JOIN borrower_key d ON d.key_lane = get_byte(k.key_hash, 0) AND d.kind = 'customer' AND d.key_hash = k.key_hash
LEFT JOIN pending_key p ON p.kind = 'customer' AND p.key_hash = k.key_hash
WHERE d.key_hash IS NOT NULL OR p.key_hash IS NOT NULL
ON CONFLICT DO NOTHING

-- name: find_keys
-- Of the batch's customer keys.
-- Runs: in a working copy.
WITH asked AS (
    SELECT key_hash FROM stage_borrower UNION SELECT key_hash FROM stage_contact_point
    UNION SELECT key_hash FROM stage_party
    UNION SELECT company_hash FROM stage_party WHERE company_hash IS NOT NULL
    UNION SELECT key_hash FROM stage_loan
)
-- include: known_keys

-- name: leave_known_borrowers
-- For if_known = "keep": a borrower whom the book or this check has already stays as they are there.
DELETE FROM stage_borrower s USING stage_key k WHERE k.key_hash = s.key_hash;

-- fragment: known_loans
-- Where the loans asked (loan_id) already are, in the book or by this check.
INSERT INTO stage_loan_at (loan_id, lane, borrower_id, currency, is_new)
SELECT k.loan_id, coalesce(l.lane, p.lane), coalesce(l.borrower_id, p.borrower_id), coalesce(l.currency, p.currency),
       false
FROM asked k
LEFT JOIN loan l ON l.loan_id = k.loan_id
LEFT JOIN pending_loan p ON p.loan_id = k.loan_id
WHERE l.loan_id IS NOT NULL OR p.loan_id IS NOT NULL
ON CONFLICT DO NOTHING

-- name: find_loans
-- Of the loans that the batch speaks of.
-- Runs: in a working copy.
WITH asked AS (
    SELECT loan_id FROM stage_loan UNION SELECT loan_id FROM stage_installment
    UNION SELECT loan_id FROM stage_party WHERE loan_id IS NOT NULL
    UNION SELECT loan_id FROM stage_payment UNION SELECT loan_id FROM stage_reversal
    UNION SELECT loan_id FROM stage_debit
)
-- include: known_loans

-- name: check_changed
-- Payments that the book, or its suspense, has under the same reference with another amount (B050).
-- Runs: in a working copy.
INSERT INTO stage_bad (row_no, code)
SELECT s.row_no, 'B050' FROM stage_payment s
JOIN stage_loan_at a ON a.loan_id = s.loan_id
JOIN payment p ON p.lane = a.lane AND p.payment_id = s.payment_id
WHERE p.amount_minor <> s.amount_minor AND s.if_changed = 'refuse-row'
UNION
SELECT s.row_no, 'B050' FROM stage_payment s
JOIN suspense x ON x.lane = get_byte(uuid_send(s.payment_id), 0) AND x.suspense_id = s.payment_id
WHERE s.if_unknown = 'suspense' AND (x.amount_minor, x.currency) IS DISTINCT FROM (s.amount_minor, s.currency)
ON CONFLICT DO NOTHING;

-- name: check_references
-- Rows that speak of a borrower (B033) or loan (B032) that neither the book nor this file has, pay in another
-- currency than the loan's (B034), or give a loan to another borrower than the book has (B035).
-- One NOT EXISTS over both tables: after a first the planner expects no row, and makes a nested loop of the second.
INSERT INTO stage_bad (row_no, code)
SELECT c.row_no, 'B033' FROM stage_contact_point c
WHERE NOT EXISTS (SELECT 1 FROM (SELECT key_hash FROM stage_key UNION ALL SELECT key_hash FROM stage_borrower) AS k
                  WHERE k.key_hash = c.key_hash)
UNION
SELECT l.row_no, 'B033' FROM stage_loan l
WHERE NOT EXISTS (SELECT 1 FROM (SELECT key_hash FROM stage_key UNION ALL SELECT key_hash FROM stage_borrower) AS k
                  WHERE k.key_hash = l.key_hash)
UNION
SELECT l.row_no, 'B035' FROM stage_loan l
JOIN stage_loan_at a ON a.loan_id = l.loan_id
LEFT JOIN stage_key k ON k.key_hash = l.key_hash
WHERE k.borrower_id IS DISTINCT FROM a.borrower_id
UNION
SELECT o.row_no, CASE WHEN t.currency IS NULL THEN 'B032' ELSE 'B034' END
FROM (SELECT row_no, loan_id, currency, false AS may_wait FROM stage_installment
      UNION ALL SELECT row_no, loan_id, currency, if_unknown = 'suspense' FROM stage_payment
      UNION ALL SELECT row_no, loan_id, NULL, false FROM stage_reversal
      UNION ALL SELECT row_no, loan_id, currency, false FROM stage_debit
      UNION ALL SELECT row_no, loan_id, currency, false FROM stage_loan) AS o
LEFT JOIN (SELECT DISTINCT ON (t.loan_id) t.loan_id, t.currency
           FROM (SELECT loan_id, currency, 0 AS place FROM stage_loan_at
                 UNION ALL SELECT loan_id, currency, 1 FROM stage_loan) AS t
           ORDER BY t.loan_id, t.place) AS t USING (loan_id)
WHERE t.currency IS DISTINCT FROM coalesce(o.currency, t.currency, '') AND NOT (t.currency IS NULL AND o.may_wait)
ON CONFLICT DO NOTHING;

-- name: check_parties
-- Roles that cannot be: of somebody whom neither the book nor this file describes (B033), for an unknown loan (B062), for
-- an unknown company or for one that is a person (B063), of a borrower other than the loan's (B064), and of the loan's
-- own borrower (B065).
-- Runs: in a working copy.
WITH role AS (
    SELECT p.row_no, p.role, p.loan_id, p.company_hash,
           EXISTS (SELECT 1 FROM (SELECT key_hash FROM stage_key UNION ALL SELECT key_hash FROM stage_borrower) AS k
                   WHERE k.key_hash = p.key_hash) AS is_known,
           coalesce(a.loan_id, l.loan_id) IS NOT NULL AS has_loan,
           coalesce(k.borrower_id = a.borrower_id, l.key_hash = p.key_hash) AS is_borrower
    FROM stage_party p
    LEFT JOIN stage_key k ON k.key_hash = p.key_hash
    LEFT JOIN stage_loan_at a ON a.loan_id = p.loan_id
    LEFT JOIN (SELECT DISTINCT ON (loan_id) loan_id, key_hash FROM stage_loan ORDER BY loan_id, row_no) AS l
      ON l.loan_id = p.loan_id
),
company AS (
    SELECT DISTINCT p.company_hash FROM stage_party p
    LEFT JOIN stage_borrower s ON s.key_hash = p.company_hash
    LEFT JOIN stage_key k ON k.key_hash = p.company_hash
    LEFT JOIN borrower b ON b.lane = k.lane AND b.borrower_id = k.borrower_id
    WHERE p.company_hash IS NOT NULL AND (s.kind = 'company' OR coalesce(b.kind = 'company', k.is_company))
)
INSERT INTO stage_bad (row_no, code)
SELECT row_no, 'B033' FROM role WHERE NOT is_known
UNION SELECT row_no, 'B062' FROM role WHERE loan_id IS NOT NULL AND NOT has_loan
UNION SELECT row_no, 'B063' FROM role r
WHERE company_hash IS NOT NULL AND NOT EXISTS (SELECT 1 FROM company c WHERE c.company_hash = r.company_hash)
UNION SELECT row_no, 'B064' FROM role WHERE role = 'borrower' AND has_loan AND NOT coalesce(is_borrower, false)
UNION SELECT row_no, 'B065' FROM role WHERE role IN ('co-borrower', 'guarantor') AND is_borrower
ON CONFLICT DO NOTHING;

-- name: set_aside
-- Payments whose loan is unknown, where the mapping lets them wait.
WITH aside AS (
    DELETE FROM stage_payment s
    WHERE s.if_unknown = 'suspense'
      AND NOT EXISTS (SELECT 1 FROM (SELECT loan_id FROM stage_loan_at UNION ALL SELECT loan_id FROM stage_loan) AS k
                      WHERE k.loan_id = s.loan_id)
    RETURNING s.*
)
INSERT INTO stage_suspense SELECT * FROM aside;

-- name: check_zones
-- Zones that this database does not know (B021), though Python does.
INSERT INTO stage_bad (row_no, code)
SELECT b.row_no, 'B021' FROM stage_borrower b
WHERE NOT coalesce(b.zones, ARRAY[b.zone]) <@ %(known)s::text[]
ON CONFLICT DO NOTHING;

-- name: known_zones
SELECT array_agg(name) FROM pg_timezone_names;

-- name: drop_bad
-- Take every record of a refused row out of the batch. Answers how many records went.
WITH b AS (DELETE FROM stage_borrower s USING stage_bad x WHERE x.row_no = s.row_no RETURNING 1),
     c AS (DELETE FROM stage_contact_point s USING stage_bad x WHERE x.row_no = s.row_no RETURNING 1),
     y AS (DELETE FROM stage_party s USING stage_bad x WHERE x.row_no = s.row_no RETURNING 1),
     l AS (DELETE FROM stage_loan s USING stage_bad x WHERE x.row_no = s.row_no RETURNING 1),
     i AS (DELETE FROM stage_installment s USING stage_bad x WHERE x.row_no = s.row_no RETURNING 1),
     p AS (DELETE FROM stage_payment s USING stage_bad x WHERE x.row_no = s.row_no RETURNING 1),
     v AS (DELETE FROM stage_reversal s USING stage_bad x WHERE x.row_no = s.row_no RETURNING 1),
     d AS (DELETE FROM stage_debit s USING stage_bad x WHERE x.row_no = s.row_no RETURNING 1),
     r AS (DELETE FROM stage_record s USING stage_bad x WHERE x.row_no = s.row_no RETURNING 1)
SELECT (SELECT count(*) FROM b) + (SELECT count(*) FROM c) + (SELECT count(*) FROM y) + (SELECT count(*) FROM l)
     + (SELECT count(*) FROM i) + (SELECT count(*) FROM p) + (SELECT count(*) FROM v) + (SELECT count(*) FROM d)
     + (SELECT count(*) FROM r);

-- name: bad_rows
SELECT row_no, code FROM stage_bad ORDER BY row_no, code;

-- name: remember_seen
INSERT INTO seen (record_id, row_no, digest)
SELECT DISTINCT ON (record_id) record_id, row_no, digest FROM stage_record ORDER BY record_id, row_no
ON CONFLICT DO NOTHING;

-- name: remember_installments
-- Of the installments that the lender lists, since those of terms cannot come twice.
INSERT INTO seen_installment (loan_id, numbers, digests)
SELECT loan_id, array_agg(number),
       array_agg(
       -- include: digest
       )
FROM stage_installment WHERE NOT computed
GROUP BY loan_id;

-- name: drop_repeated
-- Harmless repetitions of a borrower, contact point, role or loan, with its schedule, within the batch: the first row speaks, a [borrower]
-- before a [[party]].
WITH b AS (DELETE FROM stage_borrower s USING stage_borrower f
           WHERE f.key_hash = s.key_hash
             AND (f.as_party, f.place, f.row_no, f.ctid) < (s.as_party, s.place, s.row_no, s.ctid) RETURNING 1),
     y AS (DELETE FROM stage_party s USING stage_party f
           WHERE f.key_hash = s.key_hash AND f.role = s.role AND f.loan_id IS NOT DISTINCT FROM s.loan_id
             AND f.company_hash IS NOT DISTINCT FROM s.company_hash AND (f.row_no, f.ctid) < (s.row_no, s.ctid)
           RETURNING 1),
     c AS (DELETE FROM stage_contact_point s USING stage_contact_point f
           WHERE f.key_hash = s.key_hash AND f.channel = s.channel AND f.address_index = s.address_index
             AND (f.row_no, f.ctid) < (s.row_no, s.ctid) RETURNING 1),
     l AS (DELETE FROM stage_loan s USING stage_loan f
           WHERE f.loan_id = s.loan_id AND (f.row_no, f.ctid) < (s.row_no, s.ctid) RETURNING 1),
     i AS (DELETE FROM stage_installment s USING stage_installment f
           WHERE s.computed AND f.computed AND f.loan_id = s.loan_id AND f.number = s.number
             AND (f.row_no, f.ctid) < (s.row_no, s.ctid) RETURNING 1)
SELECT (SELECT count(*) FROM b), (SELECT count(*) FROM y), (SELECT count(*) FROM c), (SELECT count(*) FROM l),
       (SELECT count(*) FROM i);

-- name: settle_owners
-- Whoever borrows in this batch is placed by the own key, even if a [[party]] alone describes them: their loan needs a
-- lane before anybody can be placed beside it.
UPDATE stage_borrower s SET place = 0, beside_loan = NULL, beside_company = NULL
WHERE s.place <> 0 AND EXISTS (SELECT 1 FROM stage_loan l WHERE l.key_hash = s.key_hash);

-- name: assign_lanes
-- Lane and borrower of each new key, once and for all. The same ID number joins the lane it already has, in the
-- directory, in this batch through a known key, or through the batch's first row with it; else the lane is the
-- first byte of the key's hash, or that of the loan or company they are new beside. share_person: it also joins the
-- person. place: 0 who lives by the own key, then 1 beside a loan, then 2 beside a company.
-- Runs: in a working copy.
INSERT INTO stage_key (key_hash, lane, borrower_id, own_id, is_company, is_new)
WITH fresh AS (
    SELECT s.key_hash, coalesce(a.lane, c.lane, get_byte(s.key_hash, 0)::smallint) AS lane, s.own_id,
           s.id_number_index, s.kind, s.row_no
    FROM stage_borrower s
    LEFT JOIN stage_loan_at a ON a.loan_id = s.beside_loan
    LEFT JOIN stage_key c ON c.key_hash = s.beside_company
    WHERE s.place = %(place)s AND NOT EXISTS (SELECT 1 FROM stage_key k WHERE k.key_hash = s.key_hash)
),
holder AS (
    SELECT DISTINCT ON (h.id_number_index) h.id_number_index, h.lane, h.borrower_id
    FROM (
        SELECT f.id_number_index, d.lane, d.borrower_id, 0 AS place, f.row_no
        FROM fresh f JOIN borrower_key d ON d.key_lane = get_byte(f.id_number_index, 0)
                                        AND d.kind = 'id-number' AND d.key_hash = f.id_number_index
        UNION ALL
        SELECT f.id_number_index, p.lane, p.borrower_id, 0, f.row_no
        FROM fresh f JOIN pending_key p ON p.kind = 'id-number' AND p.key_hash = f.id_number_index
        UNION ALL
        SELECT s.id_number_index, k.lane, k.borrower_id, 1, s.row_no
        FROM stage_borrower s JOIN stage_key k ON k.key_hash = s.key_hash WHERE s.id_number_index IS NOT NULL
        UNION ALL
        SELECT f.id_number_index, f.lane, f.own_id, 2, f.row_no FROM fresh f WHERE f.id_number_index IS NOT NULL
    ) AS h
    ORDER BY h.id_number_index, h.place, h.row_no
)
SELECT f.key_hash, coalesce(h.lane, f.lane),
       CASE WHEN %(share_person)s THEN coalesce(h.borrower_id, f.own_id) ELSE f.own_id END, f.own_id,
       f.kind = 'company', true
FROM fresh f LEFT JOIN holder h ON h.id_number_index = f.id_number_index;

-- name: place_borrowers
UPDATE stage_borrower s SET lane = k.lane, borrower_id = k.borrower_id, fresh = k.is_new FROM stage_key k WHERE k.key_hash = s.key_hash;

-- name: place_contact_points
UPDATE stage_contact_point s SET lane = k.lane, borrower_id = k.borrower_id, fresh = k.is_new
FROM stage_key k WHERE k.key_hash = s.key_hash;

-- name: place_loans
UPDATE stage_loan s
SET lane = k.lane, borrower_id = k.borrower_id,
    fresh = NOT EXISTS (SELECT 1 FROM stage_loan_at a WHERE a.loan_id = s.loan_id)
FROM stage_key k WHERE k.key_hash = s.key_hash;

-- name: place_new_loans
INSERT INTO stage_loan_at (loan_id, lane, borrower_id, currency, is_new)
SELECT loan_id, lane, borrower_id, currency, true FROM stage_loan WHERE fresh;

-- name: place_installments
UPDATE stage_installment s SET lane = a.lane, borrower_id = a.borrower_id, fresh = a.is_new
FROM stage_loan_at a WHERE a.loan_id = s.loan_id;

-- name: place_parties
-- A role lives in the lane of its loan or company; its player has a home that may be another.
UPDATE stage_party s
SET lane = coalesce(a.lane, c.lane), borrower_id = k.borrower_id, home_lane = k.lane, company_id = c.borrower_id
FROM stage_party t
JOIN stage_key k ON k.key_hash = t.key_hash
LEFT JOIN stage_loan_at a ON a.loan_id = t.loan_id
LEFT JOIN stage_key c ON c.key_hash = t.company_hash
WHERE t.ctid = s.ctid;

-- name: place_payments
UPDATE stage_payment s SET lane = a.lane, fresh = a.is_new FROM stage_loan_at a WHERE a.loan_id = s.loan_id;

-- name: place_reversals
UPDATE stage_reversal s SET lane = a.lane FROM stage_loan_at a WHERE a.loan_id = s.loan_id;

-- name: place_debits
UPDATE stage_debit s SET lane = a.lane FROM stage_loan_at a WHERE a.loan_id = s.loan_id;

-- name: analyze_placed
-- Before this the statistics say that every lane is null, and each join below would be planned for no row at all; and that
-- half of the rows may be known to the book, so that it would be read through for them.
ANALYZE stage_borrower (lane, fresh), stage_contact_point (lane, fresh), stage_loan (lane, fresh),
    stage_installment (lane, fresh), stage_payment (lane, fresh);

-- name: keep_pending
-- A check writes nothing to the book, but later rows of the file may speak of what it would have written.
WITH keys AS (
    INSERT INTO pending_key (kind, key_hash, lane, borrower_id, is_company)
    SELECT 'customer', key_hash, lane, borrower_id, is_company FROM stage_key WHERE is_new
    UNION ALL
    SELECT DISTINCT ON (s.id_number_index) 'id-number', s.id_number_index, s.lane, s.borrower_id, false
    FROM stage_borrower s WHERE s.id_number_index IS NOT NULL
    ON CONFLICT DO NOTHING
)
INSERT INTO pending_loan (loan_id, lane, borrower_id, currency)
SELECT loan_id, lane, borrower_id, currency FROM stage_loan_at WHERE is_new ON CONFLICT DO NOTHING;

-- name: write_customer_keys
-- Writes: borrower_key.
-- Runs: in a working copy.
INSERT INTO borrower_key (key_lane, kind, key_hash, lane, borrower_id)
SELECT get_byte(key_hash, 0), 'customer', key_hash, lane, borrower_id FROM stage_key WHERE is_new
ON CONFLICT DO NOTHING;

-- name: write_id_number_keys
-- The first borrower with an ID number keeps it in the directory. Writes: borrower_key.
-- Runs: in a working copy.
INSERT INTO borrower_key (key_lane, kind, key_hash, lane, borrower_id)
SELECT DISTINCT ON (id_number_index) get_byte(id_number_index, 0), 'id-number', id_number_index, lane, borrower_id
FROM stage_borrower WHERE id_number_index IS NOT NULL ORDER BY id_number_index, row_no
ON CONFLICT DO NOTHING;

-- name: skip_other_keys
-- A person is written by the key that first named them; another key of the same person brings only its loans.
WITH c AS (DELETE FROM stage_contact_point WHERE borrower_id <> own_id RETURNING 1)
DELETE FROM stage_borrower WHERE borrower_id <> own_id;

-- name: skip_described_borrowers
-- What a row of the lender's customers said of somebody, no [[party]] of a contract changes.
-- Runs: in a working copy.
DELETE FROM stage_borrower s USING borrower b
WHERE s.as_party AND NOT s.fresh AND b.lane = s.lane AND b.borrower_id = s.borrower_id AND b.described_by = 'borrower';

-- name: skip_same_borrowers
-- Runs: in a working copy.
DELETE FROM stage_borrower s USING borrower b
WHERE NOT s.fresh AND b.lane = s.lane AND b.borrower_id = s.borrower_id AND b.row_digest = s.row_digest
  AND (s.as_party OR b.described_by = 'borrower');

-- name: keep_old_borrowers
-- Writes: book_history.
-- Runs: in a working copy.
INSERT INTO book_history (lane, subject, subject_id, recorded_at, was)
SELECT b.lane, 'borrower', b.borrower_id::text, %(recorded_at)s, to_jsonb(b)
FROM borrower b JOIN stage_borrower s ON s.lane = b.lane AND s.borrower_id = b.borrower_id WHERE NOT s.fresh;

-- name: write_borrowers
-- Writes: borrower.
-- Runs: in a working copy.
INSERT INTO borrower (lane, borrower_id, borrower_key, kind, person_id, described_by, name_sealed, id_number_sealed,
                      id_number_index, language, region, zone, zones, grade, attributes, collected_on, legal_basis, row_digest,
                      effective_at, recorded_at)
SELECT s.lane, s.borrower_id, s.borrower_key, s.kind, nullif(d.borrower_id, s.borrower_id),
       CASE WHEN s.as_party THEN 'party' ELSE 'borrower' END, s.name_sealed, s.id_number_sealed, s.id_number_index,
       s.language, s.region, s.zone, s.zones, s.grade, s.attributes, s.collected_on, s.legal_basis, s.row_digest,
       %(now)s, %(recorded_at)s
FROM stage_borrower s
LEFT JOIN borrower_key d ON d.key_lane = get_byte(s.id_number_index, 0) AND d.kind = 'id-number'
                        AND d.key_hash = s.id_number_index
ON CONFLICT (lane, borrower_id) DO UPDATE SET
    kind = EXCLUDED.kind, person_id = EXCLUDED.person_id, described_by = EXCLUDED.described_by,
    collected_on = EXCLUDED.collected_on, legal_basis = EXCLUDED.legal_basis,
    name_sealed = EXCLUDED.name_sealed, id_number_sealed = EXCLUDED.id_number_sealed,
    id_number_index = EXCLUDED.id_number_index, language = EXCLUDED.language, region = EXCLUDED.region,
    zone = EXCLUDED.zone, zones = EXCLUDED.zones, grade = EXCLUDED.grade, attributes = EXCLUDED.attributes,
    row_digest = EXCLUDED.row_digest, effective_at = EXCLUDED.effective_at, recorded_at = EXCLUDED.recorded_at;

-- name: mark_persons
-- The first record of an ID number that others have, too. Writes: borrower.
-- Runs: in a working copy.
UPDATE borrower r SET has_others = true
FROM stage_borrower s
JOIN borrower_key d ON d.key_lane = get_byte(s.id_number_index, 0) AND d.kind = 'id-number' AND d.key_hash = s.id_number_index
WHERE s.id_number_index IS NOT NULL AND d.borrower_id <> s.borrower_id
  AND r.lane = d.lane AND r.borrower_id = d.borrower_id AND NOT r.has_others;

-- name: skip_same_contact_points
-- Known and in force, or retired for a reason of ours: a dead number does not come back with the next delivery.
-- Runs: in a working copy.
DELETE FROM stage_contact_point s USING contact_point c
WHERE NOT s.fresh AND c.lane = s.lane AND c.contact_point_id = s.contact_point_id
  AND (c.state = 'active' AND c.rank = s.rank
       AND (c.collected_on, c.legal_basis, c.platform) IS NOT DISTINCT FROM (s.collected_on, s.legal_basis, s.platform) OR c.state = 'retired' AND c.retired_reason <> 'replaced');

-- name: keep_old_contact_points
-- Those that change, and those that lose their place to another address. Writes: book_history.
-- Runs: in a working copy.
INSERT INTO book_history (lane, subject, subject_id, recorded_at, was)
SELECT DISTINCT ON (c.lane, c.contact_point_id)
       c.lane, 'contact_point', c.contact_point_id::text, %(recorded_at)s::timestamptz, to_jsonb(c)
FROM stage_contact_point s
JOIN contact_point c ON c.lane = s.lane AND c.borrower_id = s.borrower_id AND c.channel = s.channel
WHERE NOT s.fresh AND (s.contact_point_id = c.contact_point_id OR s.rank = c.rank AND c.state = 'active')
ORDER BY c.lane, c.contact_point_id;

-- name: retire_replaced
-- Another address now stands at this rank. Writes: contact_point.
-- Runs: in a working copy.
UPDATE contact_point c
SET state = 'retired', retired_reason = 'replaced', effective_at = %(now)s, recorded_at = %(recorded_at)s
FROM stage_contact_point s
WHERE NOT s.fresh AND s.lane = c.lane AND s.borrower_id = c.borrower_id AND s.channel = c.channel AND s.rank = c.rank
  AND c.state = 'active' AND s.contact_point_id <> c.contact_point_id;

-- name: write_contact_points
-- Writes: contact_point.
-- Runs: in a working copy.
INSERT INTO contact_point (lane, borrower_id, contact_point_id, channel, rank, address_sealed, address_index, zones,
                           platform, collected_on, legal_basis, effective_at, recorded_at)
SELECT lane, borrower_id, contact_point_id, channel, rank, address_sealed, address_index, zones, platform, collected_on, legal_basis,
       %(now)s, %(recorded_at)s
FROM stage_contact_point
ON CONFLICT (lane, contact_point_id) DO UPDATE SET
    rank = EXCLUDED.rank, zones = EXCLUDED.zones, platform = EXCLUDED.platform, state = 'active', retired_reason = NULL,
    address_sealed = coalesce(contact_point.address_sealed, EXCLUDED.address_sealed),
    address_index = EXCLUDED.address_index, erased_at = NULL,
    collected_on = EXCLUDED.collected_on, legal_basis = EXCLUDED.legal_basis,
    effective_at = EXCLUDED.effective_at, recorded_at = EXCLUDED.recorded_at;

-- name: skip_same_loans
-- Runs: in a working copy.
DELETE FROM stage_loan s USING loan l
WHERE NOT s.fresh AND l.lane = s.lane AND l.loan_id = s.loan_id AND l.row_digest = s.row_digest;

-- name: keep_old_loans
-- Writes: book_history.
-- Runs: in a working copy.
INSERT INTO book_history (lane, subject, subject_id, recorded_at, was)
SELECT l.lane, 'loan', l.loan_id::text, %(recorded_at)s, to_jsonb(l)
FROM loan l JOIN stage_loan s ON s.lane = l.lane AND s.loan_id = l.loan_id WHERE NOT s.fresh;

-- name: write_loans
-- A due day that was moved on request stays as long as its installments are moved (overrule_moves); an allotted one
-- stays until the file names a day. Writes: loan.
-- Runs: in a working copy.
INSERT INTO loan (lane, loan_id, borrower_id, loan_ref, creditor, product, rate_type, method, currency,
                  principal_minor, annual_rate, started_on, day_count, due_day, due_day_source, shift, autopay, state,
                  attributes, row_digest, effective_at, recorded_at)
SELECT lane, loan_id, borrower_id, loan_ref, creditor, product, rate_type, method, currency,
       principal_minor, annual_rate, started_on, day_count, due_day, due_day_source, shift, autopay, state,
       attributes, row_digest, %(now)s, %(recorded_at)s
FROM stage_loan
ON CONFLICT (lane, loan_id) DO UPDATE SET
    product = EXCLUDED.product, rate_type = EXCLUDED.rate_type, method = EXCLUDED.method,
    principal_minor = EXCLUDED.principal_minor, annual_rate = EXCLUDED.annual_rate,
    started_on = EXCLUDED.started_on, day_count = EXCLUDED.day_count, shift = EXCLUDED.shift,
    due_day = CASE WHEN loan.due_day_source = 'request' OR EXCLUDED.due_day IS NULL AND loan.due_day_source = 'allotted'
                   THEN loan.due_day ELSE EXCLUDED.due_day END,
    due_day_source = CASE WHEN loan.due_day_source = 'request'
                            OR EXCLUDED.due_day IS NULL AND loan.due_day_source = 'allotted'
                          THEN loan.due_day_source ELSE EXCLUDED.due_day_source END,
    autopay = EXCLUDED.autopay, state = EXCLUDED.state,
    attributes = EXCLUDED.attributes, row_digest = EXCLUDED.row_digest,
    effective_at = EXCLUDED.effective_at, recorded_at = EXCLUDED.recorded_at;

-- name: leave_listed
-- The lender's amounts win: once it lists a loan's installments, the terms give the loan none any more. Fees and penalties
-- listed alone, under numbers that the terms do not have, stand beside the schedule.
-- Runs: in a working copy.
WITH listed AS (
    SELECT DISTINCT i.lane, i.loan_id
    FROM (SELECT DISTINCT lane, loan_id FROM stage_installment WHERE computed AND NOT fresh) AS s
    JOIN installment i ON i.lane = s.lane AND i.loan_id = s.loan_id AND NOT i.computed
    WHERE (i.due_minor > i.fee_minor + i.penalty_minor
           OR EXISTS (SELECT 1 FROM stage_installment o WHERE o.loan_id = i.loan_id AND o.number = i.number))
      AND NOT EXISTS (SELECT 1 FROM due_move m WHERE m.lane = i.lane AND m.loan_id = i.loan_id AND m.number = i.number
                                                 AND NOT m.listed)
)
DELETE FROM stage_installment s USING listed l WHERE s.computed AND s.lane = l.lane AND s.loan_id = l.loan_id;

-- name: find_dropped_installments
-- Computed ones whose place is taken: by the schedule that changed terms give, or by the list that the lender begins to
-- give. What is in neither goes, with history; what the lender listed stays.
-- Runs: in a working copy.
INSERT INTO stage_dropped (lane, loan_id, number)
SELECT i.lane, i.loan_id, i.number
FROM (SELECT s.lane, s.loan_id FROM stage_installment s WHERE s.computed AND NOT s.fresh
      UNION
      SELECT s.lane, s.loan_id FROM stage_installment s
      WHERE NOT s.computed AND NOT s.fresh
        AND (s.due_minor > s.fee_minor + s.penalty_minor
             OR EXISTS (SELECT 1 FROM installment o
                        WHERE o.lane = s.lane AND o.loan_id = s.loan_id AND o.number = s.number AND o.computed))) AS n
JOIN installment i ON i.lane = n.lane AND i.loan_id = n.loan_id AND i.computed
WHERE NOT EXISTS (SELECT 1 FROM stage_installment s WHERE s.loan_id = i.loan_id AND s.number = i.number);

-- name: drop_installments
-- Writes: installment.
-- Runs: in a working copy.
DELETE FROM installment i USING stage_dropped d
WHERE d.lane = i.lane AND d.loan_id = i.loan_id AND d.number = i.number;

-- name: adopt_moves
-- The file now says itself what was moved on request: from here on it is the file's word. Writes: due_move.
-- Runs: in a working copy.
DELETE FROM due_move m USING stage_installment s, installment i
WHERE NOT s.fresh AND m.lane = s.lane AND m.loan_id = s.loan_id AND m.number = s.number
  AND i.lane = s.lane AND i.loan_id = s.loan_id AND i.number = s.number
  AND (coalesce(i.contract_due_on, i.due_on), i.due_minor, i.interest_minor)
      IS NOT DISTINCT FROM (s.due_on, s.due_minor, s.interest_minor);

-- fragment: said_before
-- Over s, i and m: what the file said before; of what was changed on request not what it became, of a shifted day the
-- contract's.
NOT s.fresh AND i.lane = s.lane AND i.loan_id = s.loan_id AND i.number = s.number AND coalesce(m.listed, true)
  AND (coalesce(m.given_due_on, i.contract_due_on, i.due_on), i.statement_on, coalesce(m.given_due_minor, i.due_minor),
       i.balance_minor,
       CASE WHEN m.lane IS NULL THEN i.principal_minor ELSE m.given_principal_minor END,
       CASE WHEN m.lane IS NULL THEN i.interest_minor ELSE m.given_interest_minor END,
       coalesce(m.given_fee_minor, i.fee_minor), coalesce(m.given_penalty_minor, i.penalty_minor))
      IS NOT DISTINCT FROM
      (s.due_on, s.statement_on, s.due_minor, s.balance_minor, s.principal_minor, s.interest_minor, s.fee_minor,
       s.penalty_minor)

-- name: mark_listed
-- Where the lender lists just what the terms gave, the installment is the lender's from here on, and what was moved on
-- request stays moved. Writes: installment, book_history.
-- Runs: in a working copy.
WITH listed AS (
    SELECT i.lane, i.loan_id, i.number, to_jsonb(i) AS was
    FROM stage_installment s,
         installment i LEFT JOIN due_move m ON m.lane = i.lane AND m.loan_id = i.loan_id AND m.number = i.number
    WHERE i.computed AND NOT s.computed AND
-- include: said_before
),
kept AS (
    INSERT INTO book_history (lane, subject, subject_id, recorded_at, was)
    SELECT lane, 'installment', loan_id::text || '/' || number, %(recorded_at)s, was FROM listed
)
UPDATE installment i SET computed = false, effective_at = %(now)s, recorded_at = %(recorded_at)s
FROM listed l WHERE i.lane = l.lane AND i.loan_id = l.loan_id AND i.number = l.number;

-- name: skip_same_installments
-- Runs: in a working copy.
DELETE FROM stage_installment s
USING installment i LEFT JOIN due_move m ON m.lane = i.lane AND m.loan_id = i.loan_id AND m.number = i.number
WHERE
-- include: said_before
;

-- name: find_overruled
-- The arrangements of which the file says something new.
-- Runs: in a working copy.
INSERT INTO stage_overruled (lane, loan_id, arrangement_id)
SELECT DISTINCT m.lane, m.loan_id, m.arrangement_id
FROM due_move m
JOIN (SELECT lane, loan_id, number FROM stage_installment WHERE NOT fresh
      UNION SELECT lane, loan_id, number FROM stage_dropped) AS s
  ON s.lane = m.lane AND s.loan_id = m.loan_id AND s.number = m.number
WHERE m.arrangement_id IS NOT NULL;

-- fragment: arranged_apart
-- Installments of an overruled arrangement, over i and m, that the file itself says nothing new of.
m.lane = i.lane AND m.loan_id = i.loan_id AND m.number = i.number
AND EXISTS (SELECT 1 FROM stage_overruled o
            WHERE o.lane = m.lane AND o.loan_id = m.loan_id AND o.arrangement_id = m.arrangement_id)
AND NOT EXISTS (SELECT 1 FROM stage_installment s WHERE s.lane = i.lane AND s.loan_id = i.loan_id AND s.number = i.number)
AND NOT EXISTS (SELECT 1 FROM stage_dropped s WHERE s.lane = i.lane AND s.loan_id = i.loan_id AND s.number = i.number)

-- name: keep_overruled
-- Writes: book_history.
-- Runs: in a working copy.
INSERT INTO book_history (lane, subject, subject_id, recorded_at, was)
SELECT i.lane, 'installment', i.loan_id::text || '/' || i.number, %(recorded_at)s, to_jsonb(i)
FROM installment i, due_move m
WHERE
-- include: arranged_apart
;

-- name: restore_overruled
-- An arrangement holds whole or not at all: where the file says something new of one of its installments, the others are
-- again what the file said of them. Writes: installment.
-- Runs: in a working copy.
UPDATE installment i
SET due_on = m.given_due_on, contract_due_on = NULL, due_provisional = false, due_minor = m.given_due_minor,
    principal_minor = m.given_principal_minor, interest_minor = m.given_interest_minor,
    fee_minor = m.given_fee_minor, penalty_minor = m.given_penalty_minor,
    effective_at = %(now)s, recorded_at = %(recorded_at)s
FROM due_move m
WHERE m.listed AND
-- include: arranged_apart
;

-- name: drop_overruled
-- And those that no file has listed go. Writes: installment.
-- Runs: in a working copy.
DELETE FROM installment i USING due_move m
WHERE NOT m.listed AND
-- include: arranged_apart
;

-- name: forget_overruled
-- Writes: due_move.
-- Runs: in a working copy.
DELETE FROM due_move m USING stage_overruled o
WHERE o.lane = m.lane AND o.loan_id = m.loan_id AND o.arrangement_id = m.arrangement_id;

-- name: overrule_moves
-- The file says something new of what was moved on request: its word holds. Writes: due_move, loan.
-- Runs: in a working copy.
WITH overruled AS (
    DELETE FROM due_move m
    USING (SELECT lane, loan_id, number FROM stage_installment WHERE NOT fresh
           UNION SELECT lane, loan_id, number FROM stage_dropped) AS s
    WHERE m.lane = s.lane AND m.loan_id = s.loan_id AND m.number = s.number
    RETURNING m.lane, m.loan_id
),
unmarked AS (
    UPDATE loan l SET due_day = NULL, due_day_source = 'contract'
    FROM (SELECT DISTINCT lane, loan_id FROM overruled) AS o
    WHERE l.lane = o.lane AND l.loan_id = o.loan_id AND l.due_day_source = 'request'
)
SELECT count(*) FROM overruled;

-- name: keep_old_installments
-- Changed ones and dropped ones. Writes: book_history.
-- Runs: in a working copy.
INSERT INTO book_history (lane, subject, subject_id, recorded_at, was)
SELECT i.lane, 'installment', i.loan_id::text || '/' || i.number, %(recorded_at)s, to_jsonb(i)
FROM installment i
JOIN (SELECT lane, loan_id, number FROM stage_installment WHERE NOT fresh UNION SELECT lane, loan_id, number FROM stage_dropped) AS s
  ON s.lane = i.lane AND s.loan_id = i.loan_id AND s.number = i.number;

-- fragment: put_installments
INSERT INTO installment (lane, loan_id, number, borrower_id, due_on, statement_on, due_minor, balance_minor,
                         principal_minor, interest_minor, fee_minor, penalty_minor, computed, effective_at, recorded_at)
SELECT lane, loan_id, number, borrower_id, due_on, statement_on, due_minor, balance_minor,
       principal_minor, interest_minor, fee_minor, penalty_minor, computed, %(now)s, %(recorded_at)s
FROM stage_installment

-- name: write_new_installments
-- Of loans that the book did not have: nothing to look out for, and in the order of the index. Writes: installment.
-- include: put_installments
WHERE fresh ORDER BY lane, loan_id, number;

-- name: write_installments
-- Of loans that the book had. Grace that was frozen stays. Writes: installment.
-- include: put_installments
WHERE NOT fresh
ON CONFLICT (lane, loan_id, number) DO UPDATE SET
    due_on = EXCLUDED.due_on, contract_due_on = NULL, due_provisional = false,
    statement_on = EXCLUDED.statement_on, due_minor = EXCLUDED.due_minor,
    balance_minor = EXCLUDED.balance_minor, principal_minor = EXCLUDED.principal_minor,
    interest_minor = EXCLUDED.interest_minor, fee_minor = EXCLUDED.fee_minor,
    penalty_minor = EXCLUDED.penalty_minor, computed = EXCLUDED.computed,
    effective_at = EXCLUDED.effective_at, recorded_at = EXCLUDED.recorded_at;

-- name: tell_payments
-- What writing will find of each payment that was not refused: new, same, or changed.
-- Runs: in a working copy.
SELECT s.row_no, CASE WHEN p.payment_id IS NULL THEN 'new'
                      WHEN p.amount_minor = s.amount_minor AND p.paid_on = s.paid_on THEN 'same'
                      ELSE 'changed' END
FROM stage_payment s
JOIN stage_loan_at a ON a.loan_id = s.loan_id
LEFT JOIN payment p ON p.lane = a.lane AND p.payment_id = s.payment_id;

-- name: skip_same_payments
-- Runs: in a working copy.
DELETE FROM stage_payment s USING payment p
WHERE NOT s.fresh AND p.lane = s.lane AND p.payment_id = s.payment_id
  AND p.amount_minor = s.amount_minor AND p.paid_on = s.paid_on;

-- name: keep_old_payments
-- Writes: book_history.
-- Runs: in a working copy.
INSERT INTO book_history (lane, subject, subject_id, recorded_at, was)
SELECT p.lane, 'payment', p.payment_id::text, %(recorded_at)s, to_jsonb(p)
FROM payment p JOIN stage_payment s ON s.lane = p.lane AND s.payment_id = p.payment_id WHERE NOT s.fresh;

-- name: write_payments
-- Writes: payment.
-- Runs: in a working copy.
INSERT INTO payment (lane, loan_id, payment_id, source, reference, amount_minor, paid_on, effective_at, recorded_at)
SELECT lane, loan_id, payment_id, source, reference, amount_minor, paid_on, %(now)s, %(recorded_at)s
FROM stage_payment
ON CONFLICT (lane, payment_id) DO UPDATE SET
    amount_minor = EXCLUDED.amount_minor, paid_on = EXCLUDED.paid_on,
    effective_at = EXCLUDED.effective_at, recorded_at = EXCLUDED.recorded_at;

-- name: skip_same_reversals
-- Runs: in a working copy.
DELETE FROM stage_reversal s USING reversal r
WHERE r.lane = s.lane AND r.payment_id = s.payment_id AND r.reversed_on = s.reversed_on AND r.reason = s.reason;

-- name: keep_old_reversals
-- Writes: book_history.
-- Runs: in a working copy.
INSERT INTO book_history (lane, subject, subject_id, recorded_at, was)
SELECT r.lane, 'reversal', r.payment_id::text, %(recorded_at)s, to_jsonb(r)
FROM reversal r JOIN stage_reversal s ON s.lane = r.lane AND s.payment_id = r.payment_id;

-- name: write_reversals
-- Of a payment that the book has, or that may still come. Writes: reversal.
-- Runs: in a working copy.
INSERT INTO reversal (lane, loan_id, payment_id, source, reference, reversed_on, reason, effective_at, recorded_at)
SELECT lane, loan_id, payment_id, source, reference, reversed_on, reason, %(now)s, %(recorded_at)s
FROM stage_reversal
ON CONFLICT (lane, payment_id) DO UPDATE SET
    reversed_on = EXCLUDED.reversed_on, reason = EXCLUDED.reason,
    effective_at = EXCLUDED.effective_at, recorded_at = EXCLUDED.recorded_at;

-- name: skip_same_debits
-- What says nothing that is not known. A result older than the one known says nothing.
-- Runs: in a working copy.
DELETE FROM stage_debit s USING debit d
WHERE d.lane = s.lane AND d.debit_id = s.debit_id
  AND coalesce(s.number, d.number) IS NOT DISTINCT FROM d.number
  AND coalesce(s.amount_minor, d.amount_minor) IS NOT DISTINCT FROM d.amount_minor
  AND (s.submitted_on IS NULL OR (s.submitted_on, s.wait_until) = (d.submitted_on, d.wait_until))
  AND (s.result_on IS NULL OR d.result_on > s.result_on
       OR (d.result_on, d.state, d.code) = (s.result_on, s.state, s.code));

-- name: keep_old_debits
-- Writes: book_history.
-- Runs: in a working copy.
INSERT INTO book_history (lane, subject, subject_id, recorded_at, was)
SELECT d.lane, 'debit', d.debit_id::text, %(recorded_at)s, to_jsonb(d)
FROM debit d JOIN (SELECT DISTINCT lane, debit_id FROM stage_debit) AS s ON s.lane = d.lane AND s.debit_id = d.debit_id;

-- name: write_debits
-- Instruction and result make one row, in whichever order they come; of several results the latest holds. Writes: debit.
-- Runs: in a working copy.
INSERT INTO debit (lane, loan_id, debit_id, source, reference, number, amount_minor, submitted_on, wait_until, state,
                   result_on, code, effective_at, recorded_at)
SELECT s.lane, s.loan_id, s.debit_id, s.source, s.reference, max(s.number), max(s.amount_minor), max(s.submitted_on),
       max(s.wait_until), coalesce((array_agg(s.state ORDER BY s.result_on DESC) FILTER (WHERE s.result_on IS NOT NULL))[1],
                                   'submitted'),
       max(s.result_on),
       coalesce((array_agg(s.code ORDER BY s.result_on DESC) FILTER (WHERE s.result_on IS NOT NULL))[1], ''),
       %(now)s, %(recorded_at)s
FROM stage_debit s
GROUP BY s.lane, s.loan_id, s.debit_id, s.source, s.reference
ON CONFLICT (lane, debit_id) DO UPDATE SET
    number = coalesce(EXCLUDED.number, debit.number),
    amount_minor = coalesce(EXCLUDED.amount_minor, debit.amount_minor),
    submitted_on = coalesce(EXCLUDED.submitted_on, debit.submitted_on),
    wait_until = coalesce(EXCLUDED.wait_until, debit.wait_until),
    state = CASE WHEN EXCLUDED.result_on >= coalesce(debit.result_on, '-infinity') THEN EXCLUDED.state ELSE debit.state END,
    code = CASE WHEN EXCLUDED.result_on >= coalesce(debit.result_on, '-infinity') THEN EXCLUDED.code ELSE debit.code END,
    result_on = greatest(EXCLUDED.result_on, debit.result_on),
    effective_at = EXCLUDED.effective_at, recorded_at = EXCLUDED.recorded_at;

-- name: write_suspense
-- Writes: suspense.
-- Runs: in a working copy.
INSERT INTO suspense (lane, suspense_id, loan_id, creditor, loan_ref, source, reference, currency, amount_minor, paid_on,
                      effective_at, recorded_at)
SELECT get_byte(uuid_send(payment_id), 0), payment_id, CASE WHEN loan_ref <> '' THEN loan_id END, creditor, loan_ref,
       source, reference, currency, amount_minor, paid_on, %(now)s, %(recorded_at)s
FROM stage_suspense
ON CONFLICT DO NOTHING;

-- name: find_placed
-- Money in suspense whose loan came with this batch, in the loan's currency.
-- Runs: in a working copy.
INSERT INTO stage_placed (lane, loan_id, payment_id)
SELECT l.lane, l.loan_id, x.suspense_id
FROM stage_loan l JOIN suspense x ON x.loan_id = l.loan_id AND x.placed_at IS NULL AND x.currency = l.currency;

-- name: pay_from_suspense
-- Writes: payment.
-- Runs: in a working copy.
INSERT INTO payment (lane, loan_id, payment_id, source, reference, amount_minor, paid_on, effective_at, recorded_at)
SELECT s.lane, s.loan_id, s.payment_id, x.source, x.reference, x.amount_minor, x.paid_on, %(now)s, %(recorded_at)s
FROM stage_placed s
JOIN suspense x ON x.lane = get_byte(uuid_send(s.payment_id), 0) AND x.suspense_id = s.payment_id
ON CONFLICT DO NOTHING;

-- name: mark_placed
-- Writes: suspense.
-- Runs: in a working copy.
UPDATE suspense x SET placed_loan_id = s.loan_id, placed_at = %(recorded_at)s
FROM stage_placed s
WHERE x.lane = get_byte(uuid_send(s.payment_id), 0) AND x.suspense_id = s.payment_id AND x.placed_at IS NULL;
