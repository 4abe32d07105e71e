-- a copy issues no tokens, and accepts none of the original
UPDATE spp_oauth_client
   SET active = false,
       secret_hash = NULL;
DELETE FROM spp_oauth_key;
