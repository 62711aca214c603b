-- What network addresses tried lately, under a key of the day.

-- name: peer_tries
-- How often an address tried something since `since`, and when it began. lane, peer_hash, kind, since.
SELECT tries, began_at FROM peer
WHERE lane = %(lane)s AND peer_hash = %(peer_hash)s AND kind = %(kind)s AND began_at > %(since)s;

-- name: all_tries
-- How often everybody together tried something since `since`. kind, since.
SELECT coalesce(sum(tries), 0) FROM peer WHERE kind = %(kind)s AND began_at > %(since)s;

-- name: count_try
-- One more, or the first when the last began before `since`. mark: for what only counts when it is another than the last, else
-- null. lane, peer_hash, kind, since, now. Answers how many. Writes: peer
INSERT INTO peer AS p (lane, peer_hash, kind, tries, mark, began_at)
VALUES (%(lane)s, %(peer_hash)s, %(kind)s, 1, %(mark)s, %(now)s)
ON CONFLICT (lane, peer_hash, kind) DO UPDATE
SET tries = CASE WHEN p.began_at <= %(since)s THEN 1
                 WHEN p.mark = EXCLUDED.mark THEN p.tries
                 ELSE p.tries + 1 END,
    mark = EXCLUDED.mark,
    began_at = CASE WHEN p.began_at <= %(since)s THEN EXCLUDED.began_at ELSE p.began_at END
RETURNING tries;

-- name: forget_peers
-- Take away what can count no more in a lane, under a key of a day that is over. lane, before. Writes: peer
DELETE FROM peer WHERE lane = %(lane)s AND began_at < %(before)s;
