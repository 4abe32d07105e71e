"""Declare JSON routes: parsing, validation, errors and limits in one place.

>>> from odoo.addons.spp_oauth.api import api_route
"""

from .cursor import Cursor
from .dispatcher import API_PREFIXES, SppApiDispatcher, SppOAuthDispatcher
from .errors import (
    ApiError,
    BadRequest,
    Conflict,
    FieldProblem,
    Forbidden,
    InsufficientScope,
    NotFound,
    PayloadTooLarge,
    Unauthorized,
    Unavailable,
    Unprocessable,
    UnsupportedMediaType,
)
from .route import DEFAULT_MAX_BODY, ApiResult, api_route
from .schemas import ErrorEnvelope, Page

__all__ = [
    "API_PREFIXES",
    "DEFAULT_MAX_BODY",
    "ApiError",
    "ApiResult",
    "BadRequest",
    "Conflict",
    "Cursor",
    "ErrorEnvelope",
    "FieldProblem",
    "Forbidden",
    "InsufficientScope",
    "NotFound",
    "Page",
    "PayloadTooLarge",
    "SppApiDispatcher",
    "SppOAuthDispatcher",
    "Unauthorized",
    "Unavailable",
    "Unprocessable",
    "UnsupportedMediaType",
    "api_route",
]
