from urllib.parse import urlsplit

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..oauth.keys import ALGORITHMS, DEFAULT_ALGORITHM
from .spp_oauth_event import (
    MAX_FAILURES_ADDRESS,
    MAX_FAILURES_CLIENT,
    RETENTION_DAYS,
)
from .spp_oauth_key import ROTATION_DAYS


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    oauth_issuer = fields.Char("Issuer", config_parameter="spp_oauth.issuer")
    oauth_audience = fields.Char("Audience", config_parameter="spp_oauth.audience")
    oauth_signing_algorithm = fields.Selection(
        [(name, name) for name in ALGORITHMS],
        "Signing Algorithm",
        default=DEFAULT_ALGORITHM,
        config_parameter="spp_oauth.signing_algorithm",
    )
    oauth_key_rotation_days = fields.Integer(
        "New Signing Key after",
        default=ROTATION_DAYS,
        config_parameter="spp_oauth.key_rotation_days",
    )
    oauth_audit_retention_days = fields.Integer(
        "Keep the Audit Log for",
        default=RETENTION_DAYS,
        config_parameter="spp_oauth.audit_retention_days",
    )
    oauth_cors_origins = fields.Char(
        "Web Origins", config_parameter="spp_oauth.cors_origins"
    )
    oauth_max_failures_client = fields.Integer(
        "Failures per Client",
        default=MAX_FAILURES_CLIENT,
        config_parameter="spp_oauth.max_failures_client",
    )
    oauth_max_failures_address = fields.Integer(
        "Failures per Address",
        default=MAX_FAILURES_ADDRESS,
        config_parameter="spp_oauth.max_failures_address",
    )

    @api.constrains("oauth_issuer")
    def _check_oauth_issuer(self):
        for settings in self:
            if settings.oauth_issuer and not _is_issuer(settings.oauth_issuer.strip()):
                raise ValidationError(
                    self.env._(
                        "The issuer must be an address like https://odoo.example.org,"
                        " without a slash at its end, a question mark or a #."
                    )
                )

    @api.constrains("oauth_audience")
    def _check_oauth_audience(self):
        for settings in self:
            audience = (settings.oauth_audience or "").strip()
            if audience and not (audience.isascii() and audience.isprintable()):
                raise ValidationError(
                    self.env._("The audience may only have plain ASCII characters.")
                )

    @api.constrains("oauth_cors_origins")
    def _check_oauth_cors_origins(self):
        for settings in self:
            for origin in _words(settings.oauth_cors_origins):
                if origin != "*" and not _is_origin(origin):
                    raise ValidationError(
                        self.env._(
                            "%(origin)s is no web origin. Write it as browsers do:"
                            " https://app.example.org, with a port if it has one, in"
                            " small letters and with nothing behind it.",
                            origin=origin,
                        )
                    )

    @api.constrains(
        "oauth_key_rotation_days",
        "oauth_audit_retention_days",
        "oauth_max_failures_client",
        "oauth_max_failures_address",
    )
    def _check_oauth_numbers(self):
        for settings in self:
            if settings.oauth_key_rotation_days < 0:
                raise ValidationError(
                    self.env._("The days between signing keys cannot be negative.")
                )
            if settings.oauth_audit_retention_days < 1:
                raise ValidationError(
                    self.env._("The audit log must be kept for a day at least.")
                )
            if (
                min(
                    settings.oauth_max_failures_client,
                    settings.oauth_max_failures_address,
                )
                < 1
            ):
                raise ValidationError(
                    self.env._("One failure a minute must be allowed at least.")
                )

    def set_values(self):
        result = super().set_values()
        # 0 says "never", but Odoo removes the parameter, which then means the default
        self.env["ir.config_parameter"].sudo().set_param(
            "spp_oauth.key_rotation_days", str(self.oauth_key_rotation_days)
        )
        return result


def _words(text):
    return (text or "").replace(",", " ").split()


def _is_issuer(text):
    """Whether RFC 8414 2 has it as an issuer; plain HTTP is for trying things out."""
    parts = _split(text)
    return parts is not None and not text.endswith(("/", "?", "#"))


def _is_origin(text):
    parts = _split(text)
    return (
        parts is not None
        and "*" not in text
        and text == f"{parts.scheme}://{parts.netloc.lower()}"
    )


def _split(text):
    """The parts of a plain http(s) address; None for anything else."""
    if not text.isascii() or not text.isprintable() or " " in text:
        return None
    try:
        parts = urlsplit(text)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    is_plain = not (parts.query or parts.fragment or "@" in parts.netloc)
    return (
        parts if parts.scheme in ("http", "https") and has_host and is_plain else None
    )
