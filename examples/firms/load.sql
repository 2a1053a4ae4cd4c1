-- Loads both panels into firms.db, from the folder examples/firms:
--     sqlite3 firms.db < load.sql
-- Lines that begin with a point are the shell's own; the rest is plain SQL over two tables of text.

.mode csv
.import data/grunfeld.csv grunfeld_csv
.import data/empluk.csv empluk_csv

BEGIN;

-- ── the American panel ─────────────────────────────────────────────────────
-- The source counts in millions of dollars with at most three decimals: whole dollars hold them exactly.

-- All eleven are there in every year; nothing says that one has left.
CREATE TABLE companies (
    id         TEXT PRIMARY KEY,
    entered_on TEXT NOT NULL,
    left_on    TEXT
) STRICT;

CREATE TABLE company_years (
    company_id   TEXT    NOT NULL REFERENCES companies (id),
    year_end     TEXT    NOT NULL,
    investment   INTEGER NOT NULL,
    market_value INTEGER NOT NULL,
    capital      INTEGER NOT NULL,
    PRIMARY KEY (company_id, year_end)
) STRICT;

INSERT INTO companies (id, entered_on)
SELECT firm, min(CAST(year AS INTEGER)) || '-12-31' FROM grunfeld_csv GROUP BY firm;

INSERT INTO company_years (company_id, year_end, investment, market_value, capital)
SELECT firm,
       year || '-12-31',
       CAST(round(investment_musd * 1000000) AS INTEGER),
       CAST(round(market_value_musd * 1000000) AS INTEGER),
       CAST(round(capital_musd * 1000000) AS INTEGER)
FROM grunfeld_csv;

-- ── the British panel ──────────────────────────────────────────────────────
-- Numbers with up to nine decimals: a REAL reads back as the same digits.

CREATE TABLE sectors (
    id INTEGER PRIMARY KEY
) STRICT;

-- A firm is of the panel from its first report until two years after its last; those of the last year are still there.
CREATE TABLE firms (
    id         INTEGER PRIMARY KEY,
    sector_id  INTEGER NOT NULL REFERENCES sectors (id),
    entered_on TEXT    NOT NULL,
    left_on    TEXT
) STRICT;

CREATE TABLE firm_years (
    firm_id      INTEGER NOT NULL REFERENCES firms (id),
    year_end     TEXT    NOT NULL,
    people       REAL    NOT NULL,
    real_wage    REAL    NOT NULL,
    capital      REAL    NOT NULL,
    output_index REAL    NOT NULL,
    PRIMARY KEY (firm_id, year_end)
) STRICT;

INSERT INTO sectors (id) SELECT DISTINCT CAST(sector AS INTEGER) FROM empluk_csv;

INSERT INTO firms (id, sector_id, entered_on, left_on)
SELECT CAST(firm AS INTEGER),
       max(CAST(sector AS INTEGER)),
       min(CAST(year AS INTEGER)) || '-12-31',
       CASE WHEN max(CAST(year AS INTEGER)) < (SELECT max(CAST(year AS INTEGER)) FROM empluk_csv)
            THEN (max(CAST(year AS INTEGER)) + 2) || '-12-31' END
FROM empluk_csv
GROUP BY firm;

INSERT INTO firm_years (firm_id, year_end, people, real_wage, capital, output_index)
SELECT CAST(firm AS INTEGER),
       year || '-12-31',
       CAST(employees_thousand AS REAL),
       CAST(real_wage AS REAL),
       CAST(capital AS REAL),
       CAST(output_index AS REAL)
FROM empluk_csv;

DROP TABLE grunfeld_csv;
DROP TABLE empluk_csv;

COMMIT;
