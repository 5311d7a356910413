-- Look-up tables for tags and owners are policies like the others: versioned, proposed, approved.

ALTER TABLE tieout.policy DROP CONSTRAINT policy_kind_check;
ALTER TABLE tieout.policy ADD CONSTRAINT policy_kind_check CHECK (kind IN (
  'classification', 'initiatives', 'allocation', 'chart', 'accounts', 'rate_card',
  'tag_map', 'owners'));
