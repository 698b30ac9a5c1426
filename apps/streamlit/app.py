"""Starts the pages: finds them, builds the menu, shows the one that the address names.

Belongs here: the menu, of the pages that its visitor may see. Does not belong here: anything of a page; a new page is a new file in app_pages.
Run with: python -m apps.streamlit.serve
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
MARK = str(Path(__file__).with_name("mark.svg"))
# Streamlit puts this file's folder on the path; the project's root makes `apps`, `nexus` and `warehouse` importable.
# `apps` itself must never be there: apps/streamlit would hide the library.
if str(PROJECT) not in sys.path:
    sys.path.append(str(PROJECT))

import streamlit as st  # noqa: E402

from apps.streamlit.components import page, returning, shell, visitor  # noqa: E402

# a file: an icon by name would be fetched from a font host
st.set_page_config(page_title="Nexus", page_icon=MARK, layout="wide", initial_sidebar_state=220, menu_items={})
st.logo(MARK, size="large")
who = visitor.recognise()
modules = {name: m for name, m in page.discover().items() if who is not None and who.may(m.PAGE.needs)}
menu = {
    name: st.Page(
        partial(shell.show, module, who),
        title=module.PAGE.title,
        icon=module.PAGE.icon,
        url_path=name,
        default=position == 0,
    )
    for position, (name, module) in enumerate(modules.items())
}
page.remember(menu)
if menu:
    returning.resume(menu)
    st.navigation(list(menu.values())).run()
if who is not None:
    visitor.account(who)
    if not menu:
        visitor.nothing_allowed(who)
