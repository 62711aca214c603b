-- What providers have approved: signatures, senders, templates, and every change of it.

-- name: set_registrations
-- Write registrations as they stand now, with history; nothing where a row says the same already.
-- Parallel arrays: providers, kinds, subjects, versions, languages, codes, parameters (text[] as text), states,
-- expiries (timestamptz), evidences; by; now. Returns the key of each that changed. Writes: registration, registration_history
WITH changed AS (
    INSERT INTO registration AS r (provider, kind, subject, version, language, code, parameters, state, expires_at, evidence,
                                   recorded_by, changed_at, change)
    SELECT g.provider, g.kind, g.subject, g.version, g.language, g.code, g.parameters::text[], g.state, g.expires_at, g.evidence,
           %(by)s, %(now)s::timestamptz, 1
    FROM unnest(%(providers)s::text[], %(kinds)s::text[], %(subjects)s::text[], %(versions)s::int[], %(languages)s::text[],
                %(codes)s::text[], %(parameters)s::text[], %(states)s::text[], %(expiries)s::timestamptz[], %(evidences)s::text[])
         AS g (provider, kind, subject, version, language, code, parameters, state, expires_at, evidence)
    ORDER BY 1, 2, 3, 4, 5
    ON CONFLICT (provider, kind, subject, version, language) DO UPDATE
    SET code = EXCLUDED.code, parameters = EXCLUDED.parameters, state = EXCLUDED.state, expires_at = EXCLUDED.expires_at,
        evidence = EXCLUDED.evidence, recorded_by = EXCLUDED.recorded_by, changed_at = EXCLUDED.changed_at, change = r.change + 1
    WHERE (r.code, r.parameters, r.state, r.expires_at, r.evidence)
          IS DISTINCT FROM (EXCLUDED.code, EXCLUDED.parameters, EXCLUDED.state, EXCLUDED.expires_at, EXCLUDED.evidence)
    RETURNING r.*
),
told AS (
    INSERT INTO registration_history (provider, kind, subject, version, language, change, code, parameters, state, expires_at,
                                      evidence, recorded_by, changed_at)
    SELECT provider, kind, subject, version, language, change, code, parameters, state, expires_at, evidence, recorded_by, changed_at
    FROM changed
)
SELECT provider, kind, subject, version, language FROM changed;

-- name: find_registration
-- One registration. provider, kind, subject, version, language.
SELECT provider, kind, subject, version, language, code, parameters, state, expires_at, evidence, recorded_by, changed_at, change
FROM registration
WHERE provider = %(provider)s AND kind = %(kind)s AND subject = %(subject)s AND version = %(version)s AND language = %(language)s;

-- name: list_registrations
-- Registrations, those of one provider or state where one is given. An approval whose day has come is expired whatever its
-- row says. provider, state: null for all; now.
SELECT r.* FROM (
    SELECT provider, kind, subject, version, language, code, parameters,
           CASE WHEN state = 'approved' AND expires_at <= %(now)s THEN 'expired' ELSE state END AS state,
           expires_at, evidence, recorded_by, changed_at, change
    FROM registration) AS r
WHERE coalesce(r.provider = %(provider)s::text, true) AND coalesce(r.state = %(state)s::text, true)
ORDER BY provider, kind, subject, version, language;

-- name: registration_changes
-- Every change of one registration, the newest first. provider, kind, subject, version, language.
SELECT change, state, code, parameters, expires_at, evidence, recorded_by, changed_at
FROM registration_history
WHERE provider = %(provider)s AND kind = %(kind)s AND subject = %(subject)s AND version = %(version)s AND language = %(language)s
ORDER BY change DESC;

-- name: approvals
-- What these providers have approved and has not expired. providers: text[]; now.
SELECT provider, kind, subject, version, language, code, parameters
FROM registration
WHERE provider = ANY(%(providers)s::text[]) AND state = 'approved' AND coalesce(expires_at > %(now)s, true)
ORDER BY provider, kind, subject, version, language;
