-- Replies that providers brought, followed once each.

-- name: waiting_replies
-- Replies that nobody followed yet, at most :take, each with whose it is as far as that is clear: of the attempt it answers;
-- else of whom the last message to that address went to, if they hold it. In any order: what follows does not depend on it.
-- holders: [lane, borrower_id] of everybody who has the address, or had it where nobody has. lanes: all of them.
WITH waiting AS (
    SELECT r.* FROM (SELECT lane, reply_id FROM reply_waiting LIMIT %(take)s) AS w
    JOIN reply r ON r.lane = w.lane AND r.reply_id = w.reply_id
),
held AS (
    SELECT w.reply_id, b.lane, b.borrower_id, c.state = 'active' AS active
    FROM waiting w
    JOIN contact_point c ON c.address_index = w.address_index
    JOIN borrower b ON b.lane = c.lane AND b.borrower_id = c.borrower_id AND b.home_lane IS NULL AND b.merged_into IS NULL
),
holder AS (
    SELECT DISTINCT h.reply_id, h.lane, h.borrower_id FROM held h
    WHERE h.active OR NOT EXISTS (SELECT 1 FROM held o WHERE o.reply_id = h.reply_id AND o.active)
),
spoken AS (
    SELECT DISTINCT ON (w.reply_id) w.reply_id, k.borrower_id, k.attempt_id
    FROM waiting w
    JOIN contact k ON k.address_index = w.address_index AND k.weight = 1 AND k.source = 'ours' AND k.at <= w.received_at
                  AND (k.channel = w.channel OR w.channel NOT IN ('voice', 'sms'))
    WHERE w.attempt_id IS NULL
    ORDER BY w.reply_id, k.at DESC, k.attempt_id
)
SELECT w.lane, w.reply_id, w.channel, w.kind, w.meaning, w.address_index, w.text_sealed, w.received_at,
       a.lane AS attempt_lane, a.borrower_id, a.message_id, a.attempt_id,
       coalesce((SELECT json_agg(json_build_array(h.lane, h.borrower_id) ORDER BY h.lane, h.borrower_id)
                 FROM holder h WHERE h.reply_id = w.reply_id), '[]') AS holders
FROM waiting w
LEFT JOIN spoken s ON s.reply_id = w.reply_id
 AND EXISTS (SELECT 1 FROM holder h WHERE h.reply_id = w.reply_id AND h.borrower_id = s.borrower_id)
LEFT JOIN attempt a ON a.lane = ANY(%(lanes)s::smallint[]) AND a.attempt_id = coalesce(w.attempt_id, s.attempt_id);

-- name: any_waiting
-- Whether any reply waits.
SELECT EXISTS (SELECT 1 FROM reply_waiting);

-- name: take_away
-- A reply is followed by whoever takes it away, in the same transaction. lane, reply_id. Writes: reply_waiting
DELETE FROM reply_waiting WHERE lane = %(lane)s AND reply_id = %(reply_id)s RETURNING reply_id;
