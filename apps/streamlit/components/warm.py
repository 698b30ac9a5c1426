"""Compiles what pages ask of the metric engine before somebody waits for it.

Belongs here: one background thread for the process. Does not belong here: compiling (metric_sql.py).
"""

from __future__ import annotations

import threading
import time
from types import ModuleType

import streamlit as st

from nexus.errors import NexusError


@st.cache_resource(show_spinner=False)
def up(_modules: list[ModuleType], home: str) -> threading.Thread:
    """Once for the process and home. Where everything is compiled already, the engine is not even imported."""
    thread = threading.Thread(target=_compile, args=(_modules,), name="warm-metrics", daemon=True)
    thread.start()
    return thread


def _compile(modules: list[ModuleType]) -> None:
    from apps.streamlit.components import data, kpi, metric_sql

    # the first page is drawn first: the engine's imports hold the interpreter for long stretches
    time.sleep(2)
    for module in modules:
        for names, grain, filters in kpi.questions(getattr(module, "FIGURES", ())):
            try:
                metric_sql.statement(names, grain, filters, data.settings())
            except NexusError:
                # the page that shows this figure says why it cannot
                continue
