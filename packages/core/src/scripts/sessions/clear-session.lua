-- clear-session: deletes a user's session.
--
-- KEYS[1] session  the session's string
--
-- Returns {'ok'}, whether or not there was one.
--
-- Idempotent: what is gone stays gone, and a call that nobody waits for any
-- more does not delete the session of a later login.

redis.call('DEL', KEYS[1])
return { 'ok' }
