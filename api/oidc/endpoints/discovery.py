"""What a client reads first: the addresses of the provider, what it can do, its keys."""

from __future__ import annotations

from typing import Any

from fastapi import Response
from fastapi.responses import JSONResponse

from api.kernel.permissions import public
from api.kernel.routing import Router
from api.oidc import levels, pages, scopes
from api.oidc.endpoints import described
from api.oidc.endpoints.described import KeysOut
from api.oidc.flow.parties import AUTH_METHODS, BASIC, GRANT_TYPES, POST
from api.oidc.keys import ALGORITHMS
from api.oidc.provider import Providing
from api.problems import GUARDED

router = Router(tags=["oidc"], dependencies=[public("clients read it before they know anything")])
_EVERYWHERE = {"Access-Control-Allow-Origin": "*", "Cache-Control": "public, max-age=300"}


def metadata(address: str) -> dict[str, Any]:
    """OpenID Connect Discovery 1.0 and RFC 8414."""
    at = f"{address}/oidc"
    return {
        "issuer": address,
        "authorization_endpoint": f"{at}/authorize",
        "token_endpoint": f"{at}/token",
        "jwks_uri": f"{at}/jwks",
        "userinfo_endpoint": f"{at}/userinfo",
        "revocation_endpoint": f"{at}/revoke",
        "introspection_endpoint": f"{at}/introspect",
        "device_authorization_endpoint": f"{at}/device_authorization",
        "end_session_endpoint": f"{at}/logout",
        "scopes_supported": list(scopes.MEANING),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(GRANT_TYPES),
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": list(AUTH_METHODS),
        "revocation_endpoint_auth_methods_supported": list(AUTH_METHODS),
        "introspection_endpoint_auth_methods_supported": [BASIC, POST],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": list(ALGORITHMS),
        "acr_values_supported": list(levels.SUPPORTED),
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "claims_supported": [
            "sub", "iss", "aud", "azp", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid", "at_hash",
            "name", "email", "email_verified",
        ],
        "authorization_response_iss_parameter_supported": True,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
    }  # fmt: skip


ProviderOut = described.of(
    metadata("http://127.0.0.1:3000"), "ProviderOut", "OpenID Connect Discovery 1.0 and RFC 8414."
)


_DESCRIBED: dict[str, Any] = {
    "summary": "What the provider can do, and where",
    "responses": {200: {"model": ProviderOut}},
}


@router.get("/.well-known/openid-configuration", name="get_openid_configuration", **_DESCRIBED)
@router.get("/.well-known/oauth-authorization-server", name="get_authorization_server", **_DESCRIBED)
async def discovery(provider: Providing) -> JSONResponse:
    return JSONResponse(metadata(provider.address), headers=_EVERYWHERE)


@router.get(
    "/oidc/jwks", summary="Keys with which tokens are signed", responses={200: {"model": KeysOut}, 503: GUARDED[503]}
)
async def get_keys(provider: Providing) -> JSONResponse:
    return JSONResponse((await provider.keys.ring()).public, headers=_EVERYWHERE)


@router.get("/oidc/style.css", include_in_schema=False)
async def style() -> Response:
    return pages.style()
