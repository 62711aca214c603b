-- The message that carries the code to an address which a person gave us.

-- name: codes_today
-- How many were planned for a person on their day, but by one request. lane, borrower_id, step, now; besides: may be null.
SELECT count(*) FROM message m JOIN borrower b ON b.lane = m.lane AND b.borrower_id = m.borrower_id
WHERE m.lane = %(lane)s AND m.borrower_id = %(borrower_id)s AND m.step = %(step)s
  AND m.local_on = (%(now)s AT TIME ZONE b.zone)::date
  AND coalesce(m.message_id <> md5('verify|' || %(besides)s::text)::uuid, true);

-- name: plan_verification
-- One message to one contact point, asked for by the person, so bound by no hours and caps; in the name of the creditor of
-- the loan that the book has of them, an open one first. Its id is of the request: the same again plans
-- nothing, and is answered with it.
-- lane, borrower_id, contact_point_id, request_id, channel, step, actor, policy, policy_version, template, template_version,
-- now, useful_until. Writes: message, message_item, history
WITH spoken AS (
    SELECT l.creditor, l.currency, l.loan_id, i.number, i.due_on, b.zone, (%(now)s AT TIME ZONE b.zone)::date AS today
    FROM borrower b
    JOIN loan l ON l.lane = b.lane AND (l.borrower_id = b.borrower_id OR EXISTS (
         SELECT 1 FROM loan_party p WHERE p.lane = l.lane AND p.loan_id = l.loan_id AND p.borrower_id = b.borrower_id))
    JOIN installment i ON i.lane = l.lane AND i.loan_id = l.loan_id
    WHERE b.lane = %(lane)s AND b.borrower_id = %(borrower_id)s
    ORDER BY l.borrower_id <> b.borrower_id, l.state <> 'open', l.loan_id, i.number LIMIT 1
),
inserted AS (
    INSERT INTO message (lane, message_id, group_id, borrower_id, actor, policy, policy_version, step, purpose, creditor,
        currency, bundle, template, template_version, route, daily_cap, by_debtor, to_point, zone, local_on, state,
        planned_for, not_before, useful_until, planned_at, changed_at)
    SELECT %(lane)s, md5('verify|' || %(request_id)s::text)::uuid, md5('verify|' || %(request_id)s::text)::uuid, %(borrower_id)s,
           %(actor)s, %(policy)s, %(policy_version)s, %(step)s, 'status', s.creditor, s.currency,
           'verify ' || %(request_id)s::text, %(template)s, %(template_version)s, ARRAY[%(channel)s::text], 20, true,
           %(contact_point_id)s, s.zone, s.today, 'planned', %(now)s, %(now)s, %(useful_until)s, %(now)s, %(now)s
    FROM spoken s
    ON CONFLICT DO NOTHING
    RETURNING lane, message_id
),
items AS (
    INSERT INTO message_item (lane, loan_id, number, borrower_id, policy, step, anchor_on, group_id, policy_version, rank,
        template, template_version, own_template, own_template_version, names_amount)
    SELECT n.lane, s.loan_id, s.number, %(borrower_id)s, %(policy)s, %(step)s || ' ' || n.message_id, s.due_on, n.message_id,
           %(policy_version)s, 0, %(template)s, %(template_version)s, %(template)s, %(template_version)s, false
    FROM inserted n CROSS JOIN spoken s
    ON CONFLICT DO NOTHING
),
told AS (
    INSERT INTO history (lane, subject_id, version, subject, state, reason, at)
    SELECT lane, message_id, 1, 'message', 'planned', 'the person asked for it', %(now)s FROM inserted
)
SELECT message_id FROM inserted
UNION ALL
SELECT message_id FROM message WHERE lane = %(lane)s AND message_id = md5('verify|' || %(request_id)s::text)::uuid;
