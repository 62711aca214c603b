-- Batches: what one step says on one day, its band, its canaries, and who let it go.

-- name: measure_batch
-- What a batch holds now: messages, whether every lane has been planned for its day, and by currency the largest and the
-- sum of what is still to be paid. batch_id; as_of: the lender's date; ahead: days that planning looks ahead.
WITH member AS MATERIALIZED (
    SELECT min(policy) AS policy, min(policy_version) AS policy_version, min(step) AS step, min(local_on) AS local_on,
           count(*) AS messages
    FROM message WHERE batch_id = %(batch_id)s
),
planned AS MATERIALIZED (
    SELECT count(*) AS lanes FROM planned_through t JOIN member n ON t.policy = n.policy AND t.planned_on >= n.local_on - %(ahead)s::int
),
asked AS MATERIALIZED (
    SELECT currency, max(amount) AS largest, sum(amount) AS total
    FROM (SELECT m.lane, m.group_id, m.currency, sum(i.due_minor - coalesce(a.met, 0)) AS amount
          FROM (SELECT DISTINCT lane, group_id, currency FROM message WHERE batch_id = %(batch_id)s) AS m
          JOIN message_item x ON x.lane = m.lane AND x.group_id = m.group_id
          JOIN installment i ON i.lane = x.lane AND i.loan_id = x.loan_id AND i.number = x.number
          LEFT JOIN LATERAL (SELECT sum(a.amount_minor) AS met FROM allocation a
                             WHERE a.lane = i.lane AND a.loan_id = i.loan_id AND a.number = i.number
                               AND a.from_on <= %(as_of)s AND a.until_on > %(as_of)s) AS a ON true
          WHERE coalesce(i.settled_on > %(as_of)s, true) AND coalesce(i.superseded_on > %(as_of)s, true)
          GROUP BY m.lane, m.group_id, m.currency) AS g
    GROUP BY currency
)
SELECT n.policy, n.policy_version, n.step, n.local_on, n.messages, p.lanes = 256 AS complete,
       coalesce((SELECT jsonb_object_agg(currency, jsonb_build_array(largest, total)) FROM asked), '{}') AS amounts
FROM member n, planned p WHERE n.messages > 0;

-- name: usual_messages
-- The median number of messages of a step's batches in the 28 days before local_on, and of how many batches. policy,
-- step, local_on. Held batches that nobody let go are not usual.
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY messages), count(*)
FROM batch
WHERE policy = %(policy)s AND step = %(step)s AND local_on BETWEEN %(local_on)s::date - 28 AND %(local_on)s::date - 1
  AND state = 'going';

-- name: known_batches
-- Which of these are open already. batches: uuid[].
SELECT batch_id FROM batch WHERE batch_id = ANY(%(batches)s::uuid[]);

-- name: open_batch
-- Enter a batch with its first state. Of several workers one does; the others wait for it and find it open.
-- Writes: batch
INSERT INTO batch (batch_id, policy, policy_version, step, local_on, state, messages, amounts, published_by, reason,
                   opened_at, decided_at)
VALUES (%(batch_id)s, %(policy)s, %(policy_version)s, %(step)s, %(local_on)s, %(state)s, %(messages)s, %(amounts)s,
        %(published_by)s, %(reason)s, %(now)s, CASE WHEN %(state)s <> 'canary' THEN %(now)s::timestamptz END)
ON CONFLICT DO NOTHING
RETURNING batch_id;

-- name: choose_canaries
-- The next messages of a batch to go first: those nothing stands against, in the order in which they fall due.
-- batch_id, take. Writes: batch_canary
INSERT INTO batch_canary (lane, message_id, batch_id)
SELECT m.lane, m.message_id, m.batch_id FROM message m
WHERE m.batch_id = %(batch_id)s AND m.state = 'planned' AND m.tries = 0
  AND NOT EXISTS (SELECT 1 FROM batch_canary c WHERE c.lane = m.lane AND c.message_id = m.message_id)
ORDER BY coalesce(m.rule, 'BATCH-WAITS') <> 'BATCH-WAITS', m.not_before, m.message_id
LIMIT %(take)s
ON CONFLICT DO NOTHING
RETURNING lane;

-- name: drop_withheld_canaries
-- Canaries that a rule put off are ordinary messages again: others go first in their place. None of them can be claimed
-- at this moment, since its not_before is ahead. batch_id; now. Writes: batch_canary
DELETE FROM batch_canary c USING message m
WHERE c.batch_id = %(batch_id)s AND m.lane = c.lane AND m.message_id = c.message_id
  AND (m.state = 'done' OR m.state = 'planned' AND m.not_before > %(now)s AND m.rule <> 'BATCH-WAITS')
  AND m.tries = 0
RETURNING c.lane;

-- name: open_canaries
-- The batches whose canaries are out, locked so that one worker at a time weighs them.
SELECT batch_id, policy, policy_version, messages, opened_at FROM batch
WHERE state = 'canary' ORDER BY batch_id FOR UPDATE SKIP LOCKED;

-- name: weigh_canaries
-- How the canaries of a batch stand. batch_id; now. handed: attempts that went to a provider; bad: of these refused or of
-- unknown outcome, and people who said stop since; awaited: those whose receipt may still come; last_at: the
-- last hand-over; coming: canaries that may still go, and are not put off by a rule; waiting: whether members
-- that are none wait (every desk asks this about once a second, so it must not count them).
WITH canary AS (
    SELECT c.lane, m.message_id, m.borrower_id, m.state, m.tries, m.not_before, m.rule
    FROM batch_canary c JOIN message m ON m.lane = c.lane AND m.message_id = c.message_id
    WHERE c.batch_id = %(batch_id)s
),
tried AS (
    SELECT a.lane, a.attempt_id, a.state, a.sent_at, a.claimed_at, k.borrower_id
    FROM canary k JOIN attempt a ON a.lane = k.lane AND a.message_id = k.message_id AND a.state <> 'released'
)
SELECT (SELECT count(*) FROM tried) AS handed,
       (SELECT count(*) FROM tried WHERE state IN ('refused', 'unknown')) AS bad,
       (SELECT count(DISTINCT t.borrower_id) FROM tried t
        JOIN consent x ON x.lane = t.lane AND x.borrower_id = t.borrower_id AND x.kind = 'contact' AND NOT x.granted
                      AND x.effective_at >= t.claimed_at) AS stops,
       (SELECT count(*) FROM tried WHERE state IN ('claimed', 'sent')) AS awaited,
       (SELECT max(claimed_at) FROM tried) AS last_at,
       (SELECT count(*) FROM canary
        WHERE state = 'in_flight' AND tries = 0
           OR state = 'planned'
              AND (not_before <= %(now)s
                   OR coalesce(rule, 'BATCH-WAITS') IN ('BATCH-WAITS', 'THROTTLED', 'DEFERRED', 'ACCOUNT-TROUBLE', 'NOT-HANDED-OVER', 'PROVIDER-PAUSED'))) AS coming,
       EXISTS (SELECT 1 FROM message m
               WHERE m.batch_id = %(batch_id)s AND m.state = 'planned' AND m.tries = 0
                 AND NOT EXISTS (SELECT 1 FROM batch_canary c
                                 WHERE c.lane = m.lane AND c.message_id = m.message_id)) AS waiting;

-- name: decide_batches
-- Let batches go, or hold them with a reason. batches: uuid[]; from_states: text[]; state; reason; now.
-- Writes: batch
UPDATE batch SET state = %(state)s, reason = %(reason)s, decided_at = %(now)s
WHERE batch_id = ANY(%(batches)s::uuid[]) AND state = ANY(%(from_states)s::text[])
RETURNING batch_id;

-- name: hold_batches_for_amount
-- A message of them asks for more than the band allows; one that a second person let go is left alone.
-- batches: uuid[]; reason; now. Writes: batch
UPDATE batch SET state = 'held', reason = %(reason)s, decided_at = %(now)s
WHERE batch_id = ANY(%(batches)s::uuid[]) AND state IN ('canary', 'going') AND resumed_by IS NULL;

-- name: running_batches
-- Batches that go out by themselves and have messages planned, to see whether they left their band. local_on: the
-- earliest day.
SELECT batch_id FROM batch
WHERE state IN ('canary', 'going') AND resumed_by IS NULL AND local_on >= %(local_on)s ORDER BY batch_id;

-- name: resume_batches
-- A second person lets held batches go. batch_id: one, or null for all; by; now. Writes: batch
UPDATE batch SET state = 'going', resumed_by = %(by)s, resumed_at = %(now)s, decided_at = %(now)s
WHERE state = 'held' AND published_by <> %(by)s AND (%(batch_id)s::uuid IS NULL OR batch_id = %(batch_id)s)
RETURNING batch_id;

-- name: close_corrected
-- A batch that was wrong: what has not gone stays where it is. batch_id; by; now. Writes: batch
UPDATE batch SET state = 'corrected', corrected_by = %(by)s, corrected_at = %(now)s,
       reason = coalesce(reason, 'corrected')
WHERE batch_id = %(batch_id)s AND state <> 'corrected';

-- name: list_batches
-- Batches of the days from_on to to_on, or with held_only those that wait for a person; the newest first.
WITH counted AS MATERIALIZED (
    SELECT m.batch_id, count(*) FILTER (WHERE m.tries > 0) AS tried,
           count(*) FILTER (WHERE m.state = 'planned' AND m.tries = 0) AS waiting
    FROM batch b JOIN message m ON m.batch_id = b.batch_id
    WHERE (NOT %(held_only)s::boolean OR b.state = 'held') AND b.local_on BETWEEN %(from_on)s AND %(to_on)s
    GROUP BY m.batch_id
)
SELECT b.batch_id, b.policy, b.policy_version, b.step, b.local_on, b.state, b.reason, b.messages, b.amounts,
       b.published_by, b.opened_at, b.decided_at, b.resumed_by, b.resumed_at, b.corrected_by, b.corrected_at,
       coalesce(c.tried, 0) AS tried, coalesce(c.waiting, 0) AS waiting
FROM batch b LEFT JOIN counted c ON c.batch_id = b.batch_id
WHERE (NOT %(held_only)s::boolean OR b.state = 'held') AND b.local_on BETWEEN %(from_on)s AND %(to_on)s
ORDER BY b.local_on DESC, b.opened_at DESC, b.batch_id;

-- name: find_batch
-- Batches whose id lies between least and most; two at most, to see that it is one.
SELECT batch_id, policy, policy_version, step, local_on, state, reason, published_by, resumed_by FROM batch
WHERE batch_id BETWEEN %(least)s AND %(most)s LIMIT 2;
