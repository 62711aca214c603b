-- What a person asked for: a call by a person, a link to pay by SMS, a word that it is really us.

-- name: answered_message
-- The message and the policy that an attempt was of. lanes: all of them; attempt_id.
SELECT a.lane, m.policy FROM attempt a
JOIN message m ON m.lane = a.lane AND m.message_id = a.message_id
WHERE a.lane = ANY(%(lanes)s::smallint[]) AND a.attempt_id = %(attempt_id)s;

-- name: answer_attempt
-- One message to the person who asked, about what the attempt spoke of, whatever the repetition. lane, attempt_id; wish: call-me,
-- pay-link or authenticity; channel; template, template_version: null takes the message's own; names_amount; useful_days; now.
-- Writes: message, message_item, history
WITH asked AS (
    SELECT m.*, b.zone AS zone_now, (%(now)s AT TIME ZONE b.zone)::date AS today,
           md5(concat_ws('|', 'answer', a.attempt_id, %(wish)s::text))::uuid AS answer_id
    FROM attempt a
    JOIN message m ON m.lane = a.lane AND m.message_id = a.message_id
    JOIN borrower b ON b.lane = m.lane AND b.borrower_id = m.borrower_id
    WHERE a.lane = %(lane)s AND a.attempt_id = %(attempt_id)s
),
inserted AS (
    INSERT INTO message (lane, message_id, group_id, borrower_id, party, actor, policy, policy_version, step, purpose, creditor,
        currency, bundle, template, template_version, route, daily_cap, by_debtor, event_id, zone, local_on, state, planned_for, not_before,
        useful_until, planned_at, changed_at)
    SELECT q.lane, q.answer_id, q.answer_id, q.borrower_id, q.party, q.actor, q.policy, q.policy_version, %(wish)s, q.purpose,
           q.creditor, q.currency, %(wish)s || ' ' || %(attempt_id)s::uuid, coalesce(%(template)s, q.template),
           coalesce(%(template_version)s::int, q.template_version), ARRAY[%(channel)s::text], 20, true, q.event_id, q.zone_now, q.today, 'planned',
           %(now)s, %(now)s, local_instant(q.today + %(useful_days)s::int, '24:00', q.zone_now), %(now)s, %(now)s
    FROM asked q
    ON CONFLICT DO NOTHING
    RETURNING lane, message_id, borrower_id, template, template_version
),
items AS (
    INSERT INTO message_item (lane, loan_id, number, borrower_id, policy, step, anchor_on, group_id, policy_version, rank,
        template, template_version, own_template, own_template_version, names_amount, max_book_age, event_id)
    SELECT DISTINCT x.lane, x.loan_id, x.number, n.borrower_id, x.policy, %(wish)s || ' ' || n.message_id, x.anchor_on, n.message_id,
           x.policy_version, 0, n.template, n.template_version, n.template, n.template_version,
           coalesce(%(names_amount)s::boolean, x.names_amount), x.max_book_age, x.event_id
    FROM inserted n
    JOIN asked q ON q.lane = n.lane AND q.answer_id = n.message_id
    JOIN message_item x ON x.lane = q.lane AND x.group_id = q.group_id
    ON CONFLICT DO NOTHING
),
told AS (
    INSERT INTO history (lane, subject_id, version, subject, state, reason, at)
    SELECT lane, message_id, 1, 'message', 'planned', 'the person asked for it', %(now)s FROM inserted
)
SELECT message_id FROM inserted;
