-- What people send us or do, kept before the provider is answered.

-- name: address_of_attempt
-- The index of the address that an attempt went to. lanes: all of them; attempt_id.
SELECT p.address_index FROM attempt a
JOIN contact_point p ON p.lane = a.lane AND p.contact_point_id = a.contact_point_id
WHERE a.lane = ANY(%(lanes)s::smallint[]) AND a.attempt_id = %(attempt_id)s;

-- name: append_reply
-- One reply, which from then on waits to be followed; nothing when it stands already. lane, reply_id, provider, channel, kind, meaning, attempt_id,
-- address_index, text_sealed; now. Writes: reply, reply_waiting
WITH kept AS (
    INSERT INTO reply (lane, reply_id, provider, channel, kind, meaning, attempt_id, address_index, text_sealed, received_at, recorded_at)
    VALUES (%(lane)s, %(reply_id)s, %(provider)s, %(channel)s, %(kind)s, %(meaning)s, %(attempt_id)s, %(address_index)s,
            %(text_sealed)s, %(now)s, clock_timestamp())
    ON CONFLICT DO NOTHING
    RETURNING lane, reply_id
)
INSERT INTO reply_waiting (lane, reply_id) SELECT lane, reply_id FROM kept ON CONFLICT DO NOTHING
RETURNING reply_id;
