from . import oauth_metadata, oauth_token, oauth_whoami, openspp_token
