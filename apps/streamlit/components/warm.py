"""Loads what is slow to load before the first visitor needs it.

Belongs here: one background thread for the process. Does not belong here: caching of answers (data.py).
"""

from __future__ import annotations

import threading
import time

import streamlit as st


@st.cache_resource(show_spinner=False)
def up() -> threading.Thread:
    """Starts loading the metric engine (about three seconds of imports), once for the process."""
    thread = threading.Thread(target=_load, name="warm-metrics", daemon=True)
    thread.start()
    return thread


def _load() -> None:
    # the first page is drawn first: imports hold the interpreter for long stretches
    time.sleep(0.2)
    import metricflow.engine.metricflow_engine  # noqa: F401
