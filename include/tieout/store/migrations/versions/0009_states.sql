-- A closed month is reopened by two people, for a reason, a scope and a time; or locked for good.

-- Tolerances and the plan of the close are approved data too.
DO $$
DECLARE
  known text;
BEGIN
  SELECT pg_get_expr(conbin, conrelid) INTO known FROM pg_constraint
   WHERE conrelid = 'tieout.policy'::regclass AND conname = 'policy_kind_check';
  ALTER TABLE tieout.policy DROP CONSTRAINT policy_kind_check;
  EXECUTE format('ALTER TABLE tieout.policy ADD CONSTRAINT policy_kind_check CHECK (%s '
                 'OR kind IN (''tolerances'', ''close''))', known);
END $$;

-- A reopened month is not closed: what its close was stays in period_close and its publication.
ALTER TABLE tieout.period DROP CONSTRAINT period_state_check;
ALTER TABLE tieout.period DROP CONSTRAINT period_check;
ALTER TABLE tieout.period ADD CONSTRAINT period_state_check
  CHECK (state IN ('open', 'soft_closed', 'closed', 'reopened', 'locked'));
ALTER TABLE tieout.period ADD CONSTRAINT period_closed_check
  CHECK ((state IN ('closed', 'locked')) = (closed_at IS NOT NULL AND closed_seq IS NOT NULL
                                            AND content_hash IS NOT NULL));

-- Every close of a month: the first, and one after each reopening.
CREATE TABLE tieout.period_close (
  period text NOT NULL REFERENCES tieout.period,
  close_no integer NOT NULL CHECK (close_no >= 1),
  content_hash text NOT NULL,
  closed_seq bigint NOT NULL,
  closed_at timestamptz NOT NULL,
  closed_by text NOT NULL DEFAULT tieout.current_actor(),
  login text NOT NULL DEFAULT session_user,
  PRIMARY KEY (period, close_no)
);
INSERT INTO tieout.period_close (period, close_no, content_hash, closed_seq, closed_at, closed_by)
SELECT period, 1, content_hash, closed_seq, closed_at,
       (SELECT actor FROM tieout.period_event AS event
         WHERE event.period = month.period AND event.state = 'closed'
         ORDER BY period_event_id DESC LIMIT 1)
  FROM tieout.period AS month WHERE state = 'closed';

CREATE TABLE tieout.reopening (
  reopening_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  period text NOT NULL REFERENCES tieout.period,
  reason_code text NOT NULL CHECK (reason_code IN (
    'error_correction', 'late_document', 'restatement', 'audit_adjustment', 'other')),
  remark text NOT NULL CHECK (btrim(remark) <> '' AND length(remark) <= 2000),
  scope text[] NOT NULL CHECK (cardinality(scope) > 0),
  expires_at timestamptz NOT NULL,
  requested_by text NOT NULL,
  requested_at timestamptz NOT NULL DEFAULT now(),
  login text NOT NULL DEFAULT session_user
);
CREATE INDEX reopening_newest ON tieout.reopening (period, reopening_id DESC);

CREATE TABLE tieout.reopening_approval (
  reopening_id bigint PRIMARY KEY REFERENCES tieout.reopening,
  after_request_id bigint NOT NULL,
  approved_by text NOT NULL,
  approved_at timestamptz NOT NULL DEFAULT now(),
  login text NOT NULL DEFAULT session_user
);

-- A later month that was closed on top of a reopened one: its opening balance may change.
CREATE TABLE tieout.period_flag (
  period text NOT NULL REFERENCES tieout.period,
  reopening_id bigint NOT NULL REFERENCES tieout.reopening,
  reason text NOT NULL,
  flagged_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (period, reopening_id)
);

CREATE TABLE tieout.signoff_void (
  signoff_id bigint PRIMARY KEY REFERENCES tieout.signoff,
  reason text NOT NULL,
  voided_by text NOT NULL DEFAULT tieout.current_actor(),
  voided_at timestamptz NOT NULL DEFAULT now(),
  login text NOT NULL DEFAULT session_user
);
-- A signature that was voided can be given again.
ALTER TABLE tieout.signoff DROP CONSTRAINT signoff_period_duty_person_id_content_hash_key;
CREATE INDEX signoff_of_period ON tieout.signoff (period, signoff_id);

-- Signatures, and whether they still stand.
CREATE VIEW tieout.v_signoff AS
  SELECT signoff.*, void.signoff_id IS NULL AS stands, void.reason AS voided_because,
         void.voided_at
    FROM tieout.signoff LEFT JOIN tieout.signoff_void AS void USING (signoff_id);
