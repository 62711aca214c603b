-- How many subscription messages a person still allows: read from what they said and what was sent.

-- name: subscriptions_said
-- What a borrower said of subscriptions to a provider, in order; `text_sealed` is the template. lane, borrower_id, provider.
WITH p AS MATERIALIZED (
    SELECT address_index FROM contact_point
    WHERE lane = %(lane)s AND borrower_id = %(borrower_id)s AND channel = 'wechat'
)
SELECT r.reply_id, r.kind, r.text_sealed, r.received_at AS at
FROM p JOIN reply r ON r.address_index = p.address_index
WHERE r.channel = 'wechat' AND r.provider = %(provider)s AND r.kind IN ('subscribed', 'unsubscribed')
ORDER BY r.received_at, r.reply_id;

-- name: subscriptions_used
-- What a provider took for a borrower, in order; `text_sealed` names the template. lane, borrower_id, provider.
SELECT a.attempt_id, a.text_sealed, a.sent_at AS at
FROM attempt a
WHERE a.lane = %(lane)s AND a.borrower_id = %(borrower_id)s AND a.provider = %(provider)s AND a.channel = 'wechat'
  AND a.provider_message_id IS NOT NULL AND a.text_sealed IS NOT NULL
ORDER BY a.sent_at, a.attempt_id;
