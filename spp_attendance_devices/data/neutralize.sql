-- a copy of the database must not talk to real terminals
UPDATE spp_attendance_device
   SET enabled = FALSE,
       health = 'disabled',
       comm_key = NULL,
       lease_token = NULL,
       lease_until = NULL;
