from . import oauth_token, oauth_whoami
