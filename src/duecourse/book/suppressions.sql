-- Suppression lists: what nobody may contact, by keyed index alone.

-- name: suppress
-- Each index that no open row has. kind, indexes (bytea[]), reason, source, by, at, now. Writes: suppression
INSERT INTO suppression (kind, index_hash, reason, source, recorded_by, effective_at, recorded_at)
SELECT %(kind)s, g.index_hash, %(reason)s, %(source)s, %(by)s, %(at)s, %(now)s
FROM (SELECT DISTINCT unnest(%(indexes)s::bytea[]) AS index_hash) AS g
WHERE NOT EXISTS (SELECT 1 FROM suppression s
                  WHERE s.kind = %(kind)s AND s.index_hash = g.index_hash AND s.ended_at IS NULL)
ON CONFLICT DO NOTHING
RETURNING index_hash;

-- name: ask_to_end
-- The first of two. kind, index_hash, by, reason, now. Writes: suppression
UPDATE suppression
SET end_asked_by = %(by)s, end_asked_at = %(now)s, end_reason = %(reason)s
WHERE kind = %(kind)s AND index_hash = %(index_hash)s AND ended_at IS NULL
RETURNING effective_at;

-- name: agree_to_end
-- The second of two; never the one who asked. kind, index_hash, by, now. Writes: suppression
UPDATE suppression
SET ended_by = %(by)s, ended_at = %(now)s
WHERE kind = %(kind)s AND index_hash = %(index_hash)s AND ended_at IS NULL AND end_asked_by <> %(by)s
RETURNING effective_at;

-- name: open_suppression
-- kind, index_hash.
SELECT end_asked_by FROM suppression
WHERE kind = %(kind)s AND index_hash = %(index_hash)s AND ended_at IS NULL;

-- name: asked_suppressions
-- Those of which an end was asked for.
SELECT kind, index_hash FROM suppression WHERE ended_at IS NULL AND end_asked_by IS NOT NULL;

-- name: suppressions
-- Known at :known. kind, index_hash: null for all; open_only: those in force at :at. Handle: enough of the index to tell
-- two entries apart, of no use without the key.
SELECT kind, encode(substring(index_hash FROM 1 FOR 6), 'hex') AS handle, reason, source, recorded_by, effective_at,
       recorded_at, end_asked_by, end_asked_at, end_reason, ended_by, ended_at,
       effective_at <= %(at)s AND coalesce(ended_at > %(at)s, true) AS in_force
FROM suppression
WHERE recorded_at <= %(known)s AND (%(kind)s::text IS NULL OR kind = %(kind)s)
  AND (%(index_hash)s::bytea IS NULL OR index_hash = %(index_hash)s)
  AND (NOT %(open_only)s OR effective_at <= %(at)s AND coalesce(ended_at > %(at)s, true))
ORDER BY recorded_at DESC, kind, index_hash
LIMIT %(most)s;

-- name: count_suppressions
-- In force at :at, by kind.
SELECT kind, count(*) FROM suppression
WHERE effective_at <= %(at)s AND coalesce(ended_at > %(at)s, true)
GROUP BY kind ORDER BY kind;

-- name: holders_of
-- Borrowers whom a suppression concerns: by address, or by ID number. kind, index_hash.
SELECT DISTINCT lane, borrower_id FROM contact_point WHERE address_index = %(index_hash)s AND %(kind)s <> 'id-number'
UNION
SELECT lane, borrower_id FROM borrower WHERE id_number_index = %(index_hash)s AND %(kind)s = 'id-number';
