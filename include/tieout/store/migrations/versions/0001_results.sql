-- What a run computed: shares of cost pools and variance bridges. The database adds them up again.

CREATE TABLE tieout.allocation (
  run_id bigint PRIMARY KEY REFERENCES tieout.run,
  certificate jsonb NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  recorded_by text NOT NULL DEFAULT session_user
);

CREATE TABLE tieout.allocation_pool (
  run_id bigint NOT NULL REFERENCES tieout.allocation,
  pool_id text NOT NULL,
  amount numeric(28,12) NOT NULL,
  PRIMARY KEY (run_id, pool_id)
);

CREATE TABLE tieout.allocation_share (
  run_id bigint NOT NULL,
  pool_id text NOT NULL,
  pool_line_id text NOT NULL,
  ledger_line_id text NOT NULL,
  initiative text NOT NULL,
  amount numeric(28,12) NOT NULL,
  PRIMARY KEY (run_id, ledger_line_id),
  FOREIGN KEY (run_id, pool_id) REFERENCES tieout.allocation_pool
);

CREATE FUNCTION tieout.check_pool(run bigint, pool text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
  expected numeric;
  found_total numeric;
BEGIN
  SELECT amount INTO expected FROM tieout.allocation_pool
   WHERE run_id = run AND pool_id = pool;
  SELECT coalesce(sum(amount), 0) INTO found_total FROM tieout.allocation_share
   WHERE run_id = run AND pool_id = pool;
  IF found_total <> expected THEN
    PERFORM tieout.fail('TO007', format(
      'The shares of pool %s add up to %s: expected its amount %s.', pool, found_total, expected));
  END IF;
END $$;

CREATE FUNCTION tieout.check_pool_header() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
  PERFORM tieout.check_pool(NEW.run_id, NEW.pool_id);
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER pool_at_commit AFTER INSERT ON tieout.allocation_pool
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION tieout.check_pool_header();

CREATE FUNCTION tieout.check_pool_shares() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
  PERFORM tieout.check_pool(touched.run_id, touched.pool_id)
     FROM (SELECT DISTINCT run_id, pool_id FROM added) AS touched;
  RETURN NULL;
END $$;
CREATE TRIGGER pool_of_shares AFTER INSERT ON tieout.allocation_share
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT
  EXECUTE FUNCTION tieout.check_pool_shares();

CREATE TABLE tieout.reconciliation_bridge (
  run_id bigint NOT NULL REFERENCES tieout.run,
  provider text NOT NULL,
  billing_account_id text NOT NULL,
  section text NOT NULL,
  period text NOT NULL,
  currency text NOT NULL,
  start_label text NOT NULL,
  start_amount numeric(28,12) NOT NULL,
  end_label text NOT NULL,
  end_amount numeric(28,12) NOT NULL,
  unexplained_amount numeric(28,12) NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  recorded_by text NOT NULL DEFAULT session_user,
  PRIMARY KEY (run_id, provider, billing_account_id, section)
);

CREATE TABLE tieout.reconciliation_line (
  run_id bigint NOT NULL,
  provider text NOT NULL,
  billing_account_id text NOT NULL,
  section text NOT NULL,
  line_no integer NOT NULL CHECK (line_no >= 1),
  component text NOT NULL,
  cause text NOT NULL,
  amount numeric(28,12) NOT NULL,
  evidence text[] NOT NULL,
  PRIMARY KEY (run_id, provider, billing_account_id, section, line_no),
  FOREIGN KEY (run_id, provider, billing_account_id, section)
    REFERENCES tieout.reconciliation_bridge
);

CREATE FUNCTION tieout.check_bridge(run bigint, seller text, account text, part text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
  gap numeric;
  explained numeric;
BEGIN
  SELECT end_amount - start_amount - unexplained_amount INTO gap
    FROM tieout.reconciliation_bridge
   WHERE run_id = run AND provider = seller AND billing_account_id = account AND section = part;
  SELECT coalesce(sum(amount), 0) INTO explained FROM tieout.reconciliation_line
   WHERE run_id = run AND provider = seller AND billing_account_id = account AND section = part;
  IF gap <> explained THEN
    PERFORM tieout.fail('TO007', format(
      'The bridge %s of %s %s explains %s: expected end - start - unexplained = %s.',
      part, seller, account, explained, gap));
  END IF;
END $$;

CREATE FUNCTION tieout.check_bridge_header() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
  PERFORM tieout.check_bridge(NEW.run_id, NEW.provider, NEW.billing_account_id, NEW.section);
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER bridge_at_commit AFTER INSERT ON tieout.reconciliation_bridge
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION tieout.check_bridge_header();

CREATE FUNCTION tieout.check_bridge_lines() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
  PERFORM tieout.check_bridge(touched.run_id, touched.provider, touched.billing_account_id,
                              touched.section)
     FROM (SELECT DISTINCT run_id, provider, billing_account_id, section FROM added) AS touched;
  RETURN NULL;
END $$;
CREATE TRIGGER bridge_of_lines AFTER INSERT ON tieout.reconciliation_line
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT
  EXECUTE FUNCTION tieout.check_bridge_lines();
