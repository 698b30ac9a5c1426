"""Where a visitor wanted to go before they had to sign in: Streamlit brings everybody back to the first page.

Belongs here: keeping the address of one browser while its visitor is at the provider, and taking them there afterwards.
Does not belong here: signing in (visitor.py).

A browser is known by the token that Streamlit gives each one against forged requests. What is kept is a path and filters of
these pages, opens nothing by itself, and is forgotten after `KEPT_SECONDS`.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import streamlit as st
from streamlit.web.server.starlette.starlette_app_utils import decode_xsrf_token_string

KEPT_SECONDS = 600
#: Browsers remembered by one process; the longest ago is forgotten first.
MOST = 1000
_COOKIE = "_streamlit_xsrf"

Address = tuple[str, dict[str, str]]
_wanted: OrderedDict[bytes, tuple[float, Address]] = OrderedDict()


def keep() -> None:
    """Keeps where this browser is now."""
    if token := _browser():
        where = urlsplit(st.context.url or "").path.strip("/").rpartition("/")[2], st.query_params.to_dict()
        _wanted[token] = time.monotonic(), where
        _wanted.move_to_end(token)
        while len(_wanted) > MOST:
            _wanted.popitem(last=False)


def resume(menu: Mapping[str, Any]) -> None:
    """Opens what this browser wanted, once, if it is a page of the menu."""
    token = _browser()
    kept = _wanted.pop(token, None) if token else None
    if kept is None or time.monotonic() - kept[0] > KEPT_SECONDS:
        return
    name, filters = kept[1]
    if name in menu:
        st.switch_page(menu[name], query_params=filters)
    elif not name:
        st.query_params.update(filters)


def _browser() -> bytes | None:
    return decode_xsrf_token_string(st.context.cookies.get(_COOKIE, ""))[0]
