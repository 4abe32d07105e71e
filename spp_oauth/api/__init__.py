"""Declare JSON routes: parsing, validation, errors and limits in one place.

>>> from odoo.addons.spp_oauth.api import api_route
"""

from .cursor import Cursor
from .dispatcher import (
    ApiResponse,
    SppApiDispatcher,
    SppOAuthDispatcher,
    SppOpenSppTokenDispatcher,
)
from .errors import (
    ApiError,
    BadRequest,
    Conflict,
    FieldProblem,
    Forbidden,
    InsufficientScope,
    NotAcceptable,
    NotFound,
    PayloadTooLarge,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    Unprocessable,
    UnsupportedMediaType,
)
from .route import DEFAULT_MAX_BODY, JSON, NDJSON, ApiResult, api_route
from .schemas import ErrorEnvelope, Page
from .scopes import ALL_SCOPES

__all__ = [
    "ALL_SCOPES",
    "DEFAULT_MAX_BODY",
    "JSON",
    "NDJSON",
    "ApiError",
    "ApiResponse",
    "ApiResult",
    "BadRequest",
    "Conflict",
    "Cursor",
    "ErrorEnvelope",
    "FieldProblem",
    "Forbidden",
    "InsufficientScope",
    "NotAcceptable",
    "NotFound",
    "Page",
    "PayloadTooLarge",
    "SppApiDispatcher",
    "SppOAuthDispatcher",
    "SppOpenSppTokenDispatcher",
    "TooManyRequests",
    "Unauthorized",
    "Unavailable",
    "Unprocessable",
    "UnsupportedMediaType",
    "api_route",
]
