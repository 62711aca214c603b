-- What is published: policies and their templates. A version is written once and never changed but to retire it.

-- name: lock_current
-- The current version of a policy, locked so that two publications follow one another.
-- policy: text.
SELECT version, digest FROM policy_version WHERE policy = %(policy)s AND retired_at IS NULL FOR UPDATE;

-- name: last_version
-- The highest version a policy ever had, 0 for none.
-- policy: text.
SELECT coalesce(max(version), 0) FROM policy_version WHERE policy = %(policy)s;

-- name: known_templates
-- Every version of these templates: language and digest.
-- templates: text[].
SELECT template, version, language, digest FROM template_version
WHERE template = ANY(%(templates)s::text[])
ORDER BY template, version, language;

-- name: insert_templates
-- Store new template versions.
-- templates, versions, languages, digests, parts: arrays of equal length; now. Writes: template_version
INSERT INTO template_version (template, version, language, digest, parts, published_at)
SELECT t.template, t.version, t.language, t.digest, t.parts, %(now)s
FROM unnest(%(templates)s::text[], %(versions)s::int[], %(languages)s::text[], %(digests)s::bytea[],
            %(parts)s::jsonb[]) AS t (template, version, language, digest, parts);

-- name: retire_current
-- Retire the current version of a policy.
-- policy: text; now. Writes: policy_version
UPDATE policy_version SET retired_at = %(now)s WHERE policy = %(policy)s AND retired_at IS NULL;

-- name: insert_policy
-- Store a policy version; it is current from now on.
-- policy, version, digest, source, parsed, now, user. Writes: policy_version
INSERT INTO policy_version (policy, version, digest, source, parsed, published_at, published_by)
VALUES (%(policy)s, %(version)s, %(digest)s, %(source)s, %(parsed)s::jsonb, %(now)s, %(user)s);

-- name: current_policies
-- The versions in force, by name.
SELECT policy, version, parsed, source, published_at, published_by, retired_at
FROM policy_version WHERE retired_at IS NULL ORDER BY policy;

-- name: policy_at
-- One version; the newest for version 0.
-- policy: text; version: int.
SELECT policy, version, parsed, source, published_at, published_by, retired_at
FROM policy_version
WHERE policy = %(policy)s AND (version = %(version)s OR %(version)s = 0)
ORDER BY version DESC LIMIT 1;

-- name: policy_history
-- All versions, the newest first; of one policy, or of all for null.
-- policy: text or null.
SELECT policy, version, published_at, published_by, retired_at, jsonb_array_length(parsed #> '{policy,steps}') AS steps
FROM policy_version
WHERE %(policy)s::text IS NULL OR policy = %(policy)s
ORDER BY policy, version DESC;

-- name: template_texts
-- The texts of these template versions.
-- templates: text[]; versions: int[], of equal length.
SELECT t.template, t.version, t.language, t.parts
FROM template_version t
JOIN unnest(%(templates)s::text[], %(versions)s::int[]) AS wanted (template, version)
  ON wanted.template = t.template AND wanted.version = t.version
ORDER BY t.template, t.version, t.language;

-- name: published_state
-- What changes whenever a policy is published or retired, and with nothing else.
SELECT count(*), max(published_at), max(retired_at), count(retired_at) FROM policy_version;

-- name: which_hold
-- Which conditions hold for a loan, its borrower and one installment of it, in order.
-- holds: compiled conditions; lane, loan_id, number; as_of: a date.
SELECT ARRAY[{holds}]::boolean[]
FROM loan l
JOIN borrower b ON b.lane = l.lane AND b.borrower_id = l.borrower_id
JOIN installment i ON i.lane = l.lane AND i.loan_id = l.loan_id AND i.number = %(number)s
WHERE l.lane = %(lane)s AND l.loan_id = %(loan_id)s;
