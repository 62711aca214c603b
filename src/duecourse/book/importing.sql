-- Import: staging of a batch, its checks, its writing with history.
-- Staging tables are temporary and live with the session; personal values reach them sealed.
-- key_lane of a directory row is the first byte of its hash, so a look-up names the shard.

-- name: create_staging
-- Temporary tables of one importing session. seen: every key met in this file with a digest of its content,
-- so that a second row with the same key is told from a repeated import. pending_*: what a check would have written.
-- fresh: borrower or loan are new, so nothing of theirs is in the book to compare with.
CREATE TEMP TABLE IF NOT EXISTS stage_borrower (
    row_no bigint, key_hash bytea, own_id uuid, borrower_key text, name_sealed bytea, id_number_sealed bytea,
    id_number_index bytea, language text, region text, zone text, grade text, attributes jsonb, row_digest bytea,
    lane smallint, borrower_id uuid, fresh boolean);
CREATE TEMP TABLE IF NOT EXISTS stage_contact_point (
    row_no bigint, key_hash bytea, own_id uuid, contact_point_id uuid, channel text, rank smallint,
    address_sealed bytea, address_index bytea, lane smallint, borrower_id uuid, fresh boolean);
CREATE TEMP TABLE IF NOT EXISTS stage_loan (
    row_no bigint, key_hash bytea, loan_id uuid, loan_ref text, creditor text, product text, rate_type text,
    method text, currency text, principal_minor bigint, annual_rate numeric(12, 8), started_on date,
    autopay boolean, state text, attributes jsonb, row_digest bytea, whole_schedule boolean,
    lane smallint, borrower_id uuid, fresh boolean);
CREATE TEMP TABLE IF NOT EXISTS stage_installment (
    row_no bigint, loan_id uuid, number integer, currency text, due_on date, statement_on date, due_minor bigint,
    balance_minor bigint, principal_minor bigint, interest_minor bigint, fee_minor bigint,
    lane smallint, borrower_id uuid, fresh boolean);
CREATE TEMP TABLE IF NOT EXISTS stage_payment (
    row_no bigint, loan_id uuid, payment_id uuid, currency text, source text, reference text,
    amount_minor bigint, paid_on date, lane smallint, fresh boolean);
CREATE TEMP TABLE IF NOT EXISTS stage_record (
    row_no bigint, kind smallint, record_id uuid, digest uuid);
CREATE TEMP TABLE IF NOT EXISTS stage_bad (row_no bigint, code text, PRIMARY KEY (row_no, code));
CREATE TEMP TABLE IF NOT EXISTS stage_key (
    key_hash bytea PRIMARY KEY, lane smallint, borrower_id uuid, own_id uuid, is_new boolean);
CREATE TEMP TABLE IF NOT EXISTS stage_loan_at (
    loan_id uuid PRIMARY KEY, lane smallint, borrower_id uuid, currency text, is_new boolean);
CREATE TEMP TABLE IF NOT EXISTS stage_dropped (lane smallint, loan_id uuid, number integer);
CREATE TEMP TABLE IF NOT EXISTS stage_touched (lane smallint, loan_id uuid, PRIMARY KEY (lane, loan_id));
CREATE TEMP TABLE IF NOT EXISTS stage_mark (
    lane smallint, loan_id uuid, number integer, payment_id uuid, paid_on date, own_seq bigint,
    share numeric, due_seq bigint, pay_seq bigint);
CREATE TEMP TABLE IF NOT EXISTS seen (record_id uuid PRIMARY KEY, row_no bigint, digest uuid);
CREATE TEMP TABLE IF NOT EXISTS pending_key (
    kind text, key_hash bytea, lane smallint, borrower_id uuid, PRIMARY KEY (kind, key_hash));
CREATE TEMP TABLE IF NOT EXISTS pending_loan (
    loan_id uuid PRIMARY KEY, lane smallint, borrower_id uuid, currency text);
CREATE TEMP TABLE IF NOT EXISTS stage_allocation (
    lane smallint, loan_id uuid, number integer, payment_id uuid, amount_minor bigint, paid_on date);

-- name: copy_borrowers
COPY stage_borrower (row_no, key_hash, own_id, borrower_key, name_sealed, id_number_sealed, id_number_index, language,
                     region, zone, grade, attributes, row_digest) FROM STDIN;

-- name: copy_contact_points
COPY stage_contact_point (row_no, key_hash, own_id, contact_point_id, channel, rank, address_sealed, address_index)
FROM STDIN;

-- name: copy_loans
COPY stage_loan (row_no, key_hash, loan_id, loan_ref, creditor, product, rate_type, method, currency, principal_minor,
                 annual_rate, started_on, autopay, state, attributes, row_digest, whole_schedule) FROM STDIN;

-- name: copy_installments
COPY stage_installment (row_no, loan_id, number, currency, due_on, statement_on, due_minor, balance_minor,
                        principal_minor, interest_minor, fee_minor) FROM STDIN;

-- name: copy_payments
COPY stage_payment (row_no, loan_id, payment_id, currency, source, reference, amount_minor, paid_on) FROM STDIN;

-- name: copy_records
COPY stage_record (row_no, kind, record_id, digest) FROM STDIN;

-- name: clear_staging
TRUNCATE stage_borrower, stage_contact_point, stage_loan, stage_installment, stage_payment, stage_record,
    stage_bad, stage_key, stage_loan_at, stage_dropped, stage_touched, stage_mark,
    stage_allocation;

-- name: forget_seen
-- Begin a new file.
TRUNCATE seen;

-- name: forget_pending
-- Begin a new check, of one file or of all files of a delivery.
TRUNCATE pending_key, pending_loan;

-- name: analyze_staging
-- Temporary tables have no statistics of their own accord, and a plan for one row is wrong for ten thousand.
ANALYZE stage_borrower, stage_contact_point, stage_loan, stage_installment, stage_payment, stage_record;

-- name: lock_book
-- One writer of loans and payments at a time: two batches that pay the same loan would each miss the other's
-- payment when they allocate. Readers, and the workers that own lanes, are not held up.
LOCK TABLE book_import IN SHARE ROW EXCLUSIVE MODE;

-- name: plan_for_batches
-- For this transaction: look a batch up in the big tables by their keys instead of reading them through, however
-- many rows they have, and sort it in memory.
SELECT set_config('random_page_cost', '1.1', true), set_config('work_mem', '64MB', true), set_config('jit', 'off', true);

-- name: check_repeated
-- A key that comes twice in a file. Unlike content is a conflict (B031); like content is a duplicate (B030) for
-- installments and payments, where two real ones may have lost what told them apart, and harmless for the others.
INSERT INTO stage_bad (row_no, code)
SELECT r.row_no, CASE WHEN r.digest <> r.first_digest THEN 'B031' ELSE 'B030' END
FROM (
    SELECT s.row_no, s.kind, s.digest,
           coalesce(n.digest, first_value(s.digest) OVER in_file) AS first_digest,
           n.record_id IS NOT NULL OR row_number() OVER in_file > 1 AS again
    FROM stage_record s LEFT JOIN seen n USING (record_id)
    WINDOW in_file AS (PARTITION BY s.record_id ORDER BY s.row_no)
) AS r
WHERE r.again AND (r.digest <> r.first_digest OR r.kind >= 4)
ON CONFLICT DO NOTHING;

-- name: find_keys
-- What the directory, or this check, already knows of the batch's customer keys.
INSERT INTO stage_key (key_hash, lane, borrower_id, own_id, is_new)
SELECT DISTINCT ON (k.key_hash) k.key_hash, coalesce(d.lane, p.lane), coalesce(d.borrower_id, p.borrower_id),
       NULL::uuid, false
FROM (SELECT key_hash FROM stage_borrower UNION SELECT key_hash FROM stage_contact_point
      UNION SELECT key_hash FROM stage_loan) AS k
LEFT JOIN borrower_key d ON d.key_lane = get_byte(k.key_hash, 0) AND d.kind = 'customer' AND d.key_hash = k.key_hash
LEFT JOIN pending_key p ON p.kind = 'customer' AND p.key_hash = k.key_hash
WHERE d.key_hash IS NOT NULL OR p.key_hash IS NOT NULL;

-- name: leave_known_borrowers
-- For if_known = "keep": a borrower whom the book or this check has already stays as they are there.
DELETE FROM stage_borrower s USING stage_key k WHERE k.key_hash = s.key_hash;

-- name: find_loans
-- Where the loans that the batch speaks of already are.
INSERT INTO stage_loan_at (loan_id, lane, borrower_id, currency, is_new)
SELECT k.loan_id, coalesce(l.lane, p.lane), coalesce(l.borrower_id, p.borrower_id), coalesce(l.currency, p.currency),
       false
FROM (SELECT loan_id FROM stage_loan UNION SELECT loan_id FROM stage_installment
      UNION SELECT loan_id FROM stage_payment) AS k
LEFT JOIN loan l ON l.loan_id = k.loan_id
LEFT JOIN pending_loan p ON p.loan_id = k.loan_id
WHERE l.loan_id IS NOT NULL OR p.loan_id IS NOT NULL;

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
FROM (SELECT row_no, loan_id, currency FROM stage_installment
      UNION ALL SELECT row_no, loan_id, currency FROM stage_payment
      UNION ALL SELECT row_no, loan_id, currency FROM stage_loan) AS o
LEFT JOIN (SELECT DISTINCT ON (t.loan_id) t.loan_id, t.currency
           FROM (SELECT loan_id, currency, 0 AS place FROM stage_loan_at
                 UNION ALL SELECT loan_id, currency, 1 FROM stage_loan) AS t
           ORDER BY t.loan_id, t.place) AS t USING (loan_id)
WHERE t.currency IS DISTINCT FROM o.currency
ON CONFLICT DO NOTHING;

-- name: check_zones
-- Zones that this database does not know (B021), though Python does.
INSERT INTO stage_bad (row_no, code)
SELECT b.row_no, 'B021' FROM stage_borrower b
WHERE b.zone <> ALL (%(known)s::text[])
ON CONFLICT DO NOTHING;

-- name: known_zones
SELECT array_agg(name) FROM pg_timezone_names;

-- name: drop_bad
-- Take every record of a refused row out of the batch. Answers how many records went.
WITH b AS (DELETE FROM stage_borrower s USING stage_bad x WHERE x.row_no = s.row_no RETURNING 1),
     c AS (DELETE FROM stage_contact_point s USING stage_bad x WHERE x.row_no = s.row_no RETURNING 1),
     l AS (DELETE FROM stage_loan s USING stage_bad x WHERE x.row_no = s.row_no RETURNING 1),
     i AS (DELETE FROM stage_installment s USING stage_bad x WHERE x.row_no = s.row_no RETURNING 1),
     p AS (DELETE FROM stage_payment s USING stage_bad x WHERE x.row_no = s.row_no RETURNING 1),
     r AS (DELETE FROM stage_record s USING stage_bad x WHERE x.row_no = s.row_no RETURNING 1)
SELECT (SELECT count(*) FROM b) + (SELECT count(*) FROM c) + (SELECT count(*) FROM l)
     + (SELECT count(*) FROM i) + (SELECT count(*) FROM p) + (SELECT count(*) FROM r);

-- name: bad_rows
SELECT row_no, code FROM stage_bad ORDER BY row_no, code;

-- name: remember_seen
INSERT INTO seen (record_id, row_no, digest)
SELECT DISTINCT ON (record_id) record_id, row_no, digest FROM stage_record ORDER BY record_id, row_no
ON CONFLICT DO NOTHING;

-- name: drop_repeated
-- Harmless repetitions of a borrower, contact point or loan within the batch: the first row speaks.
WITH b AS (DELETE FROM stage_borrower s USING stage_borrower f
           WHERE f.key_hash = s.key_hash AND (f.row_no, f.ctid) < (s.row_no, s.ctid) RETURNING 1),
     c AS (DELETE FROM stage_contact_point s USING stage_contact_point f
           WHERE f.key_hash = s.key_hash AND f.channel = s.channel AND f.address_index = s.address_index
             AND (f.row_no, f.ctid) < (s.row_no, s.ctid) RETURNING 1),
     l AS (DELETE FROM stage_loan s USING stage_loan f
           WHERE f.loan_id = s.loan_id AND (f.row_no, f.ctid) < (s.row_no, s.ctid) RETURNING 1)
SELECT (SELECT count(*) FROM b), (SELECT count(*) FROM c), (SELECT count(*) FROM l);

-- name: assign_lanes
-- Lane and borrower of each new key, once and for all. The same ID number joins the lane it already has, in the
-- directory, in this batch through a known key, or through the batch's first row with it; else the lane is the
-- first byte of the key's hash. share_person: it also joins the person.
INSERT INTO stage_key (key_hash, lane, borrower_id, own_id, is_new)
WITH fresh AS (
    SELECT s.key_hash, get_byte(s.key_hash, 0)::smallint AS lane, s.own_id, s.id_number_index, s.row_no
    FROM stage_borrower s WHERE NOT EXISTS (SELECT 1 FROM stage_key k WHERE k.key_hash = s.key_hash)
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
       CASE WHEN %(share_person)s THEN coalesce(h.borrower_id, f.own_id) ELSE f.own_id END, f.own_id, true
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

-- name: place_payments
UPDATE stage_payment s SET lane = a.lane, fresh = a.is_new FROM stage_loan_at a WHERE a.loan_id = s.loan_id;

-- name: analyze_placed
-- Before this the statistics say that every lane is null, and each join below would be planned for no row at all.
ANALYZE stage_borrower (lane), stage_contact_point (lane), stage_loan (lane), stage_installment (lane),
    stage_payment (lane);

-- name: keep_pending
-- A check writes nothing to the book, but later rows of the file may speak of what it would have written.
WITH keys AS (
    INSERT INTO pending_key (kind, key_hash, lane, borrower_id)
    SELECT 'customer', key_hash, lane, borrower_id FROM stage_key WHERE is_new
    UNION ALL
    SELECT DISTINCT ON (s.id_number_index) 'id-number', s.id_number_index, s.lane, s.borrower_id
    FROM stage_borrower s WHERE s.id_number_index IS NOT NULL
    ON CONFLICT DO NOTHING
)
INSERT INTO pending_loan (loan_id, lane, borrower_id, currency)
SELECT loan_id, lane, borrower_id, currency FROM stage_loan_at WHERE is_new ON CONFLICT DO NOTHING;

-- name: write_customer_keys
-- Writes: borrower_key.
INSERT INTO borrower_key (key_lane, kind, key_hash, lane, borrower_id)
SELECT get_byte(key_hash, 0), 'customer', key_hash, lane, borrower_id FROM stage_key WHERE is_new
ON CONFLICT DO NOTHING;

-- name: write_id_number_keys
-- The first borrower with an ID number keeps it in the directory. Writes: borrower_key.
INSERT INTO borrower_key (key_lane, kind, key_hash, lane, borrower_id)
SELECT DISTINCT ON (id_number_index) get_byte(id_number_index, 0), 'id-number', id_number_index, lane, borrower_id
FROM stage_borrower WHERE id_number_index IS NOT NULL ORDER BY id_number_index, row_no
ON CONFLICT DO NOTHING;

-- name: skip_other_keys
-- A person is written by the key that first named them; another key of the same person brings only its loans.
WITH c AS (DELETE FROM stage_contact_point WHERE borrower_id <> own_id RETURNING 1)
DELETE FROM stage_borrower WHERE borrower_id <> own_id;

-- name: skip_same_borrowers
DELETE FROM stage_borrower s USING borrower b
WHERE NOT s.fresh AND b.lane = s.lane AND b.borrower_id = s.borrower_id AND b.row_digest = s.row_digest;

-- name: keep_old_borrowers
-- Writes: book_history.
INSERT INTO book_history (lane, subject, subject_id, recorded_at, was)
SELECT b.lane, 'borrower', b.borrower_id::text, %(recorded_at)s, to_jsonb(b)
FROM borrower b JOIN stage_borrower s ON s.lane = b.lane AND s.borrower_id = b.borrower_id WHERE NOT s.fresh;

-- name: write_borrowers
-- Writes: borrower.
INSERT INTO borrower (lane, borrower_id, borrower_key, name_sealed, id_number_sealed, id_number_index, language,
                      region, zone, grade, attributes, row_digest, effective_at, recorded_at)
SELECT lane, borrower_id, borrower_key, name_sealed, id_number_sealed, id_number_index, language,
       region, zone, grade, attributes, row_digest, %(now)s, %(recorded_at)s
FROM stage_borrower
ON CONFLICT (lane, borrower_id) DO UPDATE SET
    name_sealed = EXCLUDED.name_sealed, id_number_sealed = EXCLUDED.id_number_sealed,
    id_number_index = EXCLUDED.id_number_index, language = EXCLUDED.language, region = EXCLUDED.region,
    zone = EXCLUDED.zone, grade = EXCLUDED.grade, attributes = EXCLUDED.attributes,
    row_digest = EXCLUDED.row_digest, effective_at = EXCLUDED.effective_at, recorded_at = EXCLUDED.recorded_at;

-- name: skip_same_contact_points
-- Known and in force, or retired for a reason of ours: a dead number does not come back with the next delivery.
DELETE FROM stage_contact_point s USING contact_point c
WHERE NOT s.fresh AND c.lane = s.lane AND c.contact_point_id = s.contact_point_id
  AND (c.state = 'active' AND c.rank = s.rank OR c.state = 'retired' AND c.retired_reason <> 'replaced');

-- name: keep_old_contact_points
-- Those that change, and those that lose their place to another address. Writes: book_history.
INSERT INTO book_history (lane, subject, subject_id, recorded_at, was)
SELECT DISTINCT ON (c.lane, c.contact_point_id)
       c.lane, 'contact_point', c.contact_point_id::text, %(recorded_at)s::timestamptz, to_jsonb(c)
FROM stage_contact_point s
JOIN contact_point c ON c.lane = s.lane AND c.borrower_id = s.borrower_id AND c.channel = s.channel
WHERE NOT s.fresh AND (s.contact_point_id = c.contact_point_id OR s.rank = c.rank AND c.state = 'active')
ORDER BY c.lane, c.contact_point_id;

-- name: retire_replaced
-- Another address now stands at this rank. Writes: contact_point.
UPDATE contact_point c
SET state = 'retired', retired_reason = 'replaced', effective_at = %(now)s, recorded_at = %(recorded_at)s
FROM stage_contact_point s
WHERE NOT s.fresh AND s.lane = c.lane AND s.borrower_id = c.borrower_id AND s.channel = c.channel AND s.rank = c.rank
  AND c.state = 'active' AND s.contact_point_id <> c.contact_point_id;

-- name: write_contact_points
-- Writes: contact_point.
INSERT INTO contact_point (lane, borrower_id, contact_point_id, channel, rank, address_sealed, address_index,
                           effective_at, recorded_at)
SELECT lane, borrower_id, contact_point_id, channel, rank, address_sealed, address_index, %(now)s, %(recorded_at)s
FROM stage_contact_point
ON CONFLICT (lane, contact_point_id) DO UPDATE SET
    rank = EXCLUDED.rank, state = 'active', retired_reason = NULL,
    effective_at = EXCLUDED.effective_at, recorded_at = EXCLUDED.recorded_at;

-- name: skip_same_loans
DELETE FROM stage_loan s USING loan l
WHERE NOT s.fresh AND l.lane = s.lane AND l.loan_id = s.loan_id AND l.row_digest = s.row_digest;

-- name: keep_old_loans
-- Writes: book_history.
INSERT INTO book_history (lane, subject, subject_id, recorded_at, was)
SELECT l.lane, 'loan', l.loan_id::text, %(recorded_at)s, to_jsonb(l)
FROM loan l JOIN stage_loan s ON s.lane = l.lane AND s.loan_id = l.loan_id WHERE NOT s.fresh;

-- name: write_loans
-- Writes: loan.
INSERT INTO loan (lane, loan_id, borrower_id, loan_ref, creditor, product, rate_type, method, currency,
                  principal_minor, annual_rate, started_on, autopay, state, attributes, row_digest,
                  effective_at, recorded_at)
SELECT lane, loan_id, borrower_id, loan_ref, creditor, product, rate_type, method, currency,
       principal_minor, annual_rate, started_on, autopay, state, attributes, row_digest, %(now)s, %(recorded_at)s
FROM stage_loan
ON CONFLICT (lane, loan_id) DO UPDATE SET
    product = EXCLUDED.product, rate_type = EXCLUDED.rate_type, method = EXCLUDED.method,
    principal_minor = EXCLUDED.principal_minor, annual_rate = EXCLUDED.annual_rate,
    started_on = EXCLUDED.started_on, autopay = EXCLUDED.autopay, state = EXCLUDED.state,
    attributes = EXCLUDED.attributes, row_digest = EXCLUDED.row_digest,
    effective_at = EXCLUDED.effective_at, recorded_at = EXCLUDED.recorded_at;

-- name: find_dropped_installments
-- Changed terms make a new schedule; what it no longer has goes, with history.
INSERT INTO stage_dropped (lane, loan_id, number)
SELECT i.lane, i.loan_id, i.number
FROM stage_loan l JOIN installment i ON i.lane = l.lane AND i.loan_id = l.loan_id
WHERE l.whole_schedule AND NOT l.fresh
  AND NOT EXISTS (SELECT 1 FROM stage_installment s WHERE s.loan_id = i.loan_id AND s.number = i.number);

-- name: drop_installments
-- Writes: installment.
DELETE FROM installment i USING stage_dropped d
WHERE d.lane = i.lane AND d.loan_id = i.loan_id AND d.number = i.number;

-- name: skip_same_installments
DELETE FROM stage_installment s USING installment i
WHERE NOT s.fresh AND i.lane = s.lane AND i.loan_id = s.loan_id AND i.number = s.number
  AND (i.due_on, i.statement_on, i.due_minor, i.balance_minor, i.principal_minor, i.interest_minor, i.fee_minor)
      IS NOT DISTINCT FROM
      (s.due_on, s.statement_on, s.due_minor, s.balance_minor, s.principal_minor, s.interest_minor, s.fee_minor);

-- name: keep_old_installments
-- Changed ones and dropped ones. Writes: book_history.
INSERT INTO book_history (lane, subject, subject_id, recorded_at, was)
SELECT i.lane, 'installment', i.loan_id::text || '/' || i.number, %(recorded_at)s, to_jsonb(i)
FROM installment i
JOIN (SELECT lane, loan_id, number FROM stage_installment WHERE NOT fresh UNION SELECT lane, loan_id, number FROM stage_dropped) AS s
  ON s.lane = i.lane AND s.loan_id = i.loan_id AND s.number = i.number;

-- name: write_installments
-- Grace that was frozen stays. Writes: installment.
INSERT INTO installment (lane, loan_id, number, borrower_id, due_on, statement_on, due_minor, balance_minor,
                         principal_minor, interest_minor, fee_minor, effective_at, recorded_at)
SELECT lane, loan_id, number, borrower_id, due_on, statement_on, due_minor, balance_minor,
       principal_minor, interest_minor, fee_minor, %(now)s, %(recorded_at)s
FROM stage_installment
ON CONFLICT (lane, loan_id, number) DO UPDATE SET
    due_on = EXCLUDED.due_on, statement_on = EXCLUDED.statement_on, due_minor = EXCLUDED.due_minor,
    balance_minor = EXCLUDED.balance_minor, principal_minor = EXCLUDED.principal_minor,
    interest_minor = EXCLUDED.interest_minor, fee_minor = EXCLUDED.fee_minor,
    effective_at = EXCLUDED.effective_at, recorded_at = EXCLUDED.recorded_at;

-- name: skip_same_payments
DELETE FROM stage_payment s USING payment p
WHERE NOT s.fresh AND p.lane = s.lane AND p.payment_id = s.payment_id
  AND p.amount_minor = s.amount_minor AND p.paid_on = s.paid_on;

-- name: keep_old_payments
-- Writes: book_history.
INSERT INTO book_history (lane, subject, subject_id, recorded_at, was)
SELECT p.lane, 'payment', p.payment_id::text, %(recorded_at)s, to_jsonb(p)
FROM payment p JOIN stage_payment s ON s.lane = p.lane AND s.payment_id = p.payment_id WHERE NOT s.fresh;

-- name: write_payments
-- Writes: payment.
INSERT INTO payment (lane, loan_id, payment_id, source, reference, amount_minor, paid_on, effective_at, recorded_at)
SELECT lane, loan_id, payment_id, source, reference, amount_minor, paid_on, %(now)s, %(recorded_at)s
FROM stage_payment
ON CONFLICT (lane, payment_id) DO UPDATE SET
    amount_minor = EXCLUDED.amount_minor, paid_on = EXCLUDED.paid_on,
    effective_at = EXCLUDED.effective_at, recorded_at = EXCLUDED.recorded_at;
