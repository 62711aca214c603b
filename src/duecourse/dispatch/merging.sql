-- Two records of one person become one: what was planned, said and owed under one lane and borrower_id goes under another.
-- Used in both directions: a merge relocates from the other record to the kept one, its undo back again.
-- from_lane, from_id; to_lane, to_id: the two records. lanes: smallint[] where the first has rows.

-- name: create_merging
-- For this session. merge_message: where each message that moves or changes its person goes. to_group: the message of
-- the same day that it joins. shift: added to its supplement where that place is taken.
CREATE TEMP TABLE IF NOT EXISTS merge_loan (loan_id uuid PRIMARY KEY);
CREATE TEMP TABLE IF NOT EXISTS merge_message (
    lane smallint, message_id uuid, group_id uuid, untried boolean, to_lane smallint, to_id uuid, to_bundle text,
    to_group uuid, shift smallint, PRIMARY KEY (lane, message_id));
CREATE TEMP TABLE IF NOT EXISTS merge_attempt (lane smallint, attempt_id uuid, to_lane smallint, PRIMARY KEY (lane, attempt_id));

-- name: clear_merging
-- Begin anew.
TRUNCATE merge_loan, merge_message, merge_attempt;

-- name: lock_planning
-- Planners wait: each begins by writing this table.
LOCK TABLE planned_through IN SHARE ROW EXCLUSIVE MODE;

-- name: lock_planned
-- The same of one lane, where a planner writes the rows of a shard. lane: smallint.
SELECT lane FROM planned_through WHERE lane = %(lane)s ORDER BY policy FOR UPDATE;

-- name: lock_leases
-- Whoever holds these lanes finishes the transaction it is in and waits. lanes: smallint[]. Lanes: of one shard.
SELECT lane FROM lane_lease WHERE lane = ANY(%(lanes)s::smallint[]) ORDER BY lane, epoch FOR UPDATE;

-- name: lock_wishes
-- What is said of a person right now must not fall between the copy and the tombstone. {tables}: of what hangs on a person.
LOCK TABLE {tables} IN SHARE ROW EXCLUSIVE MODE;

-- name: rows_of_both
-- For the working copy, as all up to find_own_loans: both records, and who counts with them. ids: uuid[]; all_lanes: where
-- the two have rows.
SELECT b.* FROM borrower b
WHERE b.lane = ANY(%(all_lanes)s::smallint[]) AND b.borrower_id = ANY(%(ids)s::uuid[]) OR b.person_id = ANY(%(ids)s::uuid[]);

-- name: keys_of_both
-- ids.
SELECT d.* FROM borrower_key d WHERE d.borrower_id = ANY(%(ids)s::uuid[]);

-- name: merges_of_both
-- ids.
SELECT m.* FROM borrower_merge m WHERE m.kept_id = ANY(%(ids)s::uuid[]);

-- name: loans_of_both
-- ids; all_lanes.
SELECT l.* FROM loan l WHERE l.lane = ANY(%(all_lanes)s::smallint[]) AND l.borrower_id = ANY(%(ids)s::uuid[]);

-- name: roles_of_both
-- ids; all_lanes.
SELECT p.* FROM loan_party p WHERE p.lane = ANY(%(all_lanes)s::smallint[]) AND p.borrower_id = ANY(%(ids)s::uuid[]);

-- name: contacts_of_lanes
-- all_lanes.
SELECT c.* FROM company_contact c WHERE c.lane = ANY(%(all_lanes)s::smallint[]);

-- name: scope_both
-- The two, whoever answers for the same loans, and through whom companies are reached, in each of the lanes. ids; all_lanes.
INSERT INTO scope_person (lane, borrower_id)
SELECT g.lane, p.borrower_id FROM unnest(%(all_lanes)s::smallint[]) AS g (lane)
CROSS JOIN (SELECT unnest(%(ids)s::uuid[]) AS borrower_id UNION SELECT borrower_id FROM loan_party
            UNION SELECT borrower_id FROM company_contact UNION SELECT company_id FROM company_contact) AS p
ON CONFLICT DO NOTHING;

-- name: scope_groups
-- Messages by what they speak of, those of one group together.
INSERT INTO scope_group (lane, group_id)
SELECT lane, group_id FROM message_item UNION SELECT lane, group_id FROM message ON CONFLICT DO NOTHING;

-- name: messages_of_groups
-- Of scope_group.
SELECT m.* FROM message m JOIN (SELECT lane, group_id FROM scope_group OFFSET 0) AS s USING (lane, group_id);

-- name: items_of_groups
-- Of scope_group.
SELECT x.* FROM message_item x JOIN (SELECT lane, group_id FROM scope_group OFFSET 0) AS s USING (lane, group_id);

-- name: scope_messages
-- Messages and attempts, whose histories go along.
INSERT INTO scope_message (lane, message_id) SELECT lane, message_id FROM message ON CONFLICT DO NOTHING;

-- name: scope_attempts
-- As scope_messages.
INSERT INTO scope_message (lane, message_id) SELECT lane, attempt_id FROM attempt ON CONFLICT DO NOTHING;

-- name: attempts_of_messages
-- Of scope_message.
SELECT a.* FROM attempt a JOIN (SELECT lane, message_id FROM scope_message OFFSET 0) AS s USING (lane, message_id);

-- name: canaries_of_messages
-- Of scope_message.
SELECT c.* FROM batch_canary c JOIN (SELECT lane, message_id FROM scope_message OFFSET 0) AS s USING (lane, message_id);

-- name: histories_of_messages
-- Of scope_message.
SELECT h.* FROM history h
JOIN (SELECT lane, message_id FROM scope_message OFFSET 0) AS s ON s.lane = h.lane AND s.message_id = h.subject_id;

-- name: scope_told_loans
-- Loans of others that these people were told of.
INSERT INTO scope_loan (lane, loan_id) SELECT lane, loan_id FROM contact UNION SELECT lane, loan_id FROM message_item
ON CONFLICT DO NOTHING;

-- name: scope_said
-- Loans and payments, by which the book remembers them.
INSERT INTO scope_said (lane, subject_id)
SELECT lane, loan_id::text FROM loan UNION SELECT lane, payment_id::text FROM payment ON CONFLICT DO NOTHING;

-- name: said_of_loans
-- What the book remembers of the loans.
SELECT h.* FROM book_history h JOIN (SELECT lane, subject_id FROM scope_said OFFSET 0) AS s
  ON s.lane = h.lane AND s.subject_id = split_part(h.subject_id, '/', 1)
WHERE h.subject IN ('loan', 'installment', 'loan_party', 'payment');

-- name: create_merge_scope
-- Beside scope_person and scope_loan of a working copy.
CREATE TEMP TABLE IF NOT EXISTS scope_group (lane smallint, group_id uuid, PRIMARY KEY (lane, group_id));
CREATE TEMP TABLE IF NOT EXISTS scope_message (lane smallint, message_id uuid, PRIMARY KEY (lane, message_id));
CREATE TEMP TABLE IF NOT EXISTS scope_said (lane smallint, subject_id text, PRIMARY KEY (lane, subject_id));
TRUNCATE scope_group, scope_message, scope_said;

-- name: find_own_loans
-- All loans of the first record.
-- Runs: in a working copy.
INSERT INTO merge_loan (loan_id)
SELECT loan_id FROM loan WHERE lane = %(from_lane)s AND borrower_id = %(from_id)s;

-- name: find_messages
-- Every message to the first record, and every message to anybody about its loans. What speaks of these loans moves
-- with them; what speaks of others' loans (as a guarantor, say) stays in their lane. policies.
-- Runs: in a working copy.
INSERT INTO merge_message (lane, message_id, group_id, untried, to_lane, to_id, to_bundle, shift)
SELECT m.lane, m.message_id, m.group_id,
       NOT EXISTS (SELECT 1 FROM message o WHERE o.lane = m.lane AND o.group_id = m.group_id
                                             AND (o.state <> 'planned' OR o.tries > 0)),
       CASE WHEN m.lane = %(from_lane)s AND (g.group_id IS NOT NULL OR m.party = 'borrower' AND NOT EXISTS (
                     SELECT 1 FROM message_item x WHERE x.lane = m.lane AND x.group_id = m.group_id
                        AND x.loan_id <> '00000000-0000-0000-0000-000000000000'))
            THEN %(to_lane)s ELSE m.lane END,
       CASE WHEN m.borrower_id = %(from_id)s THEN %(to_id)s::uuid ELSE m.borrower_id END,
       replace(m.bundle, %(from_id)s::uuid::text, %(to_id)s::uuid::text), 0
FROM message m
LEFT JOIN (SELECT DISTINCT x.group_id FROM merge_loan l
           JOIN message_item x ON x.lane = %(from_lane)s AND x.loan_id = l.loan_id) AS g
       ON m.lane = %(from_lane)s AND g.group_id = m.group_id
WHERE m.lane = ANY(%(lanes)s::smallint[]) AND (m.borrower_id = %(from_id)s AND %(whole)s::boolean OR g.group_id IS NOT NULL);

-- name: find_attempts
-- The attempts of the messages that move.
-- Runs: in a working copy.
INSERT INTO merge_attempt (lane, attempt_id, to_lane)
SELECT a.lane, a.attempt_id, w.to_lane FROM merge_message w
JOIN attempt a ON a.lane = w.lane AND a.message_id = w.message_id;

-- name: under_way
-- A message of either that somebody is handing over, or whose answer is open: when it ends. kept_lanes, kept_id.
-- Runs: in a working copy.
SELECT min(coalesce(m.next_at, m.useful_until))
FROM message m
LEFT JOIN merge_message w ON w.lane = m.lane AND w.message_id = m.message_id
WHERE m.state = 'in_flight'
  AND (w.message_id IS NOT NULL OR m.lane = ANY(%(kept_lanes)s::smallint[]) AND m.borrower_id = %(to_id)s);

-- name: claimed
-- Attempts between their writing and their answer. kept_lanes, to_id.
-- Runs: in a working copy.
SELECT count(*) FROM attempt a
LEFT JOIN merge_attempt w ON w.lane = a.lane AND w.attempt_id = a.attempt_id
WHERE a.state = 'claimed'
  AND (w.attempt_id IS NOT NULL OR a.lane = ANY(%(kept_lanes)s::smallint[]) AND a.borrower_id = %(to_id)s);

-- name: mixed_groups
-- Messages that speak of these loans and of others: they cannot be parted. from_lane.
-- Runs: in a working copy.
SELECT count(DISTINCT x.group_id) FROM merge_message w
JOIN message_item x ON x.lane = w.lane AND x.group_id = w.group_id
WHERE NOT EXISTS (SELECT 1 FROM merge_loan l WHERE l.loan_id = x.loan_id);

-- name: shift_messages
-- Whose place is taken gets the next free supplement. Writes: nothing of the book.
-- Runs: in a working copy.
UPDATE merge_message w SET shift = taken.last + 1
FROM (
    SELECT m.lane, m.message_id, max(k.supplement) AS last
    FROM merge_message w
    JOIN message m ON m.lane = w.lane AND m.message_id = w.message_id
    JOIN message k ON k.lane = w.to_lane AND k.borrower_id = w.to_id AND k.purpose = m.purpose
                  AND k.creditor = m.creditor AND k.currency = m.currency AND k.bundle = w.to_bundle
                  AND k.local_on = m.local_on
    WHERE NOT EXISTS (SELECT 1 FROM merge_message z WHERE z.lane = k.lane AND z.message_id = k.message_id)
    GROUP BY m.lane, m.message_id
) AS taken
WHERE taken.lane = w.lane AND taken.message_id = w.message_id;

-- name: join_messages
-- What nobody has claimed joins the unclaimed message of the same day, as planning would have planned it. now.
-- Runs: in a working copy.
UPDATE merge_message w SET to_group = joined.group_id
FROM (
    SELECT DISTINCT ON (w.lane, w.group_id) w.lane, w.group_id AS from_group, k.group_id
    FROM merge_message w
    JOIN message m ON m.lane = w.lane AND m.message_id = w.message_id
    JOIN message k ON k.lane = w.to_lane AND k.borrower_id = w.to_id AND k.purpose = m.purpose
                  AND k.creditor = m.creditor AND k.currency = m.currency AND k.bundle = w.to_bundle
                  AND k.local_on = m.local_on AND k.supplement = w.shift - 1 AND k.useful_until > %(now)s
    WHERE w.shift > 0 AND w.untried
      AND NOT EXISTS (SELECT 1 FROM merge_message z WHERE z.lane = k.lane AND z.message_id = k.message_id)
      AND NOT EXISTS (SELECT 1 FROM message o WHERE o.lane = k.lane AND o.group_id = k.group_id
                                                AND (o.state <> 'planned' OR o.tries > 0))
    ORDER BY w.lane, w.group_id, k.group_id
) AS joined
WHERE joined.lane = w.lane AND joined.from_group = w.group_id;

-- name: drop_ended_roles
-- Nobody is told as a guarantor of what they owe themselves: the two records' parts on each other's loans are over.
-- Writes: message_item.
-- Runs: in a working copy.
DELETE FROM message_item x USING merge_message w, message m
WHERE w.untried AND w.to_id = %(to_id)s AND m.lane = w.lane AND m.message_id = w.message_id AND m.party <> 'borrower'
  AND x.lane = w.lane AND x.group_id = w.group_id AND %(whole)s::boolean
  AND EXISTS (SELECT 1 FROM loan l WHERE l.lane = x.lane AND l.loan_id = x.loan_id
                                     AND l.borrower_id IN (%(from_id)s, %(to_id)s));

-- name: drop_told_items
-- The person kept is told of these debts already. Writes: message_item.
-- Runs: in a working copy.
DELETE FROM message_item x USING merge_message w
WHERE w.untried AND x.lane = w.lane AND x.group_id = w.group_id AND x.borrower_id = %(from_id)s
  AND EXISTS (SELECT 1 FROM message_item k
              WHERE k.lane = x.lane AND k.loan_id = x.loan_id AND k.number = x.number AND k.policy = x.policy
                AND k.step = x.step AND k.anchor_on = x.anchor_on AND k.event_id = x.event_id AND k.borrower_id = %(to_id)s);

-- name: empty_messages
-- Those that have nothing left to say are withdrawn like those that join another.
-- Runs: in a working copy.
UPDATE merge_message w SET to_group = w.group_id
WHERE w.untried AND w.to_group IS NULL AND w.to_id = %(to_id)s
  AND NOT EXISTS (SELECT 1 FROM message_item x WHERE x.lane = w.lane AND x.group_id = w.group_id);

-- name: withdraw_messages
-- Gone into another message of the same person. reason; now. Writes: message, history.
-- Runs: in a working copy.
WITH gone AS (
    DELETE FROM message m USING merge_message w
    WHERE w.to_group IS NOT NULL AND m.lane = w.lane AND m.message_id = w.message_id
    RETURNING m.lane, m.message_id, m.version
)
INSERT INTO history (lane, subject_id, version, subject, state, reason, at)
SELECT lane, message_id, version + 1, 'message', 'withdrawn', %(reason)s, %(now)s FROM gone;

-- name: note_roles
-- Roles that cannot go on: the same role twice on one loan, or beside the own loan; into history first. now.
-- Writes: book_history, loan_party.
-- Runs: in a working copy.
WITH gone AS (
    DELETE FROM loan_party p
    WHERE p.lane = ANY(%(all_lanes)s::smallint[]) AND p.borrower_id IN (%(from_id)s, %(to_id)s)
      AND (EXISTS (SELECT 1 FROM loan l WHERE l.lane = p.lane AND l.loan_id = p.loan_id
                                          AND l.borrower_id IN (%(from_id)s, %(to_id)s))
           OR p.borrower_id = %(from_id)s
              AND EXISTS (SELECT 1 FROM loan_party k WHERE k.lane = p.lane AND k.loan_id = p.loan_id
                                                       AND k.role = p.role AND k.borrower_id = %(to_id)s))
    RETURNING p.*
)
INSERT INTO book_history (lane, subject, subject_id, recorded_at, was)
SELECT lane, 'loan_party', loan_id::text || '/' || borrower_id || '/' || role, now(), to_jsonb(gone) FROM gone
ON CONFLICT DO NOTHING;

-- name: rename_roles
-- Writes: loan_party.
-- Runs: in a working copy.
UPDATE loan_party SET borrower_id = %(to_id)s
WHERE lane = ANY(%(lanes)s::smallint[]) AND borrower_id = %(from_id)s;

-- name: note_contacts
-- A company's contact who is there already. Writes: book_history, company_contact.
-- Runs: in a working copy.
WITH gone AS (
    DELETE FROM company_contact p
    WHERE p.lane = ANY(%(lanes)s::smallint[])
      AND (p.borrower_id = %(from_id)s
           AND EXISTS (SELECT 1 FROM company_contact k WHERE k.lane = p.lane AND k.company_id = p.company_id
                                                         AND k.borrower_id = %(to_id)s)
           OR p.company_id = %(from_id)s
              AND EXISTS (SELECT 1 FROM company_contact k WHERE k.lane = p.lane AND k.borrower_id = p.borrower_id
                                                            AND k.company_id = %(to_id)s))
    RETURNING p.*
)
INSERT INTO book_history (lane, subject, subject_id, recorded_at, was)
SELECT lane, 'company_contact', company_id::text || '/' || borrower_id, now(), to_jsonb(gone) FROM gone
ON CONFLICT DO NOTHING;

-- name: rename_contacts
-- Writes: company_contact.
-- Runs: in a working copy.
UPDATE company_contact
SET borrower_id = CASE WHEN borrower_id = %(from_id)s THEN %(to_id)s::uuid ELSE borrower_id END,
    company_id = CASE WHEN company_id = %(from_id)s THEN %(to_id)s::uuid ELSE company_id END
WHERE lane = ANY(%(lanes)s::smallint[]) AND %(from_id)s IN (borrower_id, company_id);

-- name: keep_points
-- The contact points of the first record as they were. Writes: book_history.
-- Runs: in a working copy.
INSERT INTO book_history (lane, subject, subject_id, recorded_at, was)
SELECT lane, 'contact_point', contact_point_id::text, now(), to_jsonb(c)
FROM contact_point c WHERE lane = ANY(%(lanes)s::smallint[]) AND borrower_id = %(from_id)s
ON CONFLICT DO NOTHING;

-- name: rename_points
-- They rank after those of the person kept; an address that both have is kept once. Writes: contact_point.
-- Runs: in a working copy.
UPDATE contact_point c
SET borrower_id = %(to_id)s,
    rank = least(32000, c.rank + coalesce((SELECT max(k.rank) FROM contact_point k
                                           WHERE k.lane = %(to_lane)s AND k.borrower_id = %(to_id)s
                                             AND k.channel = c.channel), 0)),
    state = CASE WHEN twice.yes THEN 'retired' ELSE c.state END,
    retired_reason = CASE WHEN twice.yes THEN 'same address after a merge' ELSE c.retired_reason END,
    effective_at = CASE WHEN twice.yes THEN %(now)s ELSE c.effective_at END,
    recorded_at = CASE WHEN twice.yes THEN now() ELSE c.recorded_at END
FROM (
    SELECT f.contact_point_id,
           bool_or(f.state = 'active' AND EXISTS (
               SELECT 1 FROM contact_point k WHERE k.lane = %(to_lane)s AND k.borrower_id = %(to_id)s
                  AND k.channel = f.channel AND k.address_index = f.address_index AND k.state = 'active')) AS yes
    FROM contact_point f WHERE f.lane = ANY(%(lanes)s::smallint[]) AND f.borrower_id = %(from_id)s
    GROUP BY f.contact_point_id
) AS twice
WHERE c.lane = ANY(%(lanes)s::smallint[]) AND c.borrower_id = %(from_id)s AND c.contact_point_id = twice.contact_point_id;

-- name: rename_wishes
-- {table}: one of what hangs on a person. Writes: consent
-- Runs: in a working copy.
UPDATE {table} SET borrower_id = %(to_id)s WHERE lane = ANY(%(lanes)s::smallint[]) AND borrower_id = %(from_id)s;

-- name: spread_wishes
-- Each row of the person has all that hangs on them. {table}, {columns}, {values}. kept_lanes. Writes: consent
-- Runs: in a working copy.
INSERT INTO {table} ({columns})
SELECT {values} FROM {table} t, unnest(%(kept_lanes)s::smallint[]) AS e (lane)
WHERE t.lane = ANY(%(kept_lanes)s::smallint[]) AND t.borrower_id = %(to_id)s
ON CONFLICT DO NOTHING;

-- name: find_presences
-- The person kept where the first record was, and every other party of the loans, with the contacts of those that are
-- companies, where the loans come to be.
-- Runs: in a working copy.
INSERT INTO stage_presence (lane, borrower_id, home_lane)
SELECT DISTINCT n.lane, n.borrower_id, n.home_lane
FROM (
    SELECT g.lane, %(to_id)s::uuid AS borrower_id, %(to_lane)s::smallint AS home_lane
    FROM unnest(%(lanes)s::smallint[]) AS g (lane)
    UNION ALL
    SELECT %(to_lane)s::smallint, b.borrower_id, coalesce(b.home_lane, b.lane)
    FROM merge_loan l
    JOIN loan_party p ON p.lane = %(from_lane)s AND p.loan_id = l.loan_id
    JOIN borrower b ON b.lane = p.lane AND b.borrower_id = p.borrower_id
    UNION ALL
    SELECT %(to_lane)s::smallint, b.borrower_id, coalesce(b.home_lane, b.lane)
    FROM company_contact c
    JOIN borrower b ON b.lane = c.lane AND b.borrower_id = c.borrower_id
    WHERE c.lane = %(from_lane)s
      AND (c.company_id = %(to_id)s
           OR c.company_id IN (SELECT p.borrower_id FROM merge_loan l
                               JOIN loan_party p ON p.lane = %(from_lane)s AND p.loan_id = l.loan_id))
) AS n
WHERE n.lane <> n.home_lane AND n.borrower_id <> %(from_id)s
  AND NOT EXISTS (SELECT 1 FROM borrower b WHERE b.lane = n.lane AND b.borrower_id = n.borrower_id);

-- name: spread_contacts
-- A company that came to the new lane is reached there through the same people. Writes: company_contact.
-- Runs: in a working copy.
INSERT INTO company_contact (lane, company_id, borrower_id, since, until, effective_at, recorded_at)
SELECT %(to_lane)s::smallint, c.company_id, c.borrower_id, c.since, c.until, c.effective_at, c.recorded_at
FROM company_contact c
JOIN borrower b ON b.lane = %(to_lane)s AND b.borrower_id = c.company_id
JOIN borrower w ON w.lane = %(to_lane)s AND w.borrower_id = c.borrower_id
WHERE c.lane = %(from_lane)s AND %(from_lane)s::smallint <> %(to_lane)s::smallint
ON CONFLICT DO NOTHING;

-- name: move_rows
-- {table}, {columns}: all of them; {values}: as they become; {source}: what says which rows; {condition}. Writes: consent
-- Runs: in a working copy.
WITH gone AS (
    DELETE FROM {table} t USING {source} WHERE {condition} RETURNING {values}
)
INSERT INTO {table} ({columns}) SELECT * FROM gone;

-- name: redirect_keys
-- Every key of the first record leads to the person kept. Answers them. Writes: borrower_key.
-- Runs: in a working copy.
UPDATE borrower_key SET lane = %(to_lane)s, borrower_id = %(to_id)s
WHERE borrower_id = %(from_id)s AND (%(keys)s::bytea[] IS NULL OR key_hash = ANY(%(keys)s::bytea[]))
RETURNING kind, key_hash;

-- name: redirect_person
-- Who counted with the first record counts with the person kept. Writes: borrower.
-- Runs: in a working copy.
UPDATE borrower SET person_id = nullif(%(to_id)s::uuid, borrower_id)
WHERE person_id = %(from_id)s;

-- name: leave_tombstone
-- Writes: borrower.
-- Runs: in a working copy.
UPDATE borrower SET merged_lane = %(to_lane)s, merged_into = %(to_id)s
WHERE lane = %(from_lane)s AND borrower_id = %(from_id)s;

-- name: keep_records
-- Both as they were. Writes: book_history.
-- Runs: in a working copy.
INSERT INTO book_history (lane, subject, subject_id, recorded_at, was)
SELECT lane, 'borrower', borrower_id::text, now(), to_jsonb(b)
FROM borrower b
WHERE (lane, borrower_id) IN ((%(to_lane)s::smallint, %(to_id)s::uuid), (%(from_lane)s::smallint, %(from_id)s::uuid))
ON CONFLICT DO NOTHING;

-- name: drop_presences
-- The copies of the first record: the person kept is there now. Writes: borrower.
-- Runs: in a working copy.
DELETE FROM borrower WHERE borrower_id = %(from_id)s AND home_lane IS NOT NULL AND lane = ANY(%(lanes)s::smallint[]);

-- name: fill_in
-- What only the other record knew. Each null leaves what is there. Who counted with it counts with the person kept.
-- Writes: borrower.
-- Runs: in a working copy.
UPDATE borrower
SET has_others = true,
    person_id = coalesce(person_id, nullif((SELECT o.person_id FROM borrower o WHERE o.lane = %(from_lane)s
                                                AND o.borrower_id = %(from_id)s), borrower_id)),
    name_sealed = coalesce(%(name)s::bytea, name_sealed),
    id_number_sealed = coalesce(%(id_number)s::bytea, id_number_sealed),
    id_number_index = coalesce(%(id_number_index)s::bytea, id_number_index)
WHERE lane = ANY(%(kept_lanes)s::smallint[]) AND borrower_id = %(to_id)s;

-- name: record_merge
-- Writes: borrower_merge.
-- Runs: in a working copy.
INSERT INTO borrower_merge (lane, merge_id, kept_id, other_lane, other_id, moved, evidence, merged_by, merged_at)
VALUES (%(to_lane)s, %(merge_id)s, %(to_id)s, %(from_lane)s, %(from_id)s, %(moved)s, %(evidence)s, %(by)s, %(now)s);

-- name: moved_points
-- The contact points of the first record, as an undo will want them back. lane.
-- Runs: in a working copy.
SELECT contact_point_id::text AS id, rank, state, retired_reason AS reason
FROM contact_point WHERE lane = %(from_lane)s AND borrower_id = %(from_id)s ORDER BY 1;

-- name: moved_wishes
-- {table}, {id}: one of what hangs on a person, and its key.
-- Runs: in a working copy.
SELECT {id}::text FROM {table} WHERE lane = %(from_lane)s AND borrower_id = %(from_id)s ORDER BY 1;

-- name: persons_of
-- Who counted with the first record.
-- Runs: in a working copy.
SELECT borrower_id::text FROM borrower WHERE person_id = %(from_id)s ORDER BY 1;

-- name: find_given_loans
-- Of the loans that were moved, those that are still where they were moved to. loans: uuid[].
-- Runs: in a working copy.
INSERT INTO merge_loan (loan_id)
SELECT loan_id FROM loan
WHERE lane = %(from_lane)s AND borrower_id = %(from_id)s AND loan_id = ANY(%(loans)s::uuid[]);

-- name: return_points
-- Back where they were; what was retired since then stays retired. points: jsonb. Writes: contact_point.
-- Runs: in a working copy.
UPDATE contact_point c
SET borrower_id = %(to_id)s, rank = r.rank,
    state = CASE WHEN c.retired_reason = 'same address after a merge' THEN r.state ELSE c.state END,
    retired_reason = CASE WHEN c.retired_reason = 'same address after a merge' THEN r.reason ELSE c.retired_reason END
FROM jsonb_to_recordset(%(points)s::jsonb) AS r (id uuid, rank smallint, state text, reason text)
WHERE c.lane = %(to_lane)s AND c.contact_point_id = r.id AND c.borrower_id = %(from_id)s;

-- name: return_wishes
-- {table}, {id}. ids: uuid[]. Writes: consent
-- Runs: in a working copy.
UPDATE {table} SET borrower_id = %(to_id)s
WHERE lane = %(to_lane)s AND borrower_id = %(from_id)s AND {id} = ANY(%(ids)s::uuid[]);

-- name: drop_copies
-- {table}, {id}. The copies in the other lanes of the person kept. ids: uuid[]. Writes: consent
-- Runs: in a working copy.
DELETE FROM {table}
WHERE lane = ANY(%(kept_lanes)s::smallint[]) AND borrower_id = %(from_id)s AND {id} = ANY(%(ids)s::uuid[]);

-- name: share_wishes
-- What was said since the merge was said by one of the two: both keep it. {table}, {id}, {columns}, {values}. ids: of
-- before the merge. Writes: consent
-- Runs: in a working copy.
INSERT INTO {table} ({columns})
SELECT {values} FROM {table} t
WHERE t.lane = %(from_lane)s AND t.borrower_id = %(from_id)s AND t.recorded_at > %(merged_at)s
ON CONFLICT DO NOTHING;

-- name: return_persons
-- Writes: borrower.
-- Runs: in a working copy.
UPDATE borrower SET person_id = nullif(%(to_id)s::uuid, borrower_id) WHERE borrower_id = ANY(%(persons)s::uuid[]);

-- name: lift_tombstone
-- Writes: borrower.
-- Runs: in a working copy.
UPDATE borrower SET merged_lane = NULL, merged_into = NULL WHERE lane = %(to_lane)s AND borrower_id = %(to_id)s;

-- name: empty_out
-- What the merge had filled in. Writes: borrower.
-- Runs: in a working copy.
UPDATE borrower
SET name_sealed = CASE WHEN %(name)s::boolean THEN NULL ELSE name_sealed END,
    id_number_sealed = CASE WHEN %(id_number)s::boolean THEN NULL ELSE id_number_sealed END,
    id_number_index = CASE WHEN %(id_number)s::boolean THEN NULL ELSE id_number_index END
WHERE lane = ANY(%(kept_lanes)s::smallint[]) AND borrower_id = %(from_id)s;

-- name: record_undo
-- Writes: borrower_merge.
-- Runs: in a working copy.
UPDATE borrower_merge SET undone_by = %(by)s, undone_at = %(now)s
WHERE lane = %(from_lane)s AND merge_id = %(merge_id)s;

-- name: merges_of
-- Of a person kept or of a tombstone, the newest first. lane, borrower_id.
WITH merge AS MATERIALIZED (
    SELECT lane, merge_id, kept_id, other_lane, other_id, moved, merged_at FROM borrower_merge
    WHERE lane = %(lane)s AND kept_id = %(borrower_id)s AND undone_at IS NULL
)
SELECT m.lane, m.merge_id, m.kept_id, m.other_lane, m.other_id, m.moved, m.merged_at, b.borrower_key
FROM merge m JOIN borrower b ON b.lane = m.other_lane AND b.borrower_id = m.other_id
ORDER BY m.merged_at DESC;

-- fragment: table
-- This and those below stand in for what is filled in ({table}: one of what hangs on a person) when statements are checked.
consent

-- fragment: columns
-- As `table`.
lane, borrower_id, consent_id, kind, granted, evidence, source, recorded_by, effective_at, recorded_at

-- fragment: values
-- As `table`.
t.lane, t.borrower_id, t.consent_id, t.kind, t.granted, t.evidence, t.source, t.recorded_by, t.effective_at, t.recorded_at

-- fragment: id
-- As `table`.
consent_id

-- fragment: source
-- As `table`.
merge_loan w

-- fragment: condition
-- As `table`.
true
