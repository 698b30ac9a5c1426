"""Tabs of which only the open one is read and drawn.

Belongs here: that. Does not belong here: what a tab holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import streamlit as st

from apps.streamlit.components import states


def lazy(key: str, parts: Mapping[str, Callable[[], None]]) -> None:
    """One tab for each part, in order. A part that cannot be read leaves the others alone."""
    for tab, draw in zip(st.tabs(list(parts), key=key, on_change="rerun"), parts.values(), strict=True):
        if tab.open:
            with tab, states.guarded():
                draw()
