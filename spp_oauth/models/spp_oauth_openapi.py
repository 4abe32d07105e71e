import inspect

from odoo import api, models, tools

from ..api.oauth_schemas import OAUTH_ROUTES, OAuthErrorAnswer
from ..api.openapi import Operation, document
from ..api.schemas import ErrorEnvelope

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

# By type of the route; routes of other types are not of the API.
_ERRORS = {"spp_api": ErrorEnvelope, "spp_oauth": OAuthErrorAnswer}


class SppOauthOpenapi(models.AbstractModel):
    """The OpenAPI document of the routes that are there."""

    _name = "spp.oauth.openapi"
    _description = "OpenAPI Document"

    @api.model
    def _document(
        self, prefixes, *, without=(), title, version, description, tags=None
    ):
        """The document of all routes of the API under some paths.

        :param tuple prefixes: beginnings of the paths that are in it
        :param tuple without: beginnings of paths that are left out all the same
        :param str description: CommonMark
        :param dict tags: what stands under a tag, in the order in which to show them
        :rtype: dict
        """
        # names and purposes of scopes are for everybody who writes an app
        scopes_sudo = self.env["spp.oauth.scope"].sudo()
        scopes_sudo = scopes_sudo.search_fetch([], ["name", "description"])
        scopes = tuple((scope.name, scope.description) for scope in scopes_sudo)
        return self._made_document(
            tuple(prefixes),
            tuple(without),
            scopes,
            tuple((tags or {}).items()),
            title,
            version,
            description,
        )

    # The cache of the routes, because it goes when they change.
    @api.model
    @tools.ormcache(
        "prefixes",
        "without",
        "scopes",
        "tags",
        "title",
        "version",
        "description",
        cache="routing",
    )
    def _made_document(
        self, prefixes, without, scopes, tags, title, version, description
    ):
        return document(
            self._operations(prefixes, without),
            title=title,
            version=version,
            description=description,
            scopes=dict(scopes),
            tags=dict(tags),
        )

    def _operations(self, prefixes, without):
        for rule in self.env["ir.http"].routing_map().iter_rules():
            routing = rule.endpoint.routing
            if (
                routing["type"] not in _ERRORS
                or rule.rule != routing["routes"][0]  # others lead to the same
                or not rule.rule.startswith(prefixes)
                or (without and rule.rule.startswith(without))
            ):
                continue
            methods = [method for method in _METHODS if method in routing["methods"]]
            name = rule.endpoint.func.__name__
            for method in methods:
                yield Operation(
                    path=rule.rule,
                    method=method,
                    name=name if len(methods) == 1 else f"{name}_{method.lower()}",
                    routing={
                        "error": _ERRORS[routing["type"]],
                        **routing,
                        **OAUTH_ROUTES.get(rule.rule, {}),
                    },
                    description=self._description_of(rule.endpoint),
                )

    @staticmethod
    def _description_of(endpoint):
        """What the docstring of a route says below its first line."""
        text = inspect.cleandoc(inspect.getdoc(endpoint.func) or "")
        return text.partition("\n\n")[2]
