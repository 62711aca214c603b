-- Corrections: a message to exactly those whom a wrong batch reached.

-- name: reached
-- Whom a batch reached, or may have reached: by channel, messages and people. batch_id.
WITH told AS (
    SELECT DISTINCT m.lane, m.borrower_id, m.message_id, a.channel
    FROM message m
    JOIN attempt a ON a.lane = m.lane AND a.message_id = m.message_id
    WHERE m.batch_id = %(batch_id)s AND a.state IN ('claimed', 'sent', 'delivered', 'read', 'unknown')
)
SELECT channel, count(*) AS messages, count(DISTINCT (lane, borrower_id)) AS borrowers
FROM told GROUP BY channel ORDER BY channel;

-- name: correct_batch
-- One message to each group of a batch that reached somebody, over the channel that reached last. Again, it makes none.
-- Whoever was refused or never tried gets none. It is judged like every message, and owed also to those who have paid.
-- batch_id; step: the correction's own; policy, policy_version, template, template_version: of the version in force; names_amount: whether
-- its text may; max_book_age: the policy's; now; useful_days.
-- Writes: message, message_item, history
WITH told AS (
    SELECT DISTINCT ON (m.lane, m.group_id) m.lane, m.group_id, m.borrower_id, m.party, m.actor, m.purpose, m.creditor, m.currency, a.channel
    FROM message m
    JOIN attempt a ON a.lane = m.lane AND a.message_id = m.message_id
    WHERE m.batch_id = %(batch_id)s AND a.state IN ('claimed', 'sent', 'delivered', 'read', 'unknown')
    ORDER BY m.lane, m.group_id, a.claimed_at DESC, a.seq DESC
),
correction AS (
    SELECT t.lane, t.group_id AS wrong_group, t.borrower_id, t.party, t.actor, t.purpose, t.creditor, t.currency, t.channel, b.zone,
           (%(now)s AT TIME ZONE b.zone)::date AS local_on,
           md5(concat_ws('|', 'correction', t.lane, t.group_id, %(batch_id)s::uuid))::uuid AS message_id
    FROM told t JOIN borrower b ON b.lane = t.lane AND b.borrower_id = t.borrower_id
),
inserted AS (
    INSERT INTO message (lane, message_id, group_id, borrower_id, party, actor, policy, policy_version, step, purpose, creditor,
        currency, bundle, template, template_version, route, daily_cap, corrects, zone, local_on, state, planned_for,
        not_before, useful_until, planned_at, changed_at)
    SELECT c.lane, c.message_id, c.message_id, c.borrower_id, c.party, c.actor, %(policy)s, %(policy_version)s, %(step)s, c.purpose,
           c.creditor, c.currency, 'correction ' || c.wrong_group, %(template)s, %(template_version)s,
           ARRAY[c.channel], 20, %(batch_id)s, c.zone, c.local_on, 'planned', %(now)s, %(now)s,
           local_instant(c.local_on + %(useful_days)s::int, '24:00', c.zone), %(now)s, %(now)s
    FROM correction c
    ON CONFLICT DO NOTHING
    RETURNING lane, message_id, borrower_id, route[1] AS channel
),
items AS (
    INSERT INTO message_item (lane, loan_id, number, borrower_id, policy, step, anchor_on, group_id, policy_version, rank,
        template, template_version, own_template, own_template_version, names_amount, max_book_age)
    SELECT DISTINCT x.lane, x.loan_id, x.number, c.borrower_id, %(policy)s, %(step)s, x.anchor_on, c.message_id,
           %(policy_version)s::int, 0, %(template)s, %(template_version)s::int, %(template)s, %(template_version)s::int,
           %(names_amount)s::boolean, %(max_book_age)s::interval
    FROM inserted n
    JOIN correction c ON c.lane = n.lane AND c.message_id = n.message_id
    JOIN message_item x ON x.lane = c.lane AND x.group_id = c.wrong_group
    ON CONFLICT DO NOTHING
),
noted AS (
    INSERT INTO history (lane, subject_id, version, subject, state, reason, at)
    SELECT lane, message_id, 1, 'message', 'planned', 'puts a wrong batch right', %(now)s FROM inserted
)
SELECT channel, count(*) AS messages, count(DISTINCT (lane, borrower_id)) AS borrowers
FROM inserted GROUP BY channel ORDER BY channel;
