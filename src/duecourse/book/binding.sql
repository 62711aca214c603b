-- Whose an OpenID is: invitations that people answer, who holds which OpenID, and what stops guessing.

-- name: invite
-- An invitation: lane and code_index of its code; borrower_key, provider, platform, way, by, now, expires_at. The same code
-- again writes nothing. Writes: wechat_invitation
INSERT INTO wechat_invitation (lane, code_index, borrower_key, provider, platform, way, invited_by, invited_at, expires_at)
VALUES (%(lane)s, %(code_index)s, %(borrower_key)s, %(provider)s, %(platform)s, %(way)s, %(by)s, %(now)s, %(expires_at)s)
ON CONFLICT DO NOTHING
RETURNING code_index;

-- name: withdraw_invitations
-- End what a borrower was invited by until now and did not answer: the new invitation takes its place.
-- borrower_key, provider, now. Writes: wechat_invitation
UPDATE wechat_invitation SET state = 'withdrawn', answered_at = %(now)s
WHERE borrower_key = %(borrower_key)s AND provider = %(provider)s AND state = 'open';

-- name: invitation
-- The open invitation of a code, locked until the end of the transaction. lane, code_index, provider, now.
SELECT borrower_key, platform, way FROM wechat_invitation
WHERE lane = %(lane)s AND code_index = %(code_index)s AND provider = %(provider)s AND state = 'open' AND expires_at > %(now)s
FOR UPDATE;

-- name: close_invitation
-- It was answered. lane, code_index, state (bound or refused), reason, address_index, now. Writes: wechat_invitation
UPDATE wechat_invitation SET state = %(state)s, reason = %(reason)s, address_index = %(address_index)s, answered_at = %(now)s
WHERE lane = %(lane)s AND code_index = %(code_index)s;

-- name: invitations
-- The latest, for staff. states: array; borrower_key: null for everybody; take: at most so many.
SELECT borrower_key, provider, way, state, reason, invited_by, invited_at, expires_at, answered_at
FROM wechat_invitation
WHERE state = ANY(%(states)s::text[]) AND coalesce(borrower_key = %(borrower_key)s, true)
ORDER BY invited_at DESC, code_index LIMIT %(take)s;

-- name: may_guess
-- Whether an OpenID may still try a code: fewer than `most` wrong ones since `since`. lane, address_index, since, most.
SELECT NOT EXISTS (SELECT 1 FROM wechat_guess
                   WHERE lane = %(lane)s AND address_index = %(address_index)s AND began_at > %(since)s AND guesses >= %(most)s)
       AS allowed;

-- name: count_guess
-- A wrong code was tried; counting begins anew after an hour. lane, address_index, since, now. Writes: wechat_guess
INSERT INTO wechat_guess AS g (lane, address_index, guesses, began_at)
VALUES (%(lane)s, %(address_index)s, 1, %(now)s)
ON CONFLICT (lane, address_index) DO UPDATE
SET guesses = CASE WHEN g.began_at > %(since)s THEN g.guesses + 1 ELSE 1 END,
    began_at = CASE WHEN g.began_at > %(since)s THEN g.began_at ELSE EXCLUDED.began_at END;

-- name: hold_openid
-- Make a borrower the holder of an OpenID unless somebody is; answers who is, the row locked until the end of the transaction.
-- lane, address_index, platform, borrower_key, way, by, now. Writes: wechat_binding
INSERT INTO wechat_binding AS b (lane, address_index, platform, borrower_key, way, bound_by, bound_at)
VALUES (%(lane)s, %(address_index)s, %(platform)s, %(borrower_key)s, %(way)s, %(by)s, %(now)s)
ON CONFLICT (lane, address_index, platform) DO UPDATE SET borrower_key = b.borrower_key
RETURNING borrower_key;

-- name: replace_holder
-- The holder before has the OpenID no more, or is the same person. As hold_openid. Writes: wechat_binding
UPDATE wechat_binding SET borrower_key = %(borrower_key)s, way = %(way)s, bound_by = %(by)s, bound_at = %(now)s
WHERE lane = %(lane)s AND address_index = %(address_index)s AND platform = %(platform)s;

-- name: holds_address
-- Whether a WeChat address is in force for a borrower. lane, borrower_id, address_index.
SELECT EXISTS (SELECT 1 FROM contact_point
               WHERE lane = %(lane)s AND borrower_id = %(borrower_id)s AND channel = 'wechat'
                 AND address_index = %(address_index)s AND state = 'active') AS holds;
