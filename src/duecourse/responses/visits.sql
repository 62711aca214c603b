-- The second factor and the visits it opens.

-- name: person
-- What there is to ask somebody, and who they are to the limits. lane, borrower_id.
SELECT id_number_sealed, coalesce(person_id, borrower_id) AS person_id FROM borrower
WHERE lane = %(lane)s AND borrower_id = %(borrower_id)s;

-- name: contract_numbers
-- The numbers of all contracts that a person is party to. lanes: every one; borrower_id.
SELECT loan_ref FROM loan WHERE lane = ANY(%(lanes)s::smallint[]) AND borrower_id = %(borrower_id)s
UNION
SELECT l.loan_ref FROM loan_party p JOIN loan l ON l.lane = p.lane AND l.loan_id = p.loan_id
WHERE p.lane = ANY(%(lanes)s::smallint[]) AND p.borrower_id = %(borrower_id)s;

-- name: hold_answers
-- Wrong answers of a person, locked until the end of the transaction, so that many at once are counted one by one. lane,
-- person_id, now. Writes: answer_lock
INSERT INTO answer_lock AS a (lane, person_id, tries, began_at)
VALUES (%(lane)s, %(person_id)s, 0, %(now)s)
ON CONFLICT (lane, person_id) DO UPDATE SET tries = a.tries
RETURNING tries, began_at, locked_until;

-- name: count_answer
-- One more wrong answer. lane, person_id, tries, began_at, locked_until: what now holds. Writes: answer_lock
UPDATE answer_lock SET tries = %(tries)s, began_at = %(began_at)s, locked_until = %(locked_until)s
WHERE lane = %(lane)s AND person_id = %(person_id)s;

-- name: locked_until
-- Until when a person is locked. lane, person_id, now.
SELECT locked_until FROM answer_lock WHERE lane = %(lane)s AND person_id = %(person_id)s AND locked_until > %(now)s;

-- name: unlock
-- Staff have seen who it is: their wrong answers are forgotten. Answers how many there were; none leaves a row after a right
-- one. lane, person_id. Writes: answer_lock
DELETE FROM answer_lock WHERE lane = %(lane)s AND person_id = %(person_id)s RETURNING tries;

-- name: begin_visit
-- A visit. lane, token_hash, code_hash, question, now. Writes: visit
INSERT INTO visit (lane, token_hash, code_hash, question, began_at, seen_at)
VALUES (%(lane)s, %(token_hash)s, %(code_hash)s, %(question)s, %(now)s, %(now)s);

-- name: find_visit
-- A visit that lasts. lane, token_hash, began_after, seen_after.
SELECT code_hash, began_at, seen_at FROM visit
WHERE lane = %(lane)s AND token_hash = %(token_hash)s AND ended_at IS NULL
  AND began_at > %(began_after)s AND seen_at > %(seen_after)s;

-- name: see_visit
-- It goes on. lane, token_hash, now. Writes: visit
UPDATE visit SET seen_at = %(now)s WHERE lane = %(lane)s AND token_hash = %(token_hash)s AND seen_at < %(now)s;

-- name: carry_visit
-- It goes on under another link. lane, token_hash, code_hash. Writes: visit
UPDATE visit SET code_hash = %(code_hash)s WHERE lane = %(lane)s AND token_hash = %(token_hash)s;

-- name: end_visit
-- The visitor leaves. lane, token_hash, now. Writes: visit
UPDATE visit SET ended_at = %(now)s WHERE lane = %(lane)s AND token_hash = %(token_hash)s AND ended_at IS NULL;

-- name: visitor
-- Who a visitor is. lane, borrower_id, now. language: as wished, else as in the book. large: as dispatch.read_facts.
SELECT coalesce((SELECT max(p.wish ->> 'language') FROM preference p
                 WHERE p.lane = b.lane AND p.borrower_id = b.borrower_id AND p.kind = 'language'
                   AND
                   -- include: dispatch.wished
                ), b.language) AS language, b.region, b.zone,
       (coalesce(b.attributes ->> 'large_type' IN ('true', 'yes', '1'), false)
        OR EXISTS (SELECT 1 FROM preference p
                   WHERE p.lane = b.lane AND p.borrower_id = b.borrower_id AND p.kind = 'large-type'
                     AND
                     -- include: dispatch.wished
                  )) AS large
FROM borrower b WHERE b.lane = %(lane)s AND b.borrower_id = %(borrower_id)s;
