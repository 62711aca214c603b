-- The one message that confirms a word to stop.

-- name: find_stopped
-- To whom, and about which debt and policy, the word to stop at an address is confirmed: the holder whom we contacted last
-- there, else the first. channel; address_index, or null: the first address of the channel of borrower_id; borrower_id, or
-- null for whoever holds the address; lanes: all of them; now.
-- resumed_at: the last word that let us contact again: the next stop after it is another one.
WITH spoken AS (
    SELECT k.lane, k.borrower_id, k.loan_id, m.policy
    FROM contact k
    LEFT JOIN message m ON m.lane = k.lane AND m.group_id = k.group_id
    WHERE k.address_index = %(address_index)s AND k.channel = %(channel)s AND k.weight = 1 AND k.source = 'ours'
      AND k.at <= %(now)s
    ORDER BY k.at DESC, k.lane, k.borrower_id, k.loan_id LIMIT 1
),
holder AS MATERIALIZED (
    SELECT c.lane, c.borrower_id, c.contact_point_id, c.address_index, c.rank
    FROM contact_point c
    WHERE c.address_index = %(address_index)s AND c.channel = %(channel)s AND c.state = 'active'
    UNION ALL
    SELECT c.lane, c.borrower_id, c.contact_point_id, c.address_index, c.rank
    FROM contact_point c
    WHERE %(address_index)s::bytea IS NULL AND c.lane = ANY(%(lanes)s::smallint[]) AND c.borrower_id = %(borrower_id)s
      AND c.channel = %(channel)s AND c.state = 'active'
),
debt AS MATERIALIZED (
    SELECT h.lane, h.borrower_id, l.loan_id, 'borrower' AS party
    FROM holder h JOIN loan l ON l.lane = h.lane AND l.borrower_id = h.borrower_id
    UNION
    SELECT h.lane, h.borrower_id, p.loan_id, p.role
    FROM holder h JOIN loan_party p ON p.lane = h.lane AND p.borrower_id = h.borrower_id
    WHERE p.role IN ('co-borrower', 'guarantor')
)
SELECT h.lane, h.borrower_id, h.contact_point_id, h.address_index, b.region, b.zone, (%(now)s AT TIME ZONE b.zone)::date AS local_on,
       d.party, l.loan_id, l.creditor, l.currency, i.number, i.due_on, s.policy,
       (SELECT max(x.effective_at) FROM consent x
        WHERE x.lane = b.lane AND x.borrower_id = b.borrower_id AND x.kind = 'contact' AND x.granted
          AND x.effective_at <= %(now)s AND coalesce(x.channel = %(channel)s, true)
          AND coalesce(x.address_index = h.address_index, true)) AS resumed_at
FROM holder h
JOIN borrower b ON b.lane = h.lane AND b.borrower_id = h.borrower_id AND b.merged_into IS NULL
JOIN debt d ON d.lane = h.lane AND d.borrower_id = h.borrower_id
JOIN loan l ON l.lane = d.lane AND l.loan_id = d.loan_id
JOIN installment i ON i.lane = l.lane AND i.loan_id = l.loan_id
LEFT JOIN spoken s ON s.lane = h.lane AND s.borrower_id = h.borrower_id
ORDER BY s.lane IS NULL, s.loan_id IS DISTINCT FROM l.loan_id, h.rank, b.home_lane IS NOT NULL, h.lane, h.borrower_id, l.state <> 'open',
         d.party, l.loan_id, i.number
LIMIT 1;

-- name: confirm_stop
-- One confirmation of one word, whatever its repetition: its id is of the address and of when it was last free. It passes
-- the word that was just recorded, and every word of the same scope. lanes: all of them; message_id; a row of find_stopped; channel; evidence, at: of the
-- word; policy, policy_version, template, template_version, actor, names_amount, max_book_age; now, useful_until.
-- Writes: message, message_item, history
WITH word AS (
    SELECT array_agg(x.consent_id) AS ids FROM consent x
    WHERE x.lane = %(lane)s AND x.borrower_id = %(borrower_id)s AND x.kind = 'contact' AND NOT x.granted
      AND x.evidence = %(evidence)s AND x.effective_at = %(at)s
),
inserted AS (
    INSERT INTO message (lane, message_id, group_id, borrower_id, party, actor, policy, policy_version, step, purpose, creditor,
        currency, bundle, template, template_version, route, daily_cap, confirms, to_point, zone, local_on, state, planned_for,
        not_before, useful_until, planned_at, changed_at)
    SELECT %(lane)s, %(message_id)s, %(message_id)s, %(borrower_id)s, %(party)s, %(actor)s, %(policy)s, %(policy_version)s,
           'opt-out-confirmation', 'confirmation', %(creditor)s, %(currency)s, 'opt-out ' || %(message_id)s::uuid, %(template)s,
           %(template_version)s, ARRAY[%(channel)s::text], 20, word.ids, %(contact_point_id)s, %(zone)s, %(local_on)s, 'planned', %(now)s,
           %(now)s, %(useful_until)s, %(now)s, %(now)s
    FROM word
    WHERE word.ids IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM message o WHERE o.lane = ANY(%(lanes)s::smallint[]) AND o.message_id = %(message_id)s)
    ON CONFLICT DO NOTHING
    RETURNING lane, message_id
),
items AS (
    INSERT INTO message_item (lane, loan_id, number, borrower_id, policy, step, anchor_on, group_id, policy_version, rank,
        template, template_version, own_template, own_template_version, names_amount, max_book_age)
    SELECT n.lane, %(loan_id)s, %(number)s, %(borrower_id)s, %(policy)s, 'opt-out-confirmation ' || n.message_id, %(due_on)s, n.message_id,
           %(policy_version)s, 0, %(template)s, %(template_version)s, %(template)s, %(template_version)s, %(names_amount)s,
           %(max_book_age)s
    FROM inserted n
),
told AS (
    INSERT INTO history (lane, subject_id, version, subject, state, reason, at)
    SELECT lane, message_id, 1, 'message', 'planned', 'confirms a word to stop', %(now)s FROM inserted
)
SELECT message_id FROM inserted;
