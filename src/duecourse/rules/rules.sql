-- The judging SQL. Planning and claiming include the same text, so what people are shown is what will be enforced.

-- fragment: fed
-- Through which day all payments to a creditor are known: its feed that is furthest behind. No feed, no row.
fed AS (
    SELECT creditor, min(complete_through) AS complete_through FROM payment_feed GROUP BY creditor
)

-- fragment: debit_pending
-- Why an amount of installment i must wait, or null: a debit was submitted and its result is neither known on :as_of nor
-- past waiting for; or it was paid, and up to three days later the payment is not in the book yet. f: its row of fed.
(SELECT min(CASE WHEN d.result_on <= %(as_of)s
                 THEN format('debited on %%s, the payment is not in the book yet', d.result_on)
                 ELSE format('the debit of %%s awaits its result until %%s', d.submitted_on, d.wait_until) END)
 FROM debit d
 WHERE d.lane = i.lane AND d.loan_id = i.loan_id AND (d.number IS NULL OR d.number = i.number)
   AND (d.submitted_on <= %(as_of)s AND d.wait_until >= %(as_of)s AND coalesce(d.result_on > %(as_of)s, true)
        OR d.state = 'paid' AND d.result_on BETWEEN %(as_of)s::date - 3 AND %(as_of)s::date
           AND coalesce(f.complete_through < d.result_on, true)))

-- fragment: not_party
-- A guarantor released, a company's contact who left, since it was planned: who is told, of message c, answers for loan l no
-- more. Of no loan nobody does.
(c.party <> 'third' AND l.lane IS NOT NULL AND NOT (c.party = 'borrower' AND c.borrower_id = l.borrower_id) AND NOT EXISTS (
     SELECT 1
     FROM (SELECT r.borrower_id, r.role FROM loan_party r
           WHERE r.lane = l.lane AND r.loan_id = l.loan_id AND coalesce(r.until >= (c.at AT TIME ZONE c.zone)::date, true)
           UNION ALL SELECT l.borrower_id, 'borrower') AS p
     WHERE p.role = c.party
       AND (p.borrower_id = c.borrower_id
            OR EXISTS (SELECT 1 FROM company_contact k
                       WHERE k.lane = l.lane AND k.company_id = p.borrower_id AND k.borrower_id = c.borrower_id
                         AND coalesce(k.until >= (c.at AT TIME ZONE c.zone)::date, true)))))

-- fragment: event_over
-- What has come between event e and telling of it, as the book is known on :as_of; null for nothing: a payment that was
-- taken back is not thanked for, a loan of which something is open again is not settled, a debit that was paid did not fail,
-- a promise is judged anew when the payments change.
CASE e.kind
     WHEN 'payment.received' THEN (
         SELECT 'REVERSED' FROM reversal r WHERE r.lane = e.lane AND r.payment_id = e.subject_id AND r.reversed_on <= %(as_of)s)
     WHEN 'loan.settled' THEN CASE WHEN EXISTS (
         SELECT 1 FROM event o WHERE o.lane = e.lane AND o.borrower_id = e.borrower_id AND o.loan_id = e.loan_id
                                 AND o.kind = e.kind AND o.occurred_at > e.occurred_at) THEN 'REOPENED' ELSE (
         SELECT min('REOPENED') FROM installment i
         LEFT JOIN installment_was w ON w.lane = i.lane AND w.loan_id = i.loan_id AND w.number = i.number
                                    AND w.from_on <= %(as_of)s AND w.until_on > %(as_of)s
         WHERE i.lane = e.lane AND i.loan_id = e.loan_id AND
         -- include: book/events.unpaid
         ) END
     WHEN 'debit.failed' THEN (
         SELECT 'OVERTAKEN' FROM debit d WHERE d.lane = e.lane AND d.debit_id = e.subject_id AND d.state <> 'failed')
     WHEN 'promise.kept' THEN (
         SELECT 'OVERTAKEN' FROM promise p WHERE p.lane = e.lane AND p.response_id = e.subject_id AND p.state <> 'kept')
     WHEN 'promise.broken' THEN (
         SELECT 'OVERTAKEN' FROM promise p
         WHERE p.lane = e.lane AND p.response_id = e.subject_id AND p.state NOT IN ('broken', 'partial'))
END

-- fragment: by_person
-- The channel that is added to the route of k, who is to be reached by a person only: special care, a wish for a person, a
-- refusal of automated contact. Of legs that go at once the first has it.
CASE WHEN k.leg <= 1 AND cardinality(k.consents) + cardinality(k.holds) + cardinality(k.wishes) > 0 AND 'task' <> ALL(k.route)
          AND (EXISTS (SELECT 1 FROM unnest(k.holds) AS h
                       WHERE h.effect = 'person' AND h.since <= k.at AND coalesce(h.until > k.at, true))
               OR EXISTS (SELECT 1 FROM unnest(k.wishes) AS w
                          WHERE w.kind = 'person' AND coalesce((w.wish ->> 'wanted')::boolean, true))
               OR stopped_since(k.consents, 'automation', 'as-said', k.purpose, k.route[k.route_at], NULL) IS NOT NULL)
     THEN ARRAY['task'] ELSE ARRAY[]::text[] END

-- fragment: seen_contact(zone)
-- What the rows of one attempt in the ledger, k, come to for a judgement; group by k.attempt_id. It counts on the day it was
-- then, and on the day it is where the person lives now.
ROW(k.attempt_id, (array_agg(k.group_id))[1], array_agg(k.loan_id), min(k.channel), min(k.purpose),
    max(CASE k.outcome WHEN 'conversation' THEN 3 WHEN 'connected' THEN 2 WHEN 'delivered' THEN 1 ELSE 0 END),
    (array_agg(k.address_index))[1], min(k.template), max(k.at) FILTER (WHERE k.weight > 0),
    greatest(max(k.local_on), max((k.at AT TIME ZONE {zone})::date)))::seen_contact

-- fragment: mates
-- Every row of a person. Needs asked(person), the id they share; gives mate(person, lane, borrower_id). The inner UNION
-- keeps the planner from reading all borrowers.
mate AS MATERIALIZED (
    SELECT a.person, o.lane, o.borrower_id
    FROM (SELECT DISTINCT person FROM asked) AS a
    CROSS JOIN LATERAL (
        SELECT b.lane, b.borrower_id FROM borrower b WHERE b.person_id = a.person
        UNION
        SELECT b.lane, b.borrower_id FROM borrower b
        WHERE b.lane = ANY(ARRAY(SELECT generate_series(0, 255)::smallint)) AND b.borrower_id = a.person) AS o
)

-- fragment: elsewhere
-- Contacts in lanes that the statement does not read itself. elsewhere: JSON array of rows of contact, of persons each with
-- the person; see rules/elsewhere.py.
elsewhere AS MATERIALIZED (
    SELECT (o ->> 'person')::uuid AS person, jsonb_populate_record(NULL::contact, o) AS k
    FROM jsonb_array_elements(%(elsewhere)s::jsonb) AS o
)

-- fragment: fits_text
-- Whether the provider of line o has approved the text of message k where it must; a language that the text is not written in
-- has a fallback, which shows when it is rendered. o.approved: keys kind or kind/subject/version/language.
coalesce(NOT o.needs_template
         OR o.approved ?| ARRAY[concat_ws('/', k.text_key, k.language), concat_ws('/', k.text_key, '*')]
         OR NOT k.is_written AND o.approved ? k.text_key, false)

-- fragment: chosen_line
-- The line of channel r that message k takes to address cp, of several: one that serves its platform, region and carrier (w), has approved what it
-- must, is ready, did not fail it just before, is open to it, of the first tier; among these by weight. The same whenever
-- it is asked for the same try (rendezvous hashing: the least of -ln(u) / weight, u drawn from the names, falls on each in
-- proportion to its weight).
(SELECT (array_agg(o.line ORDER BY
            coalesce(cp.platform <> o.serves, false)
                OR coalesce(NOT (k.region = ANY(o.regions) OR split_part(k.region, '-', 1) = ANY(o.regions)), false)
                OR coalesce(NOT coalesce(w.carrier, '') = ANY(o.carriers), false)
                OR NOT coalesce(o.needs IS NULL OR o.approved ?& o.needs, false)
                OR NOT
                -- include: fits_text
            , NOT o.ready, coalesce(o.provider = ANY(k.failed), false),
            o.admits < 1 AND (hashtextextended(concat_ws('/', k.message_id, k.tries, o.name), 1) & 1048575) / 1048576.0 >= o.admits,
            o.tier,
            -ln(((hashtextextended(concat_ws('/', k.message_id, k.tries, o.name), 0) & 1048575) + 0.5) / 1048576.0)
                / greatest(o.weight, 1e-9), o.line))[1]
 FROM provider o WHERE o.channel = r.channel)

-- fragment: read_items
-- What the book says of each candidate_item, as known on :as_of. due_on is null of what is no installment or no more; owner_id,
-- the loan's borrower, of no loan.
read_item AS (
    SELECT ci.lane, ci.message_id, ci.loan_id, ci.number, ci.anchor_on, ci.step, ci.names_amount, ci.max_book_age, ci.event_id,
           i.due_on, i.statement_on, i.grace_days, i.due_minor, i.superseded_on,
           CASE WHEN w.lane IS NULL THEN i.settled_on ELSE w.settled_on END AS settled_on,
           l.product, l.creditor, l.state AS loan_state, l.borrower_id AS owner_id
    FROM candidate_item ci
    LEFT JOIN installment i ON i.lane = ci.lane AND i.loan_id = ci.loan_id AND i.number = ci.number
    LEFT JOIN loan l ON l.lane = ci.lane AND l.loan_id = ci.loan_id
    LEFT JOIN installment_was w ON w.lane = i.lane AND w.loan_id = i.loan_id AND w.number = i.number
                               AND w.from_on <= %(as_of)s AND w.until_on > %(as_of)s
)

-- fragment: judge
-- Judges every row of candidate at its own instant `at`; knowledge of the book is that of :as_of.
-- Needs the CTEs
--   candidate(lane, message_id, group_id, borrower_id, party, actor, acts, step, purpose, route, route_at, leg, by_debtor, zone, template, template_version,
--             tries, failed, daily_cap, batch_id, corrects, confirms, to_point, at, useful_until)
--   read_item, as rules.read_items makes it of
--   candidate_item(lane, message_id, loan_id, number, anchor_on, step, names_amount, max_book_age, event_id), where number is 0 and
--   event_id not null for what tells of an event; loan_id is zero where that is about no loan: of an application, which is on
--   the way to a contract and so has the basis that rules call one
--   provider(line, name, channel, provider, ready, registered, caller, kind, tier, weight, admits, carriers, regions, needs,
--            needs_template, approved, serves)
--   of which each address takes one line: see rules.chosen_line
-- and the parameters as_of (lender's date), now, recheck and pause (intervals), and those of RuleBook.parameters.
-- Gives verdict(lane, message_id, allow, not_before, waits, rule, reason, verdict, loans, shared, route_at, channel, line,
-- provider, contact_point_id, address_sealed, address_index, valid_until) with exactly one row per candidate, and
-- open_item(lane, message_id, loan_id, number, step). waits: whether not_before is when its rules open, and not when to look again.
-- loans: the debts that may be spoken of. shared: whether a cap counts what others were sent to the same number, of any template or of this one.
-- include: rules.fed
,
-- Of when the book is: the lender's midnight after the day through which the creditor's payments are complete; of a
-- creditor without a feed, the last delivery of all.
delivered AS (
    SELECT max(finished_at) AS at,
           (SELECT jsonb_build_array(s.value) ->> 0 FROM setting s WHERE s.key = 'lender_zone') AS lender_zone
    FROM book_import WHERE state = 'done' AND finished_at <= %(now)s
),
item_state AS (
    SELECT c.lane, c.message_id, ci.loan_id, ci.number, ci.step, l.product, f.complete_through,
           i.due_on + coalesce(i.grace_days, 0) AS grace_ends,
           -- One text speaks of all items, so what one of them names all of them name.
           bool_or(ci.names_amount) OVER one_message AS names_amount,
           min(ci.max_book_age) OVER one_message AS max_book_age,
           g.at AS delivered_at, coalesce(g.lender_zone, c.zone) AS book_zone,
           -- include: debit_pending
           AS debit,
           -- A correction is owed also to those who have paid since, the confirmation of a stop to whoever said it, the code
           -- to an address to whoever gave it.
           CASE WHEN c.corrects IS NOT NULL OR c.confirms IS NOT NULL OR c.to_point IS NOT NULL THEN NULL
                WHEN ci.event_id IS NOT NULL THEN CASE WHEN
                -- include: not_party
                THEN 'NOT-PARTY' ELSE (SELECT
                -- include: event_over
                FROM event e WHERE e.lane = ci.lane AND e.event_id = ci.event_id) END
                WHEN ci.lane IS NULL THEN 'PAID'
                WHEN l.state = 'closed' THEN 'LOAN-CLOSED'
                WHEN i.settled_on <= %(as_of)s OR i.due_minor = 0 THEN 'PAID'
                WHEN i.superseded_on <= %(as_of)s THEN 'SUPERSEDED'
                -- Planned for a day that the book has moved since, or for a due it has taken back.
                WHEN i.loan_id IS NULL
                     OR ci.anchor_on IS DISTINCT FROM i.due_on AND ci.anchor_on IS DISTINCT FROM i.statement_on
                        AND ci.anchor_on <> i.due_on + coalesce(i.grace_days, 0)
                        AND NOT EXISTS (SELECT 1 FROM promise q
                                        WHERE q.lane = l.lane AND q.borrower_id = l.borrower_id AND q.standing
                                          AND coalesce(q.loan_id = l.loan_id, true) AND q.promised_on = ci.anchor_on
                                          AND i.due_on <= q.promised_on) THEN 'RESCHEDULED'
                WHEN
                -- include: not_party
                THEN 'NOT-PARTY'
                WHEN c.purpose = 'collection'
                     AND i.due_on + coalesce(i.grace_days, 0) >= (c.at AT TIME ZONE c.zone)::date THEN 'IN-GRACE'
                -- Whoever paid on the last day of grace may stand in a file that has not come yet.
                WHEN c.purpose = 'collection'
                     AND f.complete_through < i.due_on + coalesce(i.grace_days, 0) THEN 'FEED-BEHIND'
           END AS state_rule
    FROM candidate c
    FULL JOIN read_item ci ON ci.lane = c.lane AND ci.message_id = c.message_id  -- as in summed
    LEFT JOIN LATERAL (SELECT ci.lane, ci.loan_id, ci.number, ci.due_on, ci.statement_on, ci.grace_days, ci.due_minor, ci.settled_on,
                              ci.superseded_on WHERE ci.due_on IS NOT NULL) AS i ON true
    LEFT JOIN LATERAL (SELECT ci.lane, ci.loan_id, ci.product, ci.creditor, ci.loan_state AS state, ci.owner_id AS borrower_id
                       WHERE ci.owner_id IS NOT NULL) AS l ON true
    LEFT JOIN fed f ON f.creditor = l.creditor
    CROSS JOIN delivered g
    WINDOW one_message AS (PARTITION BY c.lane, c.message_id)
),
item_verdict AS (
    SELECT s.*, coalesce(s.state_rule, CASE WHEN s.names_amount AND s.debit IS NOT NULL THEN 'DEBIT-PENDING'
                                            WHEN s.names_amount AND s.stale IS NOT NULL THEN 'BOOK-STALE' END) AS rule
    FROM (
        SELECT i.*, CASE WHEN b.book_at IS NULL AND i.max_book_age IS NOT NULL
                              THEN 'no delivery says of when the book is'
                         WHEN %(now)s::timestamptz - b.book_at > i.max_book_age
                              THEN format('the book is of %%s, older than %%s',
                                          to_char(b.book_at AT TIME ZONE i.book_zone, 'YYYY-MM-DD HH24:MI'),
                                          i.max_book_age) END AS stale
        FROM item_state i
        CROSS JOIN LATERAL (
            SELECT CASE WHEN i.max_book_age IS NULL THEN NULL WHEN i.complete_through IS NULL THEN i.delivered_at
                        ELSE local_instant(i.complete_through + 1, '00:00', i.book_zone) END AS book_at) AS b
    ) AS s
),
item_summary AS (
    -- Of several the first by name: what only waits (BOOK-STALE to IN-GRACE) before what is over.
    SELECT lane, message_id, count(*) FILTER (WHERE rule IS NULL) AS still_open, min(rule) AS rule,
           min(complete_through) AS complete_through,
           min(grace_ends) FILTER (WHERE rule = 'FEED-BEHIND') AS grace_ends,
           min(debit) FILTER (WHERE rule = 'DEBIT-PENDING') AS debit,
           min(stale) FILTER (WHERE rule = 'BOOK-STALE') AS stale,
           array_agg(loan_id ORDER BY loan_id, number, step) FILTER (WHERE rule IS NULL) AS item_loans,
           array_agg(number ORDER BY loan_id, number, step) FILTER (WHERE rule IS NULL) AS item_numbers,
           array_agg(step ORDER BY loan_id, number, step) FILTER (WHERE rule IS NULL) AS item_steps,
           array_agg(product ORDER BY loan_id, number, step) FILTER (WHERE rule IS NULL) AS item_products
    FROM item_verdict GROUP BY lane, message_id
),
-- MATERIALIZED, here and below: a condition from outside would turn FULL into LEFT.
summed AS MATERIALIZED (
    -- FULL, though nothing on the right is without its candidate: the planner takes these CTEs for a row or two, and a
    -- FULL join is the one it cannot make a nested loop of, which would be quadratic in the batch.
    SELECT c.lane, c.message_id, c.group_id, c.borrower_id, c.step, c.purpose, c.route, c.route_at, c.leg, c.by_debtor, c.zone, c.party, c.actor, c.acts,
           c.template, c.template_version, c.tries, c.failed, c.confirms, c.to_point, c.daily_cap, c.at, c.useful_until, s.still_open, s.rule AS item_rule, s.complete_through, s.grace_ends,
           s.debit, s.stale,
           s.item_loans, s.item_numbers, s.item_steps, s.item_products
    FROM candidate c
    FULL JOIN item_summary s ON s.lane = c.lane AND s.message_id = c.message_id
),
-- What is known of the person, each read once by its index. Contacts as far back as any cap can ask.
known AS MATERIALIZED (
    SELECT s.*, b.region, b.language, concat_ws('/', 'template', s.template, s.template_version) AS text_key,
           EXISTS (SELECT 1 FROM template_version t
                   WHERE t.template = s.template AND t.version = s.template_version AND t.language = b.language) AS is_written, coalesce(b.zones, ARRAY[s.zone]) AS zones,
           ARRAY(SELECT
                 -- include: seen_contact(s.zone)
                 FROM contact k
                 WHERE k.lane = s.lane AND k.borrower_id = s.borrower_id
                   AND k.local_on >= (s.at AT TIME ZONE s.zone)::date
                                     - coalesce(%(look_back)s::jsonb -> b.region,
                                                %(look_back)s::jsonb -> split_part(b.region, '-', 1),
                                                %(look_back)s::jsonb -> '*')::int
                   -- In a replay the day's later contacts are there already; they are of its day.
                   AND (k.at <= s.at OR k.local_on <= (s.at AT TIME ZONE s.zone)::date)
                 GROUP BY k.attempt_id HAVING sum(k.weight) > 0) AS contacts,
           ARRAY(SELECT ROW(x.kind, x.granted, x.purpose, x.channel, x.address_index, x.effective_at, x.expires_at)::seen_consent
                 FROM consent x
                 WHERE x.lane = s.lane AND x.borrower_id = s.borrower_id AND x.effective_at <= s.at
                   -- What confirms a stop passes it, and a repetition of the same word; no other.
                   AND NOT (s.confirms IS NOT NULL AND x.kind = 'contact' AND NOT x.granted AND EXISTS (
                            SELECT 1 FROM consent w
                            WHERE w.lane = x.lane AND w.consent_id = ANY(s.confirms)
                              AND w.purpose IS NOT DISTINCT FROM x.purpose AND w.channel IS NOT DISTINCT FROM x.channel
                              AND w.address_index IS NOT DISTINCT FROM x.address_index))) AS consents,
           ARRAY(SELECT ROW(x.kind, x.effect, x.loan_id, x.effective_at, x.until)::seen_hold
                 FROM hold x
                 WHERE x.lane = s.lane AND x.borrower_id = s.borrower_id
                   AND (x.ended_at IS NULL OR x.ended_at > s.at))
           -- A debt that its debtor holds back is held from those who answer for it, too.
           || CASE WHEN s.party = 'borrower' THEN ARRAY[]::seen_hold[] ELSE ARRAY(
                 SELECT ROW(x.kind, x.effect, x.loan_id, x.effective_at, x.until)::seen_hold
                 FROM hold x
                 WHERE x.lane = s.lane AND x.loan_id = ANY(s.item_loans) AND x.borrower_id <> s.borrower_id
                   AND (x.ended_at IS NULL OR x.ended_at > s.at)) END AS holds,
           ARRAY(SELECT ROW(x.kind, x.wish)::seen_wish
                 FROM preference x
                 WHERE x.lane = s.lane AND x.borrower_id = s.borrower_id AND x.effective_at <= s.at
                   AND (x.ended_at IS NULL OR x.ended_at > s.at)) AS wishes,
           ARRAY(SELECT ROW(x.kind, x.loan_id, x.served_at)::seen_notice
                 FROM notice x
                 WHERE x.lane = s.lane AND x.borrower_id = s.borrower_id AND x.served_at <= s.at)
           -- Before some acts a conversation will do.
           || CASE WHEN s.acts IS NULL THEN ARRAY[]::seen_notice[] ELSE ARRAY(
                 SELECT ROW('conversation', k.loan_id, k.at)::seen_notice
                 FROM contact k
                 WHERE k.lane = s.lane AND k.borrower_id = s.borrower_id AND k.outcome = 'conversation' AND k.actor = s.actor
                   AND k.at <= s.at) END
               AS notices,
           EXISTS (SELECT 1 FROM suppression x
                   WHERE x.kind = 'id-number' AND x.index_hash = b.id_number_index AND x.effective_at <= s.at
                     AND (x.ended_at IS NULL OR x.ended_at > s.at)) AS id_suppressed
    FROM summed s
    JOIN borrower b ON b.lane = s.lane AND b.borrower_id = s.borrower_id
),
line AS MATERIALIZED (
    SELECT p.*, count(*) OVER (PARTITION BY p.channel) = 1 AS alone FROM provider p
),
unit AS (
    -- A call by a person is judged as the call that it is; what asks for a person does not stand against it. Without a number
    -- for calls the one for SMS serves; an inbox and a task need no address.
    SELECT k.lane, k.message_id, k.group_id, k.borrower_id, r.place::smallint AS place, r.channel AS via,
           CASE r.channel WHEN 'task' THEN 'voice' ELSE r.channel END AS channel, p.line, p.provider, p.ready,
           -- What stands against it when even the best line cannot serve.
           CASE WHEN cp.platform <> p.serves THEN format('no provider serves %%s', cp.platform)
                WHEN NOT (k.region = ANY(p.regions) OR split_part(k.region, '-', 1) = ANY(p.regions))
                THEN format('no provider serves the region %%s', k.region)
                WHEN NOT coalesce(w.carrier, '') = ANY(p.carriers)
                THEN format('no provider serves the carrier %%s', coalesce(nullif(w.carrier, ''), 'unknown'))
                WHEN NOT coalesce(p.needs IS NULL OR p.approved ?& p.needs, false) OR NOT (SELECT
                -- include: fits_text
                FROM (SELECT p.needs_template, p.approved) AS o)
                THEN format('not approved: %%s at %%s', concat_ws(', ', CASE WHEN NOT (SELECT
                -- include: fits_text
                FROM (SELECT p.needs_template, p.approved) AS o) THEN replace(k.text_key, '/', ' ') || ' ' || k.language END,
                    (SELECT string_agg(need, ', ') FROM unnest(p.needs) AS need WHERE NOT coalesce(p.approved ? need, false))),
                    p.provider)
           END AS unfit,
           CASE WHEN p.approved IS NULL THEN p.registered
                ELSE coalesce(p.registered, ARRAY[]::text[]) || ARRAY(SELECT word FROM unnest(ARRAY['signature', 'header', 'category-suffix']) AS word
                                                                      WHERE p.approved ? word)
                     || CASE WHEN p.approved ? k.text_key THEN ARRAY['template']
                             ELSE ARRAY[]::text[] END
           END AS registered,
           p.caller, p.kind AS provider_kind, coalesce(cp.rank, 1) AS rank, coalesce(cp.contact_point_id, k.borrower_id) AS contact_point_id, cp.address_sealed, cp.address_index,
           NULL::text AS address_kind, d.loan_id, d.product, k.region, k.zones, k.purpose, k.actor,
           k.party, coalesce(k.acts, ARRAY[]::text[]) AS actions, %(lender_kinds)s::text[] AS lenders, k.by_debtor, k.daily_cap, k.template, k.at,
           k.at + make_interval(days => %(horizon_days)s) AS until, k.useful_until,
           k.contacts,
           CASE r.channel WHEN 'task' THEN ARRAY(SELECT x FROM unnest(k.consents) AS x WHERE x.kind <> 'automation') ELSE k.consents END AS consents,
           CASE r.channel WHEN 'task' THEN ARRAY(SELECT x FROM unnest(k.holds) AS x WHERE x.effect <> 'person') ELSE k.holds END AS holds,
           CASE r.channel WHEN 'task' THEN ARRAY(SELECT x FROM unnest(k.wishes) AS x WHERE x.kind <> 'person') ELSE k.wishes END AS wishes,
           k.notices,
           k.id_suppressed OR EXISTS (
               SELECT 1 FROM suppression x
               WHERE x.kind = CASE r.channel WHEN 'email' THEN 'email' ELSE 'phone' END AND x.index_hash = cp.address_index
                 AND x.effective_at <= k.at AND (x.ended_at IS NULL OR x.ended_at > k.at)) AS suppressed
    FROM known k
    CROSS JOIN unnest(k.route ||
                      -- include: by_person
                      ) WITH ORDINALITY AS r (channel, place)
    LEFT JOIN contact_point cp
           ON cp.lane = k.lane AND cp.borrower_id = k.borrower_id
          AND (cp.state = 'active' OR cp.contact_point_id = k.to_point AND cp.retired_reason = 'unverified')
          AND (cp.channel = r.channel
               OR r.channel = 'task' AND cp.channel = 'voice'
               OR r.channel IN ('voice', 'task') AND cp.channel = 'sms' AND NOT EXISTS (
                  SELECT 1 FROM contact_point v
                  WHERE v.lane = k.lane AND v.borrower_id = k.borrower_id AND v.channel = 'voice' AND v.state = 'active'))
          AND (cp.platform IS NULL OR EXISTS (SELECT 1 FROM provider o WHERE o.channel = r.channel AND coalesce(o.serves = cp.platform, true)))
          AND (k.to_point IS NULL OR cp.contact_point_id = k.to_point)
    LEFT JOIN point_carrier w ON w.lane = cp.lane AND w.contact_point_id = cp.contact_point_id
    JOIN line p ON p.channel = r.channel AND (p.alone OR p.line =
         -- include: chosen_line
         )
    JOIN unnest(k.item_loans, k.item_products, k.item_numbers) WITH ORDINALITY AS d (loan_id, product, number, n)
      ON d.n = array_position(k.item_loans, d.loan_id)
    WHERE r.place >= k.route_at AND (cp.contact_point_id IS NOT NULL OR r.channel IN ('inbox', 'task') AND k.to_point IS NULL)
),
-- include: rules.judge_units
,
-- The first address of the route that may be used, or may be while the message has its use; a channel that no
-- waiting opens gives way to the next.
weighed AS (
    SELECT u.*, min(u.not_before) OVER spot AS opens_at,
           array_agg(u.loan_id) FILTER (WHERE u.not_before = u.at) OVER spot AS loans
    FROM judged u
    WINDOW spot AS (PARTITION BY u.lane, u.message_id, u.place, u.contact_point_id)
),
chosen AS (
    SELECT DISTINCT ON (lane, message_id) *
    FROM weighed
    ORDER BY lane, message_id, unfit IS NOT NULL OR opens_at IS NULL OR opens_at >= useful_until, place, rank, contact_point_id, not_before, loan_id
),
placed AS MATERIALIZED (
    SELECT s.lane, s.message_id, s.purpose, s.zone, s.at, s.useful_until, s.still_open, s.item_rule, s.complete_through, s.grace_ends,
           s.debit, s.stale, s.item_loans, s.item_numbers, s.item_steps,
           u.place AS route_at, u.via AS channel, u.line, u.provider, u.ready, u.unfit, u.contact_point_id, u.address_sealed, u.address_index, u.opens_at, u.loans,
           u.refusals, u.refused, u.shut, u.context, u.own_windows, u.lifted, u.places,
           u.opens_at IS NOT DISTINCT FROM s.at AS free
    FROM summed s
    FULL JOIN chosen u ON u.lane = s.lane AND u.message_id = s.message_id
),
open_item AS (
    SELECT p.lane, p.message_id, i.loan_id, i.number, i.step
    FROM placed p CROSS JOIN unnest(p.item_loans, p.item_numbers, p.item_steps) AS i (loan_id, number, step)
    WHERE p.loans IS NULL OR i.loan_id = ANY(p.loans)
),
halted AS (
    SELECT DISTINCT ON (p.lane, p.message_id) p.lane, p.message_id, s.reason
    FROM placed p
    JOIN stop s ON s.resumed_at IS NULL
               AND (s.step IS NULL OR s.step = ANY(p.item_steps))
               AND (s.purpose IS NULL OR s.purpose = p.purpose)
               AND (s.channel IS NULL OR s.channel = p.channel)
    ORDER BY p.lane, p.message_id, s.stopped_at
),
-- A batch nobody has opened yet, one whose canaries are out, one that is held: see dispatch.batches.
braked AS (
    SELECT c.lane, c.message_id, b.reason,
           CASE WHEN b.batch_id IS NULL OR b.state = 'canary' AND k.message_id IS NULL THEN 'BATCH-WAITS'
                WHEN b.state IN ('held', 'corrected') THEN 'BATCH-HELD' END AS rule
    FROM candidate c
    LEFT JOIN batch b ON b.batch_id = c.batch_id
    LEFT JOIN batch_canary k ON k.lane = c.lane AND k.message_id = c.message_id
    WHERE c.batch_id IS NOT NULL
),
halted_or_not AS (
    SELECT p.*, h.message_id IS NOT NULL AS halted, h.reason AS halted_for, k.rule AS braked_by, k.reason AS braked_for
    FROM placed p
    FULL JOIN halted h ON h.lane = p.lane AND h.message_id = p.message_id
    FULL JOIN braked k ON k.lane = p.lane AND k.message_id = p.message_id
),
-- The rules of the context join last, after all that hashes and sorts. OFFSET 0 as in situated: rule is asked for often.
ruled AS (
    SELECT p.*, coalesce(p.own_windows, c.windows) AS windows, c.shares, c.ids, c.dated,
           CASE WHEN coalesce(p.still_open, 0) = 0 THEN coalesce(p.item_rule, 'PAID')
                WHEN p.halted THEN 'STOPPED'
                WHEN p.contact_point_id IS NULL THEN 'NO-CONTACT-POINT'
                WHEN p.unfit IS NOT NULL THEN CASE WHEN p.unfit LIKE 'not approved:%%' THEN 'NOT-REGISTERED' ELSE 'NO-PROVIDER' END
                WHEN NOT p.free THEN coalesce((p.refused[1]).rule, ((coalesce(p.own_windows, c.windows))[p.shut[1]]).id)
                WHEN NOT p.ready THEN 'PROVIDER-PAUSED'
                WHEN p.braked_by IS NOT NULL THEN p.braked_by
           END AS rule
    FROM halted_or_not p LEFT JOIN ruled_context c ON c.context = p.context
    OFFSET 0
),
verdict AS MATERIALIZED (
    SELECT lane, message_id, rule IS NULL AS allow, rule, route_at, channel, line, provider, contact_point_id,
           address_sealed, address_index, loans, waiting AS waits,
           address_index IS NOT NULL AND coalesce(shares, false) AS shared,
           CASE WHEN rule IS NULL THEN at
                WHEN waiting THEN opens_at
                WHEN rule IN ('STOPPED', 'PROVIDER-PAUSED') THEN at + %(pause)s
                -- Woken when their batch is decided; this is for a worker that missed it.
                WHEN rule IN ('BATCH-WAITS', 'BATCH-HELD') THEN at + interval '5 min'
                -- A fact may change it sooner than time does.
                ELSE least(at + %(recheck)s, opens_at) END AS not_before,
           CASE rule
                WHEN 'FEED-BEHIND' THEN format('payments known through %%s, needed through %%s', complete_through, grace_ends)
                WHEN 'DEBIT-PENDING' THEN debit
                WHEN 'BOOK-STALE' THEN stale
                WHEN 'STOPPED' THEN halted_for
                WHEN 'BATCH-HELD' THEN braked_for
                WHEN 'PROVIDER-PAUSED' THEN channel
                WHEN 'NOT-REGISTERED' THEN unfit
                WHEN 'NO-PROVIDER' THEN unfit
           END AS reason,
           CASE WHEN rule IS NULL OR NOT free AND refused_by_rule THEN
                jsonb_build_object('rule_set', %(rule_set)s::text, 'considered',
                    -- include: considered
                    , 'first_allowed', opens_at, 'rules',
                    CASE WHEN refused IS NULL AND shut IS NULL THEN '[]' ELSE
                        coalesce((SELECT jsonb_agg(jsonb_build_object('rule', r.rule, 'primitive', r.primitive, 'saw', r.saw))
                                  FROM unnest(refused) AS r), '[]')
                        || coalesce((SELECT jsonb_agg(jsonb_build_object('rule', (windows[n]).id, 'primitive', 'P1', 'saw',
                                            jsonb_build_object('zones', places, 'at', at, 'openings', (windows[n]).openings::text)))
                                     FROM unnest(shut) AS n), '[]') END)
           END AS verdict,
           -- Until a window shuts, or a block begins that is not there yet: a consent that ends, a hold to come.
           -- A task is a call to come: whether it may be made then, its permit says. Of a plan no provider has it yet.
           CASE WHEN rule IS NULL AND channel <> 'task' AND provider IS NOT NULL THEN
                least((SELECT min(lower(b)) FROM unnest(refusals) AS r CROSS JOIN unnest(r.blocked) AS b WHERE lower(b) > at),
                      first_shut(at, useful_until, places, windows, lifted))
                ELSE useful_until END AS valid_until
    FROM (SELECT r.*, NOT free AND contact_point_id IS NOT NULL
                      AND rule IS NOT DISTINCT FROM coalesce((refused[1]).rule, (windows[shut[1]]).id) AS refused_by_rule,
                 -- Hours, caps and cool-offs are over when they are over; anything else is looked at again.
                 rule IS NOT NULL AND NOT free AND opens_at IS NOT NULL
                 AND rule IS NOT DISTINCT FROM coalesce((refused[1]).rule, (windows[shut[1]]).id)
                 AND NOT EXISTS (SELECT 1 FROM unnest(refused) AS x WHERE x.primitive NOT IN ('P2', 'P3')) AS waiting
          FROM ruled r
          OFFSET 0) AS j
)

-- fragment: judge_units
-- Judges every row of unit: one address of one person about one debt, at one instant `at`. What is known of the person
-- comes along as arrays, so that the same text judges a claim, a plan, a permit, a scenario and a file of old contacts.
-- Needs the CTE
--   unit(lane, message_id, place, loan_id, region, zones, purpose, channel, actor, product, party, address_kind, actions,
--        lenders, provider_kind, by_debtor, daily_cap, at, until, address_index, template, group_id, suppressed,
--        registered, caller, contacts, consents, holds, wishes, notices)
-- where loan_id, product, address_kind, actions, lenders, provider_kind, daily_cap, address_index, template, registered may be null (not known
-- or none), zones null or empty is "wherever in the region"; contacts holds what was before `at`; caller '' is a hidden number, null not known;
-- until is how far a first allowed instant is looked for.
-- Parameters rules, region_zones, within: of RuleBook.parameters.
-- Gives judged_unit: unit's columns, refused (refusal[], null for none), shut (places in windows), windows, lifted,
-- caps, considered (rule ids), and not_before: the first instant from `at` on that all rules allow, taken together; null when
-- there is none up to `until`. It is `at` exactly when the unit is allowed.
rule AS MATERIALIZED (
    SELECT r AS one, r.* FROM jsonb_populate_recordset(NULL::compiled_rule, %(rules)s::jsonb) AS r
),
-- Many units look alike to the rules. A region's rules are those of all regions around it.
keyed AS (
    SELECT u.*, concat_ws('|', region, purpose, channel, actor, coalesce(product, '?'), party, coalesce(address_kind, '?'),
                          actions::text, coalesce(lenders::text, '?'), provider_kind, by_debtor, daily_cap IS NULL) AS context
    FROM unit u
),
context AS (
    SELECT DISTINCT ON (context) context, purpose, channel, actor, product, party, actions, lenders, provider_kind, by_debtor,
           daily_cap IS NOT NULL AS capped,
           coalesce(address_kind, CASE WHEN channel IN ('sms', 'voice') THEN 'mobile' ELSE 'home' END) AS address_kind,
           ARRAY['*', split_part(region, '-', 1), region, %(within)s::jsonb ->> region] AS regions,
           coalesce(%(region_zones)s::jsonb -> region, %(region_zones)s::jsonb -> (%(within)s::jsonb ->> region),
                    %(region_zones)s::jsonb -> split_part(region, '-', 1), %(region_zones)s::jsonb -> '*') AS region_zones
    FROM keyed ORDER BY context
),
matched AS (
    SELECT c.context, c.by_debtor, r.id, r.primitive, r.place, r.one, r.kinds, r.special,
           CASE WHEN r.fallback
                THEN r.in_force - coalesce(range_agg(r.in_force) FILTER (WHERE NOT r.fallback AND r.kin <> '')
                                           OVER (PARTITION BY c.context, r.kin), datemultirange())
                ELSE r.in_force END AS in_force
    FROM context c
    JOIN rule r ON r.regions && c.regions AND NOT coalesce(r.except_regions, ARRAY[]::text[]) && c.regions
               AND (r.purposes IS NULL OR c.purpose = ANY(r.purposes))
               AND (r.channels IS NULL OR c.channel = ANY(r.channels))
               AND (r.actors IS NULL OR c.actor = ANY(r.actors))
               AND (r.products IS NULL OR c.product IS NULL OR c.product = ANY(r.products))
               AND (r.parties IS NULL OR c.party = ANY(r.parties))
               AND (r.except_parties IS NULL OR c.party <> ALL(r.except_parties))
               AND (r.actions IS NULL OR r.actions && c.actions)
               AND (r.address_kinds IS NULL OR c.address_kind = ANY(r.address_kinds))
               AND (r.lenders IS NULL OR c.lenders IS NULL OR r.lenders && c.lenders)
               AND (r.providers IS NULL OR c.provider_kind = ANY(r.providers))
               AND (r.id <> 'DAILY-CAP' OR c.capped)
),
binding AS (
    SELECT context, id, primitive, place, in_force, by_debtor,
           CASE WHEN in_force = (one).in_force THEN one
                ELSE jsonb_populate_record(one, jsonb_build_object('in_force', in_force::text)) END AS one
    FROM matched WHERE NOT isempty(in_force)
),
-- What the debtor asked for is bound by no hours, caps or cool-offs.
ruled_context AS MATERIALIZED (
    SELECT c.context, c.region_zones,
           coalesce(array_agg(b.one ORDER BY b.place) FILTER (WHERE b.primitive = 'P1' AND NOT b.by_debtor), ARRAY[]::compiled_rule[]) AS windows,
           coalesce(array_agg(b.one ORDER BY b.place) FILTER (WHERE b.primitive IN ('P2', 'P3') AND NOT b.by_debtor), ARRAY[]::compiled_rule[]) AS caps,
           coalesce(array_agg(b.one ORDER BY b.place)
                    FILTER (WHERE b.primitive IN ('P4', 'P7', 'P10', 'P11')), ARRAY[]::compiled_rule[]) AS needs,
           coalesce(array_agg(b.one ORDER BY b.place)
                    FILTER (WHERE b.primitive IN ('P5', 'P6', 'P14', 'P15', 'P16')), ARRAY[]::compiled_rule[]) AS wished,
           coalesce(bool_or(b.primitive = 'P2' AND (b.one).most = 0), false) AS closed,
           coalesce(bool_or(b.primitive IN ('P2', 'P3') AND NOT b.by_debtor AND (b.one).per IN ('number', 'template')), false) AS shares,
           coalesce(array_agg(b.id ORDER BY b.place) FILTER (WHERE b.id IS NOT NULL), ARRAY[]::text[]) AS ids,
           coalesce(array_agg(b.one ORDER BY b.place) FILTER (WHERE b.in_force <> datemultirange(daterange(NULL, NULL))), ARRAY[]::compiled_rule[]) AS dated
    FROM context c LEFT JOIN binding b ON b.context = c.context  -- a contact that no rule looks at is judged as well
    GROUP BY c.context, c.region_zones
),
-- No row of this CTE or a later one carries the rules of its context along, which are many times as wide as the rest of it.
-- own_windows: where wishes add to the context's. From here to judged each row is computed as the next step asks for it and
-- written down nowhere; OFFSET 0 keeps what is computed once from being computed where it is used. Every row has its context:
-- LEFT, so that a nested loop cannot judge all of them again for each context.
situated AS (
    SELECT k.*, (k.at AT TIME ZONE coalesce(k.zones[1], r.region_zones ->> 0))::date AS today,
           CASE WHEN cardinality(k.zones) > 0 THEN k.zones
                ELSE ARRAY(SELECT jsonb_array_elements_text(r.region_zones)) END AS places,
           CASE WHEN NOT k.by_debtor AND cardinality(k.wishes) > 0 THEN
                r.windows || ARRAY(
                    SELECT jsonb_populate_record(p, jsonb_build_object('openings', wish_openings(w.wish)::text, 'off', datemultirange()::text,
                                                                       'overridable', false))
                    FROM unnest(r.wished) AS p CROSS JOIN unnest(k.wishes) AS w
                    WHERE p.primitive = 'P14' AND 'hours' = ANY(p.honours) AND w.kind = 'hours') END AS own_windows,
           CASE WHEN cardinality(k.consents) = 0 THEN tstzmultirange()
                ELSE consent_spans(k.consents, ARRAY['hours'], k.purpose, k.channel, k.address_index, NULL) END AS lifted
    FROM keyed k LEFT JOIN ruled_context r ON r.context = k.context
    OFFSET 0
),
blocked AS (
    SELECT s.*, w.refusals || n.refusals || c.refusals AS refusals,
           windows_shut(s.at, s.places, coalesce(s.own_windows, r.windows), s.lifted) AS shut
    FROM situated s
    LEFT JOIN ruled_context r ON r.context = s.context
    -- A cap lets go when the contact that fills it leaves the span: contacts lie in the past, so none comes anew while one waits.
    CROSS JOIN LATERAL (
        SELECT
           CASE WHEN cardinality(r.caps) > 0 AND (cardinality(s.contacts) > 0 OR r.closed) THEN (
               SELECT array_agg(ROW(f.id, f.primitive,
                                    CASE WHEN f.in_force = datemultirange(daterange(NULL, NULL))
                                         THEN tstzmultirange(tstzrange(NULL, f.free_at))
                                         ELSE instants_of(f.in_force, s.places) * tstzmultirange(tstzrange(NULL, f.free_at)) END,
                                    jsonb_build_object('most', f.most, 'taken', f.taken, 'unit', f.unit, 'days', f.days,
                                        'span', f.span, 'per', f.per, 'last_at', f.nth_at, 'free_at', f.free_at))::refusal
                                ORDER BY f.place)
               FROM (
                   SELECT n.*,
                          CASE WHEN n.most = 0 THEN NULL
                               WHEN n.span IS NOT NULL THEN n.nth_at + n.span
                               ELSE day_frees(n.nth_at, n.nth_on, n.days, s.places) END AS free_at
                   FROM (
                       SELECT g.place, g.id, g.primitive, g.in_force, g.unit, g.days, g.span, g.per, g.most,
                              count(g.key)::int AS taken,
                              (array_agg(g.at ORDER BY g.day DESC, g.at DESC))[g.most] AS nth_at,
                              (array_agg(g.local_on ORDER BY g.day DESC, g.at DESC))[g.most] AS nth_on
                       FROM (
                           SELECT cap.place, cap.id, cap.primitive, cap.in_force, cap.unit, cap.days, cap.span, cap.per,
                                  CASE WHEN cap.most < 0 THEN s.daily_cap ELSE cap.most END AS most,
                                  CASE cap.unit WHEN 'message' THEN k.group_id ELSE k.attempt_id END AS key,
                                  max(k.at) AS at, max(k.day) AS day, max(k.local_on) AS local_on
                           FROM unnest(r.caps) AS cap
                           LEFT JOIN (SELECT x.*, coalesce(x.local_on, (x.at AT TIME ZONE s.places[1])::date) AS day
                                      FROM unnest(s.contacts) AS x) AS k
                             -- One of several zones may be a day behind the first: day_frees has the last word.
                             ON CASE WHEN cap.span IS NOT NULL THEN k.at + cap.span > s.at
                                     ELSE k.day + cap.days >= s.today END
                            AND (cap.counts_channels IS NULL OR k.channel = ANY(cap.counts_channels))
                            AND (cap.counts_purposes IS NULL OR k.purpose = ANY(cap.counts_purposes))
                            AND k.reached >= CASE cap.unit WHEN 'delivered' THEN 1 WHEN 'connected' THEN 2
                                                           WHEN 'conversation' THEN 3 ELSE 0 END
                            AND NOT (cap.unanswered AND k.reached >= 2)
                            AND (cap.unit <> 'message' OR k.group_id IS DISTINCT FROM s.group_id)
                            AND CASE cap.per WHEN 'debt' THEN s.loan_id = ANY(k.loans)
                                             WHEN 'number' THEN k.address_index IS NOT DISTINCT FROM s.address_index
                                             WHEN 'template' THEN k.template = s.template
                                                                  AND k.address_index IS NOT DISTINCT FROM s.address_index
                                             ELSE true END
                           GROUP BY cap.place, cap.id, cap.primitive, cap.in_force, cap.unit, cap.days, cap.span, cap.per,
                                    cap.most, CASE cap.unit WHEN 'message' THEN k.group_id ELSE k.attempt_id END) AS g
                       GROUP BY g.place, g.id, g.primitive, g.in_force, g.unit, g.days, g.span, g.per, g.most
                       HAVING g.most = 0 OR count(g.key) >= g.most) AS n) AS f
               WHERE f.free_at IS NULL OR f.free_at > s.at) END AS refusals) AS c
    -- What a rule asks for before anything may go, whoever the person is.
    CROSS JOIN LATERAL (
        SELECT
           CASE WHEN cardinality(r.needs) > 0 THEN (
               SELECT array_agg(ROW(x.id, x.primitive, x.spans, x.saw)::refusal
                                ORDER BY x.place)
               FROM (SELECT y.*, CASE WHEN y.in_force = datemultirange(daterange(NULL, NULL)) THEN y.blocked
                                 ELSE instants_of(y.in_force, s.places) * y.blocked END AS spans FROM (
                   SELECT n.id, n.primitive, n.place, n.in_force,
                          CASE n.primitive
                               WHEN 'P4' THEN tstzmultirange(tstzrange(NULL, NULL)) -
                                    CASE WHEN 'contract' = ANY(n.kinds) AND s.loan_id IS NOT NULL AND s.party <> 'third'
                                              AND s.purpose <> 'marketing' THEN tstzmultirange(tstzrange(NULL, NULL))
                                         WHEN cardinality(s.consents) = 0 THEN tstzmultirange()
                                         ELSE consent_spans(s.consents, n.kinds, s.purpose, s.channel, s.address_index,
                                                            n.fresh_days) END
                               WHEN 'P7' THEN
                                    CASE WHEN s.party <> ALL(n.obligors) THEN tstzmultirange(tstzrange(NULL, NULL))
                                         WHEN n.after_refusal OR cardinality(s.holds) = 0 THEN tstzmultirange()
                                         ELSE coalesce(hold_spans(s.holds, ARRAY['refusal'], 'stop', s.loan_id, NULL, s.places),
                                                       tstzmultirange()) END
                               WHEN 'P10' THEN
                                    CASE WHEN (s.registered IS NULL OR n.registered <@ s.registered)
                                              AND (n.series IS NULL OR s.caller IS NULL OR EXISTS (
                                                   SELECT 1 FROM unnest(n.series) AS q
                                                   WHERE starts_with(ltrim(s.caller, '+'), rtrim(ltrim(q, '+'), 'xX*'))))
                                              AND NOT (n.shown AND coalesce(s.caller, '?') = '')
                                         THEN tstzmultirange() ELSE tstzmultirange(tstzrange(NULL, NULL)) END
                               WHEN 'P11' THEN tstzmultirange(tstzrange(NULL, least(
                                    notice_served(s.notices, n.notice, s.loan_id, n.wait_days, n.times, s.places),
                                    CASE WHEN n.spoken THEN notice_served(s.notices, 'conversation', s.loan_id, 0, 1, s.places) END)))
                          END AS blocked,
                          CASE n.primitive
                               WHEN 'P4' THEN jsonb_build_object('kinds', n.kinds, 'fresh_days', n.fresh_days)
                               WHEN 'P7' THEN jsonb_build_object('party', s.party, 'parties', n.obligors)
                               WHEN 'P10' THEN jsonb_build_object('needs', n.registered, 'has', s.registered,
                                                                  'series', n.series, 'shown', n.shown)
                               ELSE jsonb_build_object('notice', n.notice, 'wait_days', n.wait_days, 'times', n.times,
                                    'served', (SELECT count(*) FROM unnest(s.notices) AS q WHERE q.kind = n.notice))
                          END AS saw
                   FROM unnest(r.needs) AS n) AS y WHERE NOT isempty(y.blocked)) AS x
               WHERE NOT isempty(x.spans)) END AS refusals) AS n
    -- What the person said or what stands over them; most people have nothing of it.
    CROSS JOIN LATERAL (
        SELECT
           CASE WHEN s.suppressed OR s.address_kind = 'work'
                     OR cardinality(s.consents) + cardinality(s.holds) + cardinality(s.wishes) > 0 THEN (
               SELECT array_agg(ROW(x.id, x.primitive, x.spans, x.saw)::refusal
                                ORDER BY x.place)
               FROM (SELECT y.*, CASE WHEN y.in_force = datemultirange(daterange(NULL, NULL)) THEN y.blocked
                                 ELSE instants_of(y.in_force, s.places) * y.blocked END AS spans FROM (
                   SELECT w.id, w.primitive, w.place, w.in_force,
                          CASE WHEN w.id = 'SUPPRESSED' THEN CASE WHEN s.suppressed THEN tstzmultirange(tstzrange(NULL, NULL)) END
                               WHEN w.primitive = 'P5' THEN
                                    CASE WHEN cardinality(s.consents) > 0 THEN tstzmultirange(tstzrange(
                                         stopped_since(s.consents, 'contact', w.scope, s.purpose, s.channel, s.address_index),
                                         NULL)) * CASE WHEN stopped_since(s.consents, 'contact', w.scope, s.purpose, s.channel,
                                                                          s.address_index) IS NULL
                                                       THEN tstzmultirange() ELSE tstzmultirange(tstzrange(NULL, NULL)) END END
                               WHEN w.primitive = 'P6' AND s.purpose <> ALL(coalesce(w.lets_pass, ARRAY[]::text[])) THEN
                                    hold_spans(s.holds, w.kinds, 'stop', s.loan_id, w.days, s.places)
                               WHEN w.primitive = 'P16' AND w.special THEN
                                    hold_spans(s.holds, NULL, 'person', s.loan_id, NULL, s.places)
                               WHEN w.primitive = 'P15' AND w.refuses
                                    AND stopped_since(s.consents, 'automation', 'as-said', s.purpose, s.channel,
                                                      s.address_index) IS NOT NULL
                               THEN tstzmultirange(tstzrange(NULL, NULL))
                               WHEN w.primitive = 'P14' AND (
                                    'work-address' = ANY(w.honours) AND s.address_kind = 'work'
                                    AND (w.special AND s.channel = 'email' OR EXISTS (
                                         SELECT 1 FROM unnest(s.wishes) AS v
                                         WHERE v.kind = 'work-address' AND (v.wish ->> 'never')::boolean))
                                    OR EXISTS (
                                        SELECT 1 FROM unnest(s.wishes) AS v
                                        WHERE v.kind = ANY(w.honours || CASE WHEN 'channel' = ANY(w.honours) THEN 'person' END)
                                          AND (v.kind = 'channel' AND (v.wish -> 'refused' ? s.channel
                                                   OR v.wish ? 'allowed' AND NOT v.wish -> 'allowed' ? s.channel)
                                               OR v.kind = 'place' AND v.wish -> 'refused' ? coalesce(s.address_kind,
                                                   CASE WHEN s.channel IN ('sms', 'voice') THEN 'mobile' ELSE 'home' END)
                                               OR v.kind = 'attorney' AND coalesce((v.wish ->> 'represented')::boolean, true)
                                               OR v.kind = 'person' AND coalesce((v.wish ->> 'wanted')::boolean, true))))
                               THEN tstzmultirange(tstzrange(NULL, NULL))
                          END AS blocked,
                          CASE WHEN w.primitive IN ('P6', 'P16') THEN jsonb_build_object('holds', (
                                    SELECT jsonb_agg(DISTINCT h.kind) FROM unnest(s.holds) AS h
                                    WHERE h.effect = CASE WHEN w.primitive = 'P16' THEN 'person' ELSE 'stop' END
                                      AND (w.primitive = 'P16' OR h.kind = ANY(w.kinds))
                                      AND (h.loan_id IS NULL OR h.loan_id = s.loan_id)))
                               WHEN w.primitive = 'P5' THEN jsonb_build_object('channel', s.channel, 'scope', w.scope)
                               WHEN w.primitive = 'P14' THEN jsonb_build_object('channel', s.channel, 'address_kind', s.address_kind,
                                    'wishes', (SELECT jsonb_agg(v.kind) FROM unnest(s.wishes) AS v))
                          END AS saw
                   FROM unnest(r.wished) AS w) AS y WHERE NOT isempty(y.blocked)) AS x
               WHERE NOT isempty(x.spans)) END AS refusals) AS w
    OFFSET 0
),
judged AS MATERIALIZED (
    SELECT b.*,
           CASE WHEN b.refusals IS NOT NULL THEN (
               SELECT array_agg(r ORDER BY upper(r.blocked) IS NOT NULL) FROM unnest(b.refusals) AS r WHERE r.blocked @> b.at) END
               AS refused,
           CASE WHEN b.refusals IS NULL AND b.shut IS NULL THEN b.at
                ELSE first_allowed(b.at, b.until,
                                   coalesce((SELECT range_agg(r.blocked) FROM unnest(b.refusals) AS r), tstzmultirange()),
                                   b.places, coalesce(b.own_windows, c.windows), b.lifted) END AS not_before
    FROM blocked b LEFT JOIN ruled_context c ON c.context = b.context
),
judged_unit AS (
    SELECT j.*,
           -- include: considered
           AS considered
    FROM (SELECT u.*, coalesce(u.own_windows, c.windows) AS windows, c.caps, c.ids, c.dated
          FROM judged u JOIN ruled_context c ON c.context = u.context) AS j
)

-- fragment: considered
-- The ids of the rules that j was looked at by. j: judged, with ids and dated of its context.
CASE WHEN cardinality(j.dated) = 0 THEN j.ids
     ELSE ARRAY(SELECT i.id FROM unnest(j.ids) WITH ORDINALITY AS i (id, place)
                WHERE NOT EXISTS (SELECT 1 FROM unnest(j.dated) AS d WHERE d.id = i.id AND NOT EXISTS (
                    SELECT 1 FROM unnest(j.places) AS zone
                    WHERE d.in_force @> (j.at AT TIME ZONE zone)::date))
                ORDER BY i.place) END

-- name: what_if
-- Judges scenarios that are no row of any table. scenarios: jsonb array, as rules/scenarios.py makes it; and
-- RuleBook.parameters. Writes: nothing.
WITH unit AS (
    SELECT 0::smallint AS lane, s.message_id, 1 AS place, s.loan_id, s.region, s.zones, s.purpose, s.channel, s.actor, s.product, s.party,
           s.address_kind, s.actions, s.lenders, s.provider_kind, s.by_debtor, NULL::smallint AS daily_cap, s.at,
           s.at + make_interval(days => %(horizon_days)s) AS until, s.address_index, s.template, s.group_id,
           s.suppressed, s.registered, s.caller,
           ARRAY(SELECT k FROM jsonb_populate_recordset(NULL::seen_contact, s.contacts) AS k) AS contacts,
           ARRAY(SELECT k FROM jsonb_populate_recordset(NULL::seen_consent, s.consents) AS k) AS consents,
           ARRAY(SELECT k FROM jsonb_populate_recordset(NULL::seen_hold, s.holds) AS k) AS holds,
           ARRAY(SELECT k FROM jsonb_populate_recordset(NULL::seen_wish, s.wishes) AS k) AS wishes,
           ARRAY(SELECT k FROM jsonb_populate_recordset(NULL::seen_notice, s.notices) AS k)
           || ARRAY(SELECT ROW('conversation', loan, k.at)::seen_notice
                    FROM jsonb_populate_recordset(NULL::seen_contact, s.contacts) AS k CROSS JOIN unnest(k.loans) AS loan
                    WHERE k.reached >= 3) AS notices
    FROM jsonb_to_recordset(%(scenarios)s::jsonb)
        AS s (message_id uuid, loan_id uuid, region text, zones text[], purpose text, channel text, actor text, product text, party text,
              address_kind text, actions text[], lenders text[], provider_kind text, by_debtor boolean, at timestamptz,
              address_index bytea, template text, group_id uuid, suppressed boolean, registered text[], caller text,
              contacts jsonb, consents jsonb, holds jsonb, wishes jsonb, notices jsonb)
),
-- include: rules.judge_units
SELECT j.message_id, j.not_before IS NOT DISTINCT FROM j.at AS allow, j.not_before,
       (SELECT jsonb_agg(jsonb_build_object('rule', r.rule, 'primitive', r.primitive, 'saw', r.saw)) FROM unnest(j.refused) AS r)
           AS refused,
       (SELECT jsonb_agg(jsonb_build_object('rule', (j.windows[n]).id, 'primitive', (j.windows[n]).primitive,
                                            'saw', jsonb_build_object('zones', j.places, 'at', j.at,
                                                'openings', (j.windows[n]).openings::text)))
        FROM unnest(j.shut) AS n) AS shut,
       to_jsonb(j.considered) AS considered, j.places
FROM judged_unit j;

-- name: record_packs
-- Keep the content of packs; one that is known already is left as it is.
-- packs, digests, versions, contents: arrays of equal length; now. Writes: rule_pack_version
INSERT INTO rule_pack_version (pack, digest, version, content, recorded_at)
SELECT p.pack, p.digest, p.version, p.content, %(now)s
FROM unnest(%(packs)s::text[], %(digests)s::bytea[], %(versions)s::int[], %(contents)s::jsonb[])
     AS p (pack, digest, version, content)
ON CONFLICT DO NOTHING;

-- name: record_rule_set
-- Keep which packs make up a rule set; one that is known already is left as it is.
-- rule_set: bytea; packs: jsonb; turned_on: text[]; now. Writes: rule_set
INSERT INTO rule_set (rule_set, packs, turned_on, recorded_at)
VALUES (%(rule_set)s, %(packs)s::jsonb, %(turned_on)s::text[], %(now)s)
ON CONFLICT DO NOTHING;

-- name: packs_of_rule_set
-- The packs that a rule set was made of, with what they said.
-- rule_set: bytea, the digest or its first octets.
SELECT v.pack, v.version, v.content, s.turned_on
FROM rule_set s
CROSS JOIN jsonb_each_text(s.packs) AS named (pack, digest)
JOIN rule_pack_version v ON v.pack = named.pack AND v.digest = decode(named.digest, 'hex')
WHERE substring(s.rule_set FROM 1 FOR length(%(rule_set)s::bytea)) = %(rule_set)s::bytea
ORDER BY v.pack;

-- name: pack_versions
-- What was recorded of one pack under one version, the newest first: several, where a lender changed it.
-- pack: text; version: int.
SELECT content FROM rule_pack_version
WHERE pack = %(pack)s AND version = %(version)s
ORDER BY recorded_at DESC;

-- fragment: counted_since
-- Not later, in any zone, than the first day that a rule looks back to.
(%(now)s::timestamptz AT TIME ZONE 'UTC')::date - 1 - (SELECT max(value::int) FROM jsonb_each(%(look_back)s::jsonb))

-- name: contacts_of_persons
-- Contacts that persons had in other lanes than `read`, each as JSON with the person. borrower_id: in the lanes of `read` only
-- this one's are left out; null: everybody's. persons: uuid[]; lanes: all of them; now; look_back.
SELECT to_jsonb(k) || jsonb_build_object('person', m.person)
FROM (
    -- The UNION keeps the planner from reading all borrowers.
    SELECT b.lane, b.borrower_id, b.person_id AS person FROM borrower b WHERE b.person_id = ANY(%(persons)s::uuid[])
    UNION
    SELECT b.lane, b.borrower_id, b.borrower_id FROM borrower b
    WHERE b.lane = ANY(%(lanes)s::smallint[]) AND b.borrower_id = ANY(%(persons)s::uuid[])) AS m
JOIN contact k ON k.lane = m.lane AND k.borrower_id = m.borrower_id
WHERE (m.lane <> ALL(%(read)s::smallint[]) OR m.borrower_id <> %(borrower_id)s::uuid) AND k.local_on >=
-- include: counted_since
;

-- name: contacts_of_numbers
-- Contacts with numbers in other lanes than `read`, each as JSON. numbers: bytea[]; read: smallint[]; now; look_back.
SELECT to_jsonb(k) FROM contact k
WHERE k.lane <> ALL(%(read)s::smallint[]) AND k.address_index = ANY(%(numbers)s::bytea[]) AND k.local_on >=
-- include: counted_since
;
