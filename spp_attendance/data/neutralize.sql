-- a copy of the database must not write where the original does
UPDATE res_company
   SET attendance_sheet_enabled = FALSE;
UPDATE spp_attendance_sheet
   SET enabled = FALSE;
