from . import spp_oauth_client_new, spp_oauth_client_rotate, spp_oauth_client_secret
