-- The inbox of the lender's own app.

-- name: inbox_messages
-- What lies in a borrower's inbox, the latest first. lane, borrower_id; most: how many.
WITH a AS MATERIALIZED (
    SELECT a.lane, a.attempt_id, a.provider, a.message_id, m.step, m.purpose, a.sent_at, a.text_sealed, a.state
    FROM attempt a
    JOIN message m ON m.lane = a.lane AND m.message_id = a.message_id
    WHERE a.lane = %(lane)s AND a.borrower_id = %(borrower_id)s AND a.channel = 'inbox'
      AND a.state IN ('sent', 'delivered', 'read')
    ORDER BY a.sent_at DESC, a.attempt_id
    LIMIT %(most)s
),
-- Receipts stand in lanes of their own.
opened AS MATERIALIZED (
    SELECT DISTINCT r.attempt_id FROM a JOIN receipt r ON r.attempt_id = a.attempt_id AND r.status = 'read'
)
SELECT a.lane, a.attempt_id, a.provider, a.message_id, a.step, a.purpose, a.sent_at, a.text_sealed,
       a.state = 'read' OR o.attempt_id IS NOT NULL AS is_read
FROM a LEFT JOIN opened o ON o.attempt_id = a.attempt_id
ORDER BY a.sent_at DESC, a.attempt_id;
