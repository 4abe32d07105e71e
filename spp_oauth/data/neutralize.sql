-- A copy issues no tokens and accepts none of the original, and no client of the
-- original can get in. The audit log stays as it was.
UPDATE spp_oauth_client
   SET active = false,
       secret_hash = NULL,
       secret_hint = NULL,
       secret_created_at = NULL,
       previous_secret_hash = NULL,
       previous_secret_hint = NULL,
       previous_secret_expires_at = NULL,
       public_keys = NULL;
DELETE FROM spp_oauth_token;
DELETE FROM spp_oauth_assertion;
DELETE FROM spp_oauth_idempotency;
DELETE FROM spp_oauth_key;
-- the copy has an address of its own
DELETE FROM ir_config_parameter
 WHERE key = 'spp_oauth.issuer';
