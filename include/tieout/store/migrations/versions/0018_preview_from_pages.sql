-- The pages may keep what a proposed policy would move. A preview decides nothing: it is approved
-- by another person through approve_preview, and reapply computes every month again and refuses
-- anything but exactly what was approved.
DO $$
DECLARE
  columns text;
BEGIN
  SELECT string_agg(quote_ident(column_name), ', ') INTO columns
    FROM information_schema.columns
   WHERE table_schema = 'tieout' AND table_name = 'preview'
     AND column_name NOT IN ('recorded_at', 'recorded_by', 'login');
  EXECUTE format('GRANT INSERT (%s) ON tieout.preview TO t_web', columns);
END $$;
