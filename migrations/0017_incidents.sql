-- What reports of a source look like, and how far one may reach. A source of before reached as many as its
-- target has.
ALTER TABLE hooks ADD COLUMN adapter TEXT NOT NULL DEFAULT 'generic';
ALTER TABLE hooks ADD COLUMN reach BIGINT NOT NULL DEFAULT 1000000;
-- How long it suspends, in milliseconds.
ALTER TABLE hooks ADD COLUMN suspend_ms BIGINT;
ALTER TABLE hooks ADD COLUMN disabled_at BIGINT;

-- The inbox: every alert that came in, and what was made of it.
CREATE TABLE incidents (
    incident_id TEXT   NOT NULL PRIMARY KEY,
    source      TEXT   NOT NULL,
    -- The same for every delivery of one alert in one state.
    event_id    TEXT   NOT NULL,
    -- The same for all states of one alert.
    alert_key   TEXT   NOT NULL,
    body        BYTEA  NOT NULL,
    at          BIGINT NOT NULL,
    -- Whose it is; NULL where nobody's.
    tenant      TEXT,
    -- What was asked for, and what is to be done: 'suspend', 'revoke', 'reinstate', or nothing.
    asked       TEXT   NOT NULL,
    action      TEXT   NOT NULL,
    target      TEXT   NOT NULL,
    reason      TEXT   NOT NULL,
    note        TEXT,
    -- How long a suspension lasts, in milliseconds.
    suspend_ms  BIGINT,
    -- How many subjects it reaches.
    reach       BIGINT NOT NULL,
    outcome     TEXT   NOT NULL,
    why         TEXT   NOT NULL,
    -- The order that was given, and the position of its event.
    order_id    TEXT,
    told_at     TEXT,
    decided_by  TEXT,
    decided_at  BIGINT,
    -- When its source, or an operator, said that it is over.
    ended_at    BIGINT,
    UNIQUE (source, event_id)
);
CREATE INDEX incidents_by_time ON incidents (at, incident_id);
CREATE INDEX incidents_by_source ON incidents (source, at);
CREATE INDEX incidents_by_alert ON incidents (source, alert_key);
CREATE INDEX incidents_by_target ON incidents (target);
