-- a copy of the database must not write where the original does
UPDATE res_company
   SET attendance_sheet_enabled = FALSE;
UPDATE spp_attendance_sheet
   SET enabled = FALSE;
-- nor ask the registries that it asks
UPDATE spp_attendance_import_source
   SET schedule = 'none',
       next_run_at = NULL,
       secret = NULL;
UPDATE spp_attendance_import
   SET state = 'cancelled',
       lease_token = NULL,
       lease_until = NULL
 WHERE state IN ('queued', 'running', 'waiting');
-- nor be opened by the links that the original's tablets have
UPDATE spp_attendance_kiosk
   SET token = NULL, token_digest = NULL,
       previous_token = NULL, previous_digest = NULL;
