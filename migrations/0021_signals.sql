-- Where security event tokens of a source are fetched, where it does not push them; NULL where it does.
ALTER TABLE hooks ADD COLUMN poll_url TEXT;
-- What is shown there.
ALTER TABLE hooks ADD COLUMN poll_token TEXT;
-- Whose turn it is: a replica that takes it raises the number, and so does who changes the source.
ALTER TABLE hooks ADD COLUMN poll_turn BIGINT NOT NULL DEFAULT 0;
-- Until when that replica alone polls, and from when on the next one may.
ALTER TABLE hooks ADD COLUMN poll_leased_until BIGINT NOT NULL DEFAULT 0;
ALTER TABLE hooks ADD COLUMN poll_next_at BIGINT NOT NULL DEFAULT 0;
-- When it was last answered, how often it has failed since, and why.
ALTER TABLE hooks ADD COLUMN polled_at BIGINT;
ALTER TABLE hooks ADD COLUMN poll_failures BIGINT NOT NULL DEFAULT 0;
ALTER TABLE hooks ADD COLUMN poll_error TEXT;

-- Whom security event tokens are for; NULL where messages are no such tokens. For these `scheme` is 'push',
-- with what is shown to the receiver, or 'poll', with the SHA-256 of what it shows. Deliveries that are
-- fetched are 'waiting' instead of 'due'.
ALTER TABLE webhooks ADD COLUMN audience TEXT;
