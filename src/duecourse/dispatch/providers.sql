-- How providers stand: chosen from in a claim, weighed by what they answer, paused and resumed by people.

-- fragment: provider
-- The lines of a claim as rules.judge wants them: what the worker says of each, with how the provider stands for everyone.
-- Needs candidate. admits: the part of the messages that a line is open to, because it errs, is slow, is being tried again
-- or has little room; the others are for its neighbours, also for those of a later tier.
provider AS (
    SELECT l.*,
           least(l.share, l.room / greatest((SELECT count(*) FROM candidate c WHERE c.route[c.route_at] = l.channel), 1)::double precision
                          * sum(l.weight) FILTER (WHERE l.ready) OVER (PARTITION BY l.channel, l.tier)
                          / greatest(l.weight, 1e-9)) AS admits
    FROM (
        SELECT p.line::bigint AS line, concat_ws('/', p.provider, nullif(p.sender, '')) AS name, p.channel, p.provider, p.sender,
               p.ready AND p.room > 0 AND (coalesce(s.state, 'working') = 'working' OR s.state = 'probing' AND p.probe) AS ready,
               p.room, p.registered::text[] AS registered, p.caller, p.kind, p.tier, coalesce(s.share, 1) AS share,
               coalesce(s.weight, p.weight) AS weight,
               p.carriers::text[] AS carriers, p.regions::text[] AS regions, nullif(array_remove(p.needs::text[], 'template'), '{}') AS needs,
               coalesce('template' = ANY(p.needs::text[]), false) AS needs_template, p.serves, g.approved
        FROM unnest(%(channels)s::text[], %(providers)s::text[], %(senders)s::text[], %(ready)s::boolean[], %(room)s::int[],
                    %(probes)s::boolean[], %(tiers)s::int[], %(weights)s::double precision[], %(carriers)s::text[],
                    %(regions)s::text[], %(needs)s::text[], %(registered)s::text[], %(callers)s::text[], %(kinds)s::text[],
                    %(serves)s::text[])
             WITH ORDINALITY AS p (channel, provider, sender, ready, room, probe, tier, weight, carriers, regions, needs,
                                   registered, caller, kind, serves, line)
        LEFT JOIN provider_state s ON s.provider = p.provider
        -- A provider of which the registry has nothing is judged by what its settings say.
        LEFT JOIN LATERAL (
            SELECT CASE WHEN count(*) > 0 THEN coalesce(jsonb_object_agg(k.key, true) FILTER (WHERE k.key IS NOT NULL), '{}') END
                       AS approved
            FROM registration r
            LEFT JOIN LATERAL unnest(CASE r.kind
                WHEN 'template' THEN ARRAY[concat_ws('/', 'template', r.subject, r.version),
                                           concat_ws('/', 'template', r.subject, r.version, coalesce(nullif(r.language, ''), '*'))]
                WHEN 'sender' THEN CASE WHEN p.sender IN ('', r.subject) THEN ARRAY['sender', 'header'] END
                ELSE ARRAY[r.kind] END) AS k (key)
                ON r.state = 'approved' AND coalesce(r.expires_at > %(now)s, true)
            WHERE r.provider = p.provider) AS g ON true) AS l
)

-- name: reserve_tokens
-- Take at most so many messages' leave from the buckets of providers and senders, in key order; the same twice at once takes
-- twice. providers, senders, wants, bursts (int[]), rates (a second): parallel arrays; now: the database's clock.
-- Returns provider, sender and how many were granted. Writes: provider_bucket
INSERT INTO provider_bucket AS b (provider, sender, tokens, granted, at)
SELECT w.provider, w.sender, w.burst - least(w.want, w.burst), least(w.want, w.burst), %(now)s::timestamptz
FROM unnest(%(providers)s::text[], %(senders)s::text[], %(wants)s::int[], %(bursts)s::int[], %(rates)s::double precision[])
     AS w (provider, sender, want, burst, rate)
ORDER BY w.provider, w.sender
ON CONFLICT (provider, sender) DO UPDATE
SET (tokens, granted, at) = (
    SELECT f.tokens - g.granted, g.granted, greatest(b.at, EXCLUDED.at)
    FROM (SELECT burst, want, least(burst, b.tokens + rate * greatest(extract(epoch FROM EXCLUDED.at - b.at), 0)) AS tokens
          FROM unnest(%(providers)s::text[], %(senders)s::text[], %(wants)s::int[], %(bursts)s::int[], %(rates)s::double precision[])
               AS w (provider, sender, want, burst, rate)
          WHERE w.provider = b.provider AND w.sender = b.sender) AS f
    CROSS JOIN LATERAL (SELECT least(f.want, floor(f.tokens + 1e-9))::bigint AS granted) AS g)
RETURNING provider, sender, granted;

-- name: return_tokens
-- Give back what was reserved and not used, in the order in which it is reserved, senders before providers: else who gives back
-- and who reserves might wait for each other. A bucket that is not there is full. providers, senders, numbers, bursts: parallel
-- arrays. Writes: provider_bucket
INSERT INTO provider_bucket AS b (provider, sender, tokens, granted, at)
SELECT w.provider, w.sender, w.burst, 0, timestamptz 'epoch'
FROM unnest(%(providers)s::text[], %(senders)s::text[], %(bursts)s::int[]) AS w (provider, sender, burst)
ORDER BY w.sender = '', w.provider, w.sender
ON CONFLICT (provider, sender) DO UPDATE
SET tokens = (SELECT least(w.burst, b.tokens + w.number)
              FROM unnest(%(providers)s::text[], %(senders)s::text[], %(numbers)s::int[], %(bursts)s::int[])
                   AS w (provider, sender, number, burst)
              WHERE w.provider = b.provider AND w.sender = b.sender);

-- name: take_probes
-- One message's leave to try each of these providers that is being tried again. providers: text[]. Writes: provider_state
UPDATE provider_state SET probes = probes - 1
WHERE provider = ANY(%(providers)s::text[]) AND state = 'probing' AND probes > 0
RETURNING provider;

-- name: see_answers
-- Count what providers answered. providers, goods, bads, throttleds, slows: parallel arrays; now. Writes: provider_seen
INSERT INTO provider_seen AS s (provider, at, good, bad, throttled, slow)
SELECT provider, date_bin('200 ms', %(now)s, '2000-01-01'), good, bad, throttled, slow
FROM unnest(%(providers)s::text[], %(goods)s::bigint[], %(bads)s::bigint[], %(throttleds)s::bigint[], %(slows)s::bigint[])
     AS a (provider, good, bad, throttled, slow)
ORDER BY provider
ON CONFLICT (provider, at) DO UPDATE
SET good = s.good + EXCLUDED.good, bad = s.bad + EXCLUDED.bad, throttled = s.throttled + EXCLUDED.throttled,
    slow = s.slow + EXCLUDED.slow;

-- name: forget_answers
-- What providers answered more than ten minutes ago weighs no more. now. Writes: provider_seen
DELETE FROM provider_seen WHERE at < %(now)s::timestamptz - interval '10 min';

-- name: standings
-- How these providers stand, and what they answered since their standing last changed: within :recent and within :window.
-- providers: text[]; now; recent, window: intervals. version 0: nothing ever changed.
SELECT p.provider, coalesce(s.state, 'working') AS state, coalesce(s.share, 1) AS share, s.weight, coalesce(s.trips, 0) AS trips,
       s.retry_at, coalesce(s.probes, 0) AS probes, coalesce(s.reason, '') AS reason, coalesce(s.changed_by, '') AS changed_by,
       s.changed_at, coalesce(s.version, 0) AS version,
       x.good, x.bad, x.throttled, x.slow, x.recent_good, x.recent_bad, x.recent_throttled, x.recent_slow
FROM unnest(%(providers)s::text[]) AS p (provider)
LEFT JOIN provider_state s ON s.provider = p.provider
CROSS JOIN LATERAL (
    SELECT coalesce(sum(good), 0)::bigint AS good, coalesce(sum(bad), 0)::bigint AS bad,
           coalesce(sum(throttled), 0)::bigint AS throttled, coalesce(sum(slow), 0)::bigint AS slow,
           coalesce(sum(good) FILTER (WHERE fresh), 0)::bigint AS recent_good,
           coalesce(sum(bad) FILTER (WHERE fresh), 0)::bigint AS recent_bad,
           coalesce(sum(throttled) FILTER (WHERE fresh), 0)::bigint AS recent_throttled,
           coalesce(sum(slow) FILTER (WHERE fresh), 0)::bigint AS recent_slow
    FROM (SELECT *, at > %(now)s::timestamptz - %(recent)s::interval AS fresh FROM provider_seen) AS x
    WHERE x.provider = p.provider AND x.at > greatest(%(now)s::timestamptz - %(window)s::interval, coalesce(s.changed_at, '-infinity'))
) AS x
ORDER BY p.provider;

-- name: change_standings
-- Give providers another standing, with its reason; nothing where somebody else has changed it meanwhile.
-- Parallel arrays: providers, states, shares, weights, trips, retry_ats, probes, reasons, bys, versions (the new one: what was
-- read, plus one); now. Returns the providers changed. Writes: provider_state, provider_history
WITH changed AS (
    INSERT INTO provider_state AS s (provider, state, share, weight, trips, retry_at, probes, reason, changed_by, changed_at, version)
    SELECT c.provider, c.state, c.share, c.weight, c.trips, c.retry_at, c.probes, c.reason, c.by, %(now)s, c.version
    FROM unnest(%(providers)s::text[], %(states)s::text[], %(shares)s::double precision[], %(weights)s::int[], %(trips)s::int[],
                %(retry_ats)s::timestamptz[], %(probes)s::int[], %(reasons)s::text[], %(bys)s::text[], %(versions)s::int[])
         AS c (provider, state, share, weight, trips, retry_at, probes, reason, by, version)
    ORDER BY c.provider
    ON CONFLICT (provider) DO UPDATE
    SET state = EXCLUDED.state, share = EXCLUDED.share, weight = EXCLUDED.weight, trips = EXCLUDED.trips,
        retry_at = EXCLUDED.retry_at, probes = EXCLUDED.probes, reason = EXCLUDED.reason, changed_by = EXCLUDED.changed_by,
        changed_at = EXCLUDED.changed_at, version = EXCLUDED.version
    WHERE s.version = EXCLUDED.version - 1
    RETURNING s.provider, s.version, s.state, s.share, s.weight, s.reason, s.changed_by, s.changed_at
),
told AS (
    INSERT INTO provider_history (provider, version, state, share, weight, reason, changed_by, changed_at)
    SELECT provider, version, state, share, weight, reason, changed_by, changed_at FROM changed
)
SELECT provider FROM changed;

-- name: provider_changes
-- The latest changes of a provider's standing, the newest first. provider; take.
SELECT version, state, share, weight, reason, changed_by, changed_at
FROM provider_history WHERE provider = %(provider)s ORDER BY version DESC LIMIT %(take)s;

-- name: raise_alerts
-- Tell people of something they must see to; what is told already stays as it is. codes, subjects, reasons: parallel
-- arrays; now. Returns the alerts that are new. Writes: alert
INSERT INTO alert (alert_id, code, subject, reason, raised_at)
SELECT gen_random_uuid(), code, subject, reason, %(now)s
FROM unnest(%(codes)s::text[], %(subjects)s::text[], %(reasons)s::text[]) AS a (code, subject, reason)
ON CONFLICT DO NOTHING
RETURNING code, subject;

-- name: close_alerts
-- Close the alerts about a subject. subject; by; now. Writes: alert
UPDATE alert SET closed_by = %(by)s, closed_at = %(now)s WHERE subject = %(subject)s AND closed_at IS NULL;

-- name: open_alerts
-- What people must see to, the oldest first.
SELECT code, subject, reason, raised_at FROM alert WHERE closed_at IS NULL ORDER BY raised_at;
