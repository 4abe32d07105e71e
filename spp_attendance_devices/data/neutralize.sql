-- a copy of the database must not talk to real terminals
UPDATE spp_attendance_device
   SET enabled = FALSE,
       health = 'disabled',
       secret = NULL,
       lease_token = NULL,
       lease_until = NULL;
UPDATE spp_attendance_device_setup SET secret = NULL;
