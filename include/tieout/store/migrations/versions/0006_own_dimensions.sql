-- Dimensions of one's own: a JSON object of classes and one of the rules that decided them. They are
-- texts, because what is published comes back byte for byte; null on lines that have none.

ALTER TABLE tieout.ledger_line
  ADD COLUMN own_dimensions text
    CHECK (json_typeof(own_dimensions::json) = 'object'),
  ADD COLUMN own_dimension_rules text
    CHECK (json_typeof(own_dimension_rules::json) = 'object'),
  ADD CONSTRAINT ledger_line_own_dimensions_have_rules
    CHECK ((own_dimensions IS NULL) = (own_dimension_rules IS NULL));

GRANT INSERT (own_dimensions, own_dimension_rules) ON tieout.ledger_line TO t_worker;

-- A view keeps the columns that its table had when it was made: the two come at its end.
CREATE OR REPLACE VIEW tieout.v_ledger AS
  SELECT publication.ledger_seq, publication.published_at, line.*
    FROM tieout.ledger_line AS line
    JOIN (SELECT DISTINCT ON (period) publication_id, ledger_seq, published_at
            FROM tieout.publication ORDER BY period, ledger_seq DESC) AS publication
   USING (publication_id);
