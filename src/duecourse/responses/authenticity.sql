-- Whether a code stands in a notice of ours.

-- name: notice_of
-- The message an attempt was of, when it went and under which policy: none for one that was never handed over. lanes, attempt_id.
SELECT m.policy, m.policy_version, m.creditor, (coalesce(a.sent_at, a.claimed_at) AT TIME ZONE m.zone)::date AS day
FROM attempt a JOIN message m ON m.lane = a.lane AND m.message_id = a.message_id
WHERE a.lane = ANY(%(lanes)s::smallint[]) AND a.attempt_id = %(attempt_id)s AND a.state <> 'released';

-- name: day_of
-- Which day an instant is where a borrower is. lane, borrower_id, at.
SELECT (%(at)s::timestamptz AT TIME ZONE zone)::date AS day FROM borrower
WHERE lane = %(lane)s AND borrower_id = %(borrower_id)s;
