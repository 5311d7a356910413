-- Where the connection of an account pointed to at each pull, so that a change is seen by people.

CREATE TABLE tieout.connection_seen (
  connection_seen_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  provider text NOT NULL CHECK (provider <> ''),
  billing_account_id text NOT NULL CHECK (billing_account_id <> ''),
  fingerprint text NOT NULL CHECK (fingerprint ~ '^[0-9a-f]{64}$'),
  place text NOT NULL CHECK (place <> '' AND length(place) <= 300),
  period text NOT NULL,
  seen_at timestamptz NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  recorded_by text NOT NULL DEFAULT tieout.current_actor(),
  login text NOT NULL DEFAULT session_user
);
CREATE INDEX connection_newest
  ON tieout.connection_seen (provider, billing_account_id, connection_seen_id DESC);
