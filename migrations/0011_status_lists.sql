-- Token Status Lists: every passport has a place in one, 2^20 to a list.

-- The next place that nobody has been given.
CREATE TABLE status_lists (
    singleton SMALLINT NOT NULL PRIMARY KEY CHECK (singleton = 1),
    next      BIGINT   NOT NULL
);
INSERT INTO status_lists (singleton, next) VALUES (1, 0);

-- The list's number times 2^20, plus the place in it. Passports of before have none.
ALTER TABLE passports ADD COLUMN status_index BIGINT;
CREATE UNIQUE INDEX passports_by_status ON passports (status_index);
