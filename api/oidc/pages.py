"""Pages of the provider: consent, device, signing out, what cannot be done. Without script.

Belongs here: rendering, and the headers that keep a page from being framed or made to send anything elsewhere. Does not
belong here: which page comes when.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fastapi import Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

_HERE = Path(__file__).parent
_templates = Environment(
    loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
    lstrip_blocks=True,
)  # fmt: skip
SELF = "'self'"
STYLE = (_HERE / "static" / "oidc.css").read_text()


def page(
    template: str,
    status: int = 200,
    *,
    goes_to: Iterable[str] = (),
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> HTMLResponse:
    """`goes_to`: where the answer to its form may lead the browser; without that, a browser stops at our own door."""
    policy = (
        "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
        f"form-action {' '.join([SELF, *goes_to])}"
    )
    kept = {"Content-Security-Policy": policy, "X-Frame-Options": "DENY", "Cache-Control": "no-store"}
    return HTMLResponse(_templates.get_template(template).render(**values), status, headers={**kept, **(headers or {})})


def style() -> Response:
    return Response(STYLE, media_type="text/css", headers={"Cache-Control": "public, max-age=3600"})
