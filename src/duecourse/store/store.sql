-- Settings and lanes. Leases use the database's clock alone, never a `now` argument.

-- name: get_setting
-- key: text.
SELECT value FROM setting WHERE key = %(key)s;

-- name: put_setting
-- key: text; value: jsonb. Writes: setting.
INSERT INTO setting (key, value) VALUES (%(key)s, %(value)s)
ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value;

-- name: prepare_lanes
-- Make the row of every lane that has none; a lane that was ever leased stands at a later epoch and is left.
-- Writes: lane_lease.
INSERT INTO lane_lease (lane, epoch, owner, expires_at)
SELECT g.lane::smallint, 0, NULL, now()
FROM generate_series(0, 255) AS g (lane)
WHERE NOT EXISTS (SELECT 1 FROM lane_lease l WHERE l.lane = g.lane::smallint)
ON CONFLICT DO NOTHING;

-- name: applied_migrations
SELECT version, name, digest FROM schema_migration ORDER BY version;

-- name: record_migration
-- version: integer; name: text; digest: bytea. Writes: schema_migration.
INSERT INTO schema_migration (version, name, digest, applied_at)
VALUES (%(version)s, %(name)s, %(digest)s, now());
