-- Orders at gateways, what became of them, and what of it is in the book.

-- name: open_request
-- The open order of a person for one thing, locked. lane, borrower_id, currency, scope.
SELECT * FROM payment_request
WHERE lane = %(lane)s AND borrower_id = %(borrower_id)s AND currency = %(currency)s AND scope = %(scope)s AND state = 'open'
FOR UPDATE;

-- name: add_request
-- A new order; the same one again is none. All: as its columns. Writes: payment_request
INSERT INTO payment_request (lane, request_id, borrower_id, gateway, scope, currency, amount_minor, shares, created_at,
                             expires_at, ask_at)
VALUES (%(lane)s, %(request_id)s, %(borrower_id)s, %(gateway)s, %(scope)s, %(currency)s, %(amount_minor)s, %(shares)s,
        %(wall)s, %(expires_at)s, %(ask_at)s)
ON CONFLICT DO NOTHING;

-- name: replace_request
-- Another order takes its place; money that comes for it still counts. lane, request_id. Writes: payment_request
UPDATE payment_request SET state = 'replaced' WHERE lane = %(lane)s AND request_id = %(request_id)s AND state = 'open';

-- name: request
-- One order. lane, request_id.
SELECT * FROM payment_request WHERE lane = %(lane)s AND request_id = %(request_id)s;

-- name: lock_request
-- One order, locked until the end of the transaction. lane, request_id.
SELECT * FROM payment_request WHERE lane = %(lane)s AND request_id = %(request_id)s FOR UPDATE;

-- name: keep_start
-- The gateway has taken the order. lane, request_id, way, pay_url, reference. Writes: payment_request
UPDATE payment_request SET way = %(way)s, pay_url = %(pay_url)s, reference = %(reference)s
WHERE lane = %(lane)s AND request_id = %(request_id)s;

-- name: close_request
-- It cannot be paid any more. lane, request_id. Writes: payment_request
UPDATE payment_request SET state = 'closed', ask_at = NULL
WHERE lane = %(lane)s AND request_id = %(request_id)s AND state IN ('open', 'replaced');

-- name: settle_request
-- It was paid, or all of it went back. lane, request_id, state. Writes: payment_request
UPDATE payment_request SET state = %(state)s, ask_at = NULL WHERE lane = %(lane)s AND request_id = %(request_id)s;

-- name: due_questions
-- Orders to be asked about, the longest due first. wall, most: how many.
SELECT lane, request_id, created_at, expires_at FROM payment_request WHERE ask_at <= %(wall)s ORDER BY ask_at LIMIT %(most)s;

-- name: take_questions
-- Of these orders those that are still due, with when each is asked about next. lanes, request_ids, next_at: parallel arrays,
-- null for no more; wall. Writes: payment_request
UPDATE payment_request r SET asked_at = %(wall)s, ask_at = due.next_at
FROM unnest(%(lanes)s::smallint[], %(request_ids)s::uuid[], %(next_at)s::timestamptz[]) AS due (lane, request_id, next_at)
WHERE r.lane = due.lane AND r.request_id = due.request_id AND r.ask_at <= %(wall)s
RETURNING r.*;

-- name: take_question
-- The order, if nobody has asked about it since. lane, request_id, wall, since. Writes: payment_request
UPDATE payment_request SET asked_at = %(wall)s
WHERE lane = %(lane)s AND request_id = %(request_id)s AND state IN ('open', 'replaced')
  AND (asked_at IS NULL OR asked_at <= %(since)s)
RETURNING *;

-- name: add_trade
-- A trade as it is first heard of. lane, gateway, trade_no, order_no, request_id, currency, wall. Writes: gateway_trade
INSERT INTO gateway_trade (lane, gateway, trade_no, order_no, request_id, currency, recorded_at)
VALUES (%(lane)s, %(gateway)s, %(trade_no)s, %(order_no)s, %(request_id)s, %(currency)s, %(wall)s)
ON CONFLICT DO NOTHING;

-- name: lock_trade
-- A trade, locked until the end of the transaction. lane, gateway, trade_no.
SELECT * FROM gateway_trade
WHERE lane = %(lane)s AND gateway = %(gateway)s AND trade_no = %(trade_no)s FOR UPDATE;

-- name: trades_of_request
-- lane, request_id.
SELECT * FROM gateway_trade WHERE lane = %(lane)s AND request_id = %(request_id)s ORDER BY paid_at, gateway, trade_no;

-- name: paid_trade
-- Its amount and time, said once. lane, gateway, trade_no, amount_minor, at. Writes: gateway_trade
UPDATE gateway_trade SET paid_minor = %(amount_minor)s, paid_at = %(at)s
WHERE lane = %(lane)s AND gateway = %(gateway)s AND trade_no = %(trade_no)s AND paid_minor IS NULL;

-- name: add_refund
-- A refund by its number; where it has none, the larger sum so far. lane, gateway, trade_no, refund_no, amount_minor, at.
-- Writes: gateway_refund
INSERT INTO gateway_refund AS r (lane, gateway, trade_no, refund_no, amount_minor, at)
VALUES (%(lane)s, %(gateway)s, %(trade_no)s, %(refund_no)s, %(amount_minor)s, %(at)s)
ON CONFLICT (lane, gateway, trade_no, refund_no) DO UPDATE
SET amount_minor = EXCLUDED.amount_minor, at = EXCLUDED.at
WHERE EXCLUDED.refund_no = '' AND EXCLUDED.amount_minor > r.amount_minor;

-- name: refunded_of
-- How much of a trade went back and when the last of it: the numbered refunds together, or the sum so far, the larger.
-- lane, gateway, trade_no.
SELECT greatest(coalesce(sum(amount_minor) FILTER (WHERE refund_no <> ''), 0),
                coalesce(max(amount_minor) FILTER (WHERE refund_no = ''), 0))::bigint AS minor,
       max(at) AS at
FROM gateway_refund WHERE lane = %(lane)s AND gateway = %(gateway)s AND trade_no = %(trade_no)s;

-- name: keep_booking
-- What of a trade is in the book now, and why a person must look; a new reason asks again. lane, gateway, trade_no,
-- refunded_minor, refunded_at, booked, booked_as, flags. Writes: gateway_trade
UPDATE gateway_trade
SET refunded_minor = %(refunded_minor)s, refunded_at = %(refunded_at)s, booked = %(booked)s, booked_as = %(booked_as)s,
    looked_by = CASE WHEN flags @> %(flags)s::text[] THEN looked_by END,
    looked_at = CASE WHEN flags @> %(flags)s::text[] THEN looked_at END,
    flags = %(flags)s
WHERE lane = %(lane)s AND gateway = %(gateway)s AND trade_no = %(trade_no)s;

-- name: flag_twice
-- An order was paid more than once: every payment of it says so. lane, request_id. Writes: gateway_trade
UPDATE gateway_trade SET flags = array_append(flags, 'twice'), looked_by = NULL, looked_at = NULL
WHERE lane = %(lane)s AND request_id = %(request_id)s AND paid_minor IS NOT NULL AND NOT 'twice' = ANY(flags);

-- name: trades
-- Trades, the newest first. flagged: only those that a person must look at; most: how many.
SELECT gateway, trade_no, order_no, request_id, currency, paid_minor, paid_at, refunded_minor, flags, looked_by, looked_at, note,
       booked
FROM gateway_trade
WHERE NOT %(flagged)s OR (cardinality(flags) > 0 AND looked_at IS NULL)
ORDER BY coalesce(paid_at, refunded_at, recorded_at) DESC, gateway, trade_no LIMIT %(most)s;

-- name: look_at
-- Somebody has looked at a trade. gateway, trade_no, by, wall, note. Writes: gateway_trade
UPDATE gateway_trade SET looked_by = %(by)s, looked_at = %(wall)s, note = %(note)s
WHERE gateway = %(gateway)s AND trade_no = %(trade_no)s AND cardinality(flags) > 0 AND looked_at IS NULL
RETURNING lane;

-- name: only_creditor
-- The creditors of the book, two at most.
SELECT DISTINCT creditor FROM loan LIMIT 2;

-- name: add_sandbox_trade
-- The bank of the sandbox took money; the same press again takes none. All: as its columns. Writes: sandbox_trade
INSERT INTO sandbox_trade (lane, order_no, trade_no, currency, amount_minor, paid_at, known_at)
VALUES (%(lane)s, %(order_no)s, %(trade_no)s, %(currency)s, %(amount_minor)s, %(paid_at)s, %(known_at)s)
ON CONFLICT DO NOTHING;

-- name: sandbox_trades
-- What the bank of the sandbox tells of an order by then. lane, order_no, wall.
SELECT trade_no, currency, amount_minor, paid_at FROM sandbox_trade
WHERE lane = %(lane)s AND order_no = %(order_no)s AND known_at <= %(wall)s ORDER BY trade_no;

-- name: wall_clock
-- The database's own clock, by which gateways live.
SELECT clock_timestamp();
