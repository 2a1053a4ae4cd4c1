-- A small group of hospitals on 7 December 2026, made up: two houses, five wards, something wrong in each corner.
-- Moments are in UTC, days are days, money is in cents.

CREATE TABLE hospitals (id TEXT PRIMARY KEY, name TEXT, status TEXT);
CREATE TABLE wards (id TEXT PRIMARY KEY, hospital_id TEXT, name TEXT, kind TEXT, status TEXT, head TEXT);
CREATE TABLE bed_counts (ward_id TEXT, counted_at TEXT, beds INTEGER, occupied INTEGER, midnight INTEGER, PRIMARY KEY (ward_id, counted_at));
CREATE TABLE bed_allotments (ward_id TEXT PRIMARY KEY, beds INTEGER);
CREATE TABLE reliefs (id TEXT PRIMARY KEY, ward_id TEXT, way TEXT, beds INTEGER, cost INTEGER);
CREATE TABLE staff (id TEXT PRIMARY KEY, ward_id TEXT, name TEXT, skill TEXT, source TEXT, status TEXT);
CREATE TABLE shifts (id TEXT PRIMARY KEY, ward_id TEXT, kind TEXT, starts_at TEXT, needed INTEGER);
CREATE TABLE duties (shift_id TEXT, person_id TEXT, status TEXT, worked_on TEXT, length REAL, PRIMARY KEY (shift_id, person_id));
CREATE TABLE admissions (id TEXT PRIMARY KEY, ward_id TEXT, kind TEXT, arrived_at TEXT, seen_at TEXT, discharged_at TEXT, patient TEXT);
CREATE TABLE referrals (id TEXT PRIMARY KEY, hospital_id TEXT, urgency TEXT, status TEXT, referred_on TEXT, ended_on TEXT);
CREATE TABLE cultures (id TEXT PRIMARY KEY, ward_id TEXT, taken_at TEXT, result TEXT, acquired TEXT, organism TEXT);
CREATE TABLE ward_organisms (ward_id TEXT, organism TEXT, PRIMARY KEY (ward_id, organism));
CREATE TABLE outbreaks (id TEXT PRIMARY KEY, ward_id TEXT, status TEXT, cases INTEGER, declared_at TEXT);
CREATE TABLE medicines (id TEXT PRIMARY KEY, name TEXT, critical INTEGER);
CREATE TABLE batches (id TEXT PRIMARY KEY, medicine_id TEXT, status TEXT, quantity INTEGER, unit_price INTEGER, expires_on TEXT);
CREATE TABLE issues (id TEXT PRIMARY KEY, medicine_id TEXT, ward_id TEXT, issued_on TEXT, quantity INTEGER);
CREATE TABLE orders (id TEXT PRIMARY KEY, medicine_id TEXT, status TEXT, quantity INTEGER, cost INTEGER);
CREATE TABLE devices (id TEXT PRIMARY KEY, ward_id TEXT, name TEXT, risk TEXT, status TEXT);
CREATE TABLE inspections (device_id TEXT, done_on TEXT, passed INTEGER, PRIMARY KEY (device_id, done_on));
CREATE TABLE budgets (hospital_id TEXT, month_begins TEXT, amount INTEGER, PRIMARY KEY (hospital_id, month_begins));
CREATE TABLE payments (id TEXT PRIMARY KEY, hospital_id TEXT, purpose TEXT, paid_on TEXT, amount INTEGER);
CREATE TABLE papers (id TEXT PRIMARY KEY, sent_at TEXT, subject TEXT);
CREATE TABLE post_mortems (id TEXT PRIMARY KEY, subject TEXT, status TEXT, opened_at TEXT);

INSERT INTO hospitals VALUES ('north', 'Northern', 'O'), ('south', 'Southern', 'O');
INSERT INTO wards VALUES
  ('n1', 'north', 'North General', 'general', 'O', 'anna'), ('n2', 'north', 'North Surgery', 'surgery', 'O', 'bert'),
  ('n3', 'north', 'North Intensive', 'intensive', 'O', 'carl'), ('s1', 'south', 'South General', 'general', 'O', 'dora'),
  ('s2', 'south', 'South Maternity', 'maternity', 'C', 'emil');
-- Thirty days of handovers; North Intensive has not counted since the fourth.
WITH RECURSIVE day(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM day WHERE n < 30)
INSERT INTO bed_counts
  SELECT ward, strftime('%Y-%m-%dT%H:%M:%SZ', '2026-12-06 23:00:00', '-' || n || ' days'), beds, taken - n % 3, 1
  FROM day, (SELECT 'n1' AS ward, 40 AS beds, 39 AS taken UNION SELECT 'n2', 30, 25 UNION SELECT 'n3', 12, 11 UNION SELECT 's1', 36, 28)
  WHERE ward <> 'n3' OR n > 2;
INSERT INTO bed_counts VALUES ('n1', '2026-12-07T06:00:00Z', 40, 39, 0), ('n2', '2026-12-07T06:00:00Z', 30, 24, 0), ('s1', '2026-12-07T06:00:00Z', 36, 29, 0);
INSERT INTO bed_allotments VALUES ('n1', 40), ('n2', 30), ('n3', 12), ('s1', 34), ('s2', 0);
INSERT INTO staff VALUES ('nina', 'n1', 'Nina', 'nurse', 'own', 'active'), ('omar', 'n1', 'Omar', 'aide', 'agency', 'active'), ('pia', 's1', 'Pia', 'doctor', 'own', 'active');
INSERT INTO shifts VALUES
  ('done1', 'n1', 'early', '2026-12-02T05:00:00Z', 1), ('done2', 'n1', 'night', '2026-12-03T21:00:00Z', 1), ('done3', 'n1', 'late', '2026-12-05T13:00:00Z', 1),
  ('tue', 'n1', 'early', '2026-12-08T05:00:00Z', 2), ('wed', 's1', 'night', '2026-12-09T21:00:00Z', 2);
INSERT INTO duties VALUES
  ('done1', 'omar', 'worked', '2026-12-02', 24), ('done2', 'omar', 'worked', '2026-12-03', 24), ('done3', 'omar', 'worked', '2026-12-05', 14),
  ('tue', 'nina', 'planned', NULL, 8), ('tue', 'omar', 'planned', NULL, 8), ('wed', 'pia', 'planned', NULL, 10);
INSERT INTO admissions VALUES
  ('a1', 'n1', 'E', '2026-11-12T08:00:00Z', '2026-11-12T09:30:00Z', '2026-11-16T10:00:00Z', 'p1'),
  ('a2', 'n1', 'E', '2026-11-13T08:00:00Z', '2026-11-13T13:30:00Z', '2026-11-20T10:00:00Z', 'p2'),
  ('a3', 'n2', 'E', '2026-11-14T08:00:00Z', '2026-11-14T08:20:00Z', '2026-11-18T10:00:00Z', 'p3'),
  ('a4', 's1', 'P', '2026-11-20T08:00:00Z', '2026-11-20T08:20:00Z', '2026-11-24T10:00:00Z', 'p1'),
  ('a5', 's1', 'E', '2026-12-07T07:00:00Z', NULL, NULL, 'p4');
INSERT INTO referrals VALUES
  ('r1', 'north', '1', 'treated', '2026-08-01', '2026-10-05'), ('r2', 'north', '2', 'treated', '2026-05-01', '2026-11-05'),
  ('r3', 'south', '3', 'treated', '2026-08-01', '2026-11-20'), ('r4', 'north', '3', 'waiting', '2026-06-15', NULL), ('r5', 'south', '2', 'offered', '2026-11-15', NULL);
INSERT INTO cultures VALUES
  ('c1', 'n1', '2026-11-28T08:00:00Z', 'positive', 'here', 'mrsa'), ('c2', 'n1', '2026-12-01T08:00:00Z', 'positive', 'here', 'mrsa'),
  ('c3', 'n1', '2026-12-05T08:00:00Z', 'positive', 'here', 'mrsa'), ('c4', 's1', '2026-12-05T08:00:00Z', 'positive', 'elsewhere', 'mrsa'),
  ('c5', 's1', '2026-12-06T08:00:00Z', 'pending', NULL, NULL);
INSERT INTO ward_organisms VALUES ('n1', 'mrsa'), ('s1', 'mrsa');
INSERT INTO medicines VALUES ('hep', 'Heparin', 1), ('ins', 'Insulin', 1), ('zinc', 'Zinc', 0);
INSERT INTO batches VALUES
  ('h1', 'hep', 'usable', 90, 1000, '2027-12-31'), ('i1', 'ins', 'usable', 400, 2000, '2027-12-31'),
  ('i2', 'ins', 'usable', 20, 2000, '2026-12-20'), ('z1', 'zinc', 'usable', 50, 100, '2026-12-01');
INSERT INTO issues VALUES ('u1', 'hep', 'n1', '2026-11-20', 300), ('u2', 'ins', 's1', '2026-11-25', 450);
INSERT INTO devices VALUES ('vent', 'n1', 'Ventilator', 'IIb', 'in_service'), ('pump', 'n2', 'Pump', 'IIa', 'in_service'), ('bed', 's1', 'Bed', 'I', 'in_service');
INSERT INTO inspections VALUES ('vent', '2025-11-01', 1), ('vent', '2026-11-01', 0), ('pump', '2026-06-01', 1), ('bed', '2026-02-01', 1);
INSERT INTO budgets VALUES ('north', '2026-11-01', 90000000), ('south', '2026-11-01', 60000000), ('north', '2026-12-01', 90000000), ('south', '2026-12-01', 60000000);
INSERT INTO payments VALUES
  ('y1', 'north', 'pay', '2026-11-15', 97000000), ('y2', 'south', 'pay', '2026-11-15', 60500000), ('y3', 'north', 'pay', '2026-10-15', 88000000);
