"""Pages that people see without any script: templates of every slice, and headers that keep them safe.

Belongs here: making a page of `api/<domain>/templates/`, its security headers, where to go on. Does not belong here: what a
page says. Templates escape whatever they are given; nothing on a page is inline, so nothing that is may run.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, PrefixLoader, StrictUndefined

from api.identity import forms
from nexus import slices

#: `form-action` also holds for where a form's answer redirects to, and signing in redirects to clients of elsewhere: so it
#: is said only by pages that lead nowhere else.
_POLICY = "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
_HEADERS = {
    # with `no-referrer` a browser says `Origin: null` of our own forms
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


@lru_cache(maxsize=1)
def _templates() -> Environment:
    loaders = {
        domain: FileSystemLoader(folder / "templates")
        for domain, folder in slices.folders().items()
        if (folder / "templates").is_dir()
    }
    return Environment(
        loader=PrefixLoader(loaders), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def page(
    request: Request, template: str, *, status: int = 200, leads_out: bool = False, headers: dict[str, str] | None = None,
    **values: Any,
) -> HTMLResponse:  # fmt: skip
    """The page of `<domain>/<file>`. `leads_out`: its form may end at a client of elsewhere.

    Every template has `form_token`; those that extend `identity/base.html` have its look.
    """
    wanted: dict[str, str] = {}
    told = {"form_token": forms.token(request, wanted), "errors": {}, "notice": None, "narrow": True, **values}
    made = HTMLResponse(_templates().get_template(template).render(told), status)
    forms.set_cookies(request, made, wanted)
    made.headers.update(_HEADERS)
    made.headers["Content-Security-Policy"] = _POLICY + ("" if leads_out else "; form-action 'self'")
    made.headers.update(headers or {})
    return made


def way_on(asked: str | None, default: str = "/account") -> str:
    """`asked` if it is a path of this application, else `default`: nobody is sent elsewhere by a link to our page."""
    # browsers read a backslash as a slash, and leave out tabs and line ends
    if not asked or not asked.startswith("/") or asked.startswith("//") or "\\" in asked or len(asked) > 4000:
        return default
    return asked if asked.isprintable() and asked.isascii() else default
