-- Settings and lanes. Leases use the database's clock alone, never a `now` argument.
-- What takes, keeps or gives back lanes names lanes that lie together, so that a cluster does it whole where they lie.

-- name: get_setting
-- key: text.
SELECT value FROM setting WHERE key = %(key)s;

-- name: put_setting
-- key: text; value: jsonb. Writes: setting.
INSERT INTO setting (key, value) VALUES (%(key)s, %(value)s)
ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value;

-- name: prepare_lanes
-- Make the row of every lane that has none; a lane that was ever leased stands at a later epoch and is left.
-- there: smallint[], those that have one. Writes: lane_lease.
INSERT INTO lane_lease (lane, epoch, owner, expires_at)
SELECT g.lane::smallint, 0, NULL, now()
FROM generate_series(0, 255) AS g (lane)
WHERE g.lane <> ALL(%(there)s::smallint[])
ON CONFLICT DO NOTHING;

-- name: lanes_there
-- The lanes that have their row.
SELECT lane FROM lane_lease;

-- name: applied_migrations
-- What `migrate` has done to this database, oldest first.
SELECT version, name, digest FROM schema_migration ORDER BY version;

-- name: record_migration
-- version: integer; name: text; digest: bytea. Writes: schema_migration.
INSERT INTO schema_migration (version, name, digest, applied_at)
VALUES (%(version)s, %(name)s, %(digest)s, now());

-- name: show_worker
-- Say that this worker lives, and forget those that have not said so for their lease.
-- owner: text; lease: interval. Writes: worker.
WITH gone AS (
    DELETE FROM worker WHERE expires_at < now() - interval '1 hour' AND owner <> %(owner)s
)
INSERT INTO worker (owner, expires_at) VALUES (%(owner)s, now() + %(lease)s::interval)
ON CONFLICT (owner) DO UPDATE SET expires_at = EXCLUDED.expires_at;

-- name: hide_worker
-- owner: text. Writes: worker.
DELETE FROM worker WHERE owner = %(owner)s;

-- name: fair_share
-- Lanes each live worker may hold, rounded up: all lanes get held. A worker lives that said so or holds a lane.
SELECT ceil((SELECT count(*) FROM lane_lease)::numeric
            / greatest(1, (SELECT count(*) FROM (
                SELECT owner FROM worker WHERE expires_at > now()
                UNION
                SELECT owner FROM lane_lease WHERE owner IS NOT NULL AND expires_at > now()) AS live)))::integer;

-- name: free_lanes
-- Lanes nobody holds, and how many this owner holds. Each owner has an order of its own, so that workers that look
-- at the same moment reach for different lanes. owner: text.
SELECT (SELECT count(*) FROM lane_lease WHERE owner = %(owner)s AND expires_at > now()) AS held,
       array(SELECT lane FROM lane_lease WHERE expires_at <= now()
             ORDER BY hashtextextended(%(owner)s, lane)) AS free;

-- name: take_lanes
-- Take lanes over, as far as they are still free when their rows are reached. The new epoch changes the key, so this
-- waits for every transaction that is fenced by the old one. owner: text; lanes: smallint[]; lease: interval.
-- Lanes: of one shard. Writes: lane_lease.
WITH free AS MATERIALIZED (
    SELECT lane, epoch FROM lane_lease
    WHERE lane = ANY(%(lanes)s::smallint[]) AND expires_at <= now()
    ORDER BY lane  -- as everybody who locks several
    FOR UPDATE
)
UPDATE lane_lease l
SET epoch = l.epoch + 1, owner = %(owner)s, expires_at = now() + %(lease)s::interval
FROM free
WHERE l.lane = ANY(%(lanes)s::smallint[]) AND l.lane = free.lane AND l.epoch = free.epoch
RETURNING l.lane, l.epoch;

-- fragment: ours(lock)
-- A CTE ours(lane, epoch): what is still the owner's under these epochs, locked. owner: text; lanes, epochs: parallel arrays.
ours AS MATERIALIZED (
    SELECT l.lane, l.epoch FROM lane_lease l
    JOIN unnest(%(lanes)s::smallint[], %(epochs)s::bigint[]) AS held (lane, epoch)
      ON l.lane = held.lane AND l.epoch = held.epoch
    WHERE l.lane = ANY(%(lanes)s::smallint[]) AND l.owner = %(owner)s
    ORDER BY l.lane  -- as everybody who locks several
    FOR {lock} OF l
)

-- name: retake_lanes
-- Hold what is still ours under a new epoch: as take_lanes, this waits for what is fenced by the old one, and nothing can be
-- committed under that any more. owner: text; lanes, epochs: parallel arrays; lease: interval. Writes: lane_lease.
-- Lanes: of one shard.
WITH
-- include: ours(UPDATE)
UPDATE lane_lease l
SET epoch = l.epoch + 1, expires_at = now() + %(lease)s::interval
FROM ours
WHERE l.lane = ANY(%(lanes)s::smallint[]) AND l.lane = ours.lane AND l.epoch = ours.epoch
RETURNING l.lane, l.epoch;

-- name: renew_lanes
-- Renew what is still ours. No key changes, so fenced transactions go on. owner: text; lanes, epochs: parallel
-- arrays; lease: interval. Lanes: of one shard. Writes: lane_lease.
WITH
-- include: ours(NO KEY UPDATE)
UPDATE lane_lease l
SET expires_at = now() + %(lease)s::interval
FROM ours
WHERE l.lane = ANY(%(lanes)s::smallint[]) AND l.lane = ours.lane AND l.epoch = ours.epoch
RETURNING l.lane, l.epoch;

-- name: release_lanes
-- Give lanes back: the next worker takes them without waiting for the lease's end. The epoch stays, so that a
-- transaction still open under it may end well. owner: text; lanes: smallint[]. Writes: lane_lease.
-- Lanes: of one shard.
WITH ours AS MATERIALIZED (
    SELECT lane, epoch FROM lane_lease
    WHERE owner = %(owner)s AND lane = ANY(%(lanes)s::smallint[])
    ORDER BY lane  -- as everybody who locks several
    FOR NO KEY UPDATE
)
UPDATE lane_lease l
SET owner = NULL, expires_at = now()
FROM ours
WHERE l.lane = ANY(%(lanes)s::smallint[]) AND l.lane = ours.lane AND l.epoch = ours.epoch;

-- fragment: fence
-- A CTE fence(lane, epoch): the lanes still held under these epochs, locked against a takeover until the commit.
-- Join what is written to it; a CTE that nothing reads does not run. lanes, epochs: parallel arrays.
fence AS MATERIALIZED (
    SELECT l.lane, l.epoch
    FROM lane_lease l
    JOIN unnest(%(lanes)s::smallint[], %(epochs)s::bigint[]) AS held (lane, epoch)
      ON held.lane = l.lane AND held.epoch = l.epoch
    ORDER BY l.lane  -- as everybody who locks several
    FOR KEY SHARE OF l
)

-- name: hold_fence
-- The fence as a statement of its own, first in a transaction that writes by several. lanes, epochs: parallel arrays.
-- Runs: where its lanes are.
WITH
-- include: store.fence
SELECT lane, epoch FROM fence;

-- name: extension
-- The version of an extension of this database. name: text.
SELECT extversion FROM pg_extension WHERE extname = %(name)s;

-- name: extension_available
-- Whether this server has the extension's files, and has loaded it: then it has settings of its own. Which libraries a server loads
-- at its start may be asked by few. name: text.
SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = %(name)s)
       AND EXISTS (SELECT FROM pg_settings WHERE name LIKE %(name)s || '.%%');

-- name: lanes_held
-- Whether a worker holds a lane now.
SELECT EXISTS (SELECT 1 FROM lane_lease WHERE owner IS NOT NULL AND expires_at > now());
