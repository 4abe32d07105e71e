"""Shapes of the OAuth endpoints, for the documentation.

The endpoints themselves are Authlib's business (`oauth/server.py`): what comes in is
a form, and what goes out are the objects of the RFCs.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

_FORM = "application/x-www-form-urlencoded"


# RFC 6749, 3.2: a parameter without a value counts as left out.
_Given = Annotated[str, StringConstraints(min_length=1)]


class ClientForm(BaseModel):
    """Who asks, for a client that does not say so in the Authorization header."""

    client_id: str | None = None
    client_secret: str | None = Field(None, json_schema_extra={"format": "password"})
    client_assertion: str | None = Field(
        None,
        description="A JWT that the client has signed, instead of a secret (RFC 7523).",
    )
    client_assertion_type: str | None = Field(
        None,
        description="With `client_assertion`:"
        " `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`.",
    )


class TokenForm(ClientForm):
    """RFC 6749, 4.4.2."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"grant_type": "client_credentials", "scope": "metrics:read"},
            ]
        }
    )

    grant_type: Literal["client_credentials"]
    scope: str | None = Field(
        None,
        description="Scopes with a blank between them; without any, all that the"
        " client may have.",
    )


class TokenAnswer(BaseModel):
    """RFC 6749, 5.1; the token itself is as RFC 9068 says."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "access_token": "eyJ0eXAiOiJhdCtqd3Qi...",
                    "token_type": "Bearer",
                    "expires_in": 600,
                    "scope": "metrics:read",
                }
            ]
        }
    )

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int = Field(description="Seconds.", ge=1)
    scope: str


class TokenQuestionForm(ClientForm):
    """RFC 7662, 2.1 and RFC 7009, 2.1."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"token": "eyJ0eXAiOiJhdCtqd3Qi..."}]}
    )

    token: _Given
    token_type_hint: str | None = Field(
        None, description="There are access tokens only."
    )


class IntrospectionAnswer(BaseModel):
    """RFC 7662, 2.2; nothing but `active` for a token that is not good."""

    model_config = ConfigDict(
        extra="allow", json_schema_extra={"examples": [{"active": False}]}
    )

    active: bool


class OAuthErrorAnswer(BaseModel):
    """RFC 6749, 5.2."""

    model_config = ConfigDict(json_schema_extra={"required": ["error"]})

    error: str = Field(
        description="Stable word for programs, such as `invalid_client`."
    )
    error_description: str


_CLIENT: list[dict[str, list[str]]] = [{"client": []}, {}]
_COMMON: Mapping[str, Any] = {
    "consumes": (_FORM,),
    "errors": (401, 429),
    "security": _CLIENT,
    "tags": ("OAuth",),
}

#: By path: what the document says beside what the route itself knows.
OAUTH_ROUTES: Mapping[str, Mapping[str, Any]] = {
    "/oauth2/token": {
        **_COMMON,
        "summary": "Get an access token",
        "body": TokenForm,
        "response": TokenAnswer,
    },
    "/oauth2/introspect": {
        **_COMMON,
        "summary": "Ask whether a token is good",
        "body": TokenQuestionForm,
        "response": IntrospectionAnswer,
    },
    "/oauth2/revoke": {
        **_COMMON,
        "summary": "Make a token useless",
        "body": TokenQuestionForm,
        "produces": (),
    },
    "/oauth2/jwks": {"tags": ("OAuth",)},
    "/.well-known/oauth-authorization-server": {"tags": ("OAuth",)},
}
