-- The inbox of the lender's own app.

-- name: inbox_messages
-- What lies in a borrower's inbox, the latest first. lane, borrower_id; most: how many.
SELECT a.lane, a.attempt_id, a.provider, m.message_id, m.step, m.purpose, a.sent_at, a.text_sealed,
       a.state = 'read' OR EXISTS (SELECT 1 FROM receipt r WHERE r.attempt_id = a.attempt_id AND r.status = 'read') AS is_read
FROM attempt a
JOIN message m ON m.lane = a.lane AND m.message_id = a.message_id
WHERE a.lane = %(lane)s AND a.borrower_id = %(borrower_id)s AND a.channel = 'inbox'
  AND a.state IN ('sent', 'delivered', 'read')
ORDER BY a.sent_at DESC, a.attempt_id
LIMIT %(most)s;
