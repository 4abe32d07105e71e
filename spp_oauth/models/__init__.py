from . import (
    ir_http,
    res_users,
    spp_oauth_client,
    spp_oauth_event,
    spp_oauth_health,
    spp_oauth_key,
    spp_oauth_metric,
    spp_oauth_metrics,
    spp_oauth_role,
    spp_oauth_scope,
    spp_oauth_server,
    spp_oauth_usage,
)
