-- Tables that rules and pools draw on are policies too: one for drivers, and any number of look-up
-- tables, each a kind of its own named after the table.

ALTER TABLE tieout.policy DROP CONSTRAINT policy_kind_check;
ALTER TABLE tieout.policy ADD CONSTRAINT policy_kind_check CHECK (
  kind IN ('classification', 'initiatives', 'allocation', 'chart', 'accounts', 'rate_card',
    'tag_map', 'owners', 'drivers')
  OR kind ~ '^lookup:[a-z][a-z0-9_-]{0,59}$');
