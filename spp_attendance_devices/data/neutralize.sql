-- a copy of the database must not talk to real terminals, nor be talked to by them
UPDATE spp_attendance_device
   SET enabled = FALSE,
       health = 'disabled',
       is_connected = FALSE,
       secret = NULL,
       push_key_hash = NULL,
       push_token_hash = NULL,
       lease_token = NULL,
       lease_until = NULL;
UPDATE spp_attendance_device_setup SET secret = NULL;
UPDATE spp_attendance_device_command
   SET state = 'failed'
 WHERE state IN ('pending', 'sent');
DELETE FROM spp_attendance_device_pending;
