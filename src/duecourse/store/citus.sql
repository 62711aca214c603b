-- Where lanes lie on a Citus cluster, and how a book is spread over one. Asked of Citus's own catalog, so that it runs
-- where the extension is alone.

-- name: is_distributed
-- Whether the book was spread over the cluster.
SELECT EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = to_regclass('lane_lease'));

-- name: shards
-- Number, host, port and lanes of every shard that has lanes. lanes: how many there are.
SELECT s.number::integer, s.nodename, s.nodeport, array_agg(g.lane ORDER BY g.lane)
FROM (SELECT p.shardid, n.nodename, n.nodeport, row_number() OVER (ORDER BY p.shardminvalue::bigint) AS number
      FROM pg_dist_shard p JOIN pg_dist_placement USING (shardid) JOIN pg_dist_node n USING (groupid)
      WHERE p.logicalrelid = 'lane_lease'::regclass AND n.noderole = 'primary') AS s
JOIN generate_series(0, %(lanes)s::integer - 1) AS g (lane)
  ON get_shard_id_for_distribution_column('lane_lease', g.lane::smallint) = s.shardid
GROUP BY s.number, s.nodename, s.nodeport
ORDER BY s.number;

-- name: tables_here
-- On a node: the book's tables and, of each, the schema and table that has its rows for one lane here, whether it is cut by
-- lane, and the shard's id. None that is cut by lane when that lane lies elsewhere. lane: smallint.
SELECT c.relname, s.nspname, shard_name(p.logicalrelid, d.shardid), p.partmethod = 'h' AS by_lane, d.shardid
FROM pg_dist_partition p
JOIN pg_class c ON c.oid = p.logicalrelid
JOIN pg_namespace s ON s.oid = c.relnamespace
JOIN pg_dist_shard d USING (logicalrelid)
JOIN pg_dist_placement USING (shardid)
JOIN pg_dist_local_group USING (groupid)
WHERE p.partmethod = 'n' OR p.partmethod = 'h' AND d.shardid = get_shard_id_for_distribution_column(p.logicalrelid, %(lane)s::smallint);

-- name: await_move
-- On a node: until a move of this lane's shard that is being committed is so here too. lane: smallint.
SELECT lock_shard_metadata(5, ARRAY[get_shard_id_for_distribution_column('lane_lease', %(lane)s::smallint)]);

-- name: hold_shard
-- As a node does before it writes: take the lock that a move of the shard takes exclusively before it copies the last rows,
-- and only then see whether the shard is (still) here. place: the id of one table's shard, all of which move together.
SELECT lock_shard_metadata(5, ARRAY[{place}]::bigint[]);
SELECT EXISTS (SELECT FROM pg_dist_placement JOIN pg_dist_local_group USING (groupid) WHERE shardid = {place});

-- name: nodes
-- The cluster's nodes that have shards or may have them: host, port, shards of the book, whether it takes part.
SELECT n.nodename, n.nodeport, count(s.shardid) AS shards, n.isactive
FROM pg_dist_node n
LEFT JOIN pg_dist_placement p USING (groupid)
LEFT JOIN pg_dist_shard s ON s.shardid = p.shardid AND s.logicalrelid = 'lane_lease'::regclass
WHERE n.noderole = 'primary' AND (n.shouldhaveshards OR s.shardid IS NOT NULL)
GROUP BY n.nodename, n.nodeport, n.isactive
ORDER BY n.nodename, n.nodeport;

-- name: may_have_shards
-- How many nodes shards can be put on.
SELECT count(*) FROM pg_dist_node WHERE noderole = 'primary' AND isactive AND shouldhaveshards;

-- name: not_spread
-- The book's tables that are not spread yet, with the column by which each is cut; null: every node has a copy. Those of lanes
-- come after the first that is cut, to which all others are laid.
SELECT c.relname, a.attname
FROM pg_class c
JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
JOIN pg_attribute k ON k.attrelid = c.oid AND k.attnum = i.indkey[0]
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum AND a.attname IN ('lane', 'key_lane')
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> 'schema_migration'
  AND NOT EXISTS (SELECT FROM pg_dist_partition p WHERE p.logicalrelid = c.oid)
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
ORDER BY a.attname IS NOT NULL, c.relname <> 'lane_lease', c.relname;

-- name: copy_to_every_node
-- name: text of a table.
SELECT create_reference_table(%(name)s::regclass);

-- name: cut_first
-- name: text of a table; by: its column; shards: into how many.
SELECT create_distributed_table(%(name)s::regclass, %(by)s, colocate_with => 'none', shard_count => %(shards)s);

-- name: cut_alike
-- As the table of leases is cut, so that rows of a lane lie together. name; by.
SELECT create_distributed_table(%(name)s::regclass, %(by)s, colocate_with => 'lane_lease');

-- name: empty_here
-- What a filled table leaves behind on the coordinator when it was spread. name.
SELECT truncate_local_data_after_distributing_table(%(name)s::regclass);

-- name: functions_not_spread
-- The book's functions that the nodes may not have, since they are older than the extension.
SELECT p.oid::regprocedure::text FROM pg_proc p
WHERE p.pronamespace = 'public'::regnamespace
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_dist_object o WHERE o.classid = 'pg_proc'::regclass AND o.objid = p.oid)
ORDER BY p.oid;

-- name: give_function
-- To every node, with the types it takes. name: a function with its argument types.
SELECT create_distributed_function(%(name)s::regprocedure);
