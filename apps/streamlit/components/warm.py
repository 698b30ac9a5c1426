"""Does once for the process what the first visitor of a page would wait for.

Belongs here: compiling the metrics that pages show, and drawing each page for nobody, which imports what drawing needs
(two seconds of it) and reads what is published; asking a new version what the one before was asked. Does not belong here: compiling itself (metric_sql.py), reading (data.py).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

import duckdb
from streamlit.testing.v1 import AppTest

from apps.streamlit.components import data, kpi, metric_sql, page
from nexus.errors import NexusError

APP = Path(__file__).resolve().parents[1] / "app.py"
#: Seconds between two looks for metrics that a build defined anew. Where all are compiled, a look costs some stats.
PAUSE = 5.0
#: Seconds that one page may take.
PATIENCE = 30.0

log = logging.getLogger(__name__)


def up() -> None:
    """Before the server listens. Raises nothing: a page says itself what it cannot show."""
    modules = page.discover()
    compile_all(modules.values())
    _draw("the application", AppTest.from_file(APP, default_timeout=PATIENCE))
    for name in modules:
        script = (
            "from apps.streamlit.components import page, shell, visitor\n"
            f"shell.show(page.discover()[{name!r}], visitor.ANYBODY)\n"
        )
        _draw(name, AppTest.from_string(script, default_timeout=PATIENCE))
    threading.Thread(target=_keep, args=(list(modules.values()),), name="warm-metrics", daemon=True).start()


def compile_all(modules: Iterable[ModuleType]) -> int:
    """Compiles what the pages' figures ask; the number of statements that there are now."""
    ready = 0
    for module in modules:
        for names, grain, filters in kpi.questions(getattr(module, "FIGURES", ())):
            try:
                metric_sql.statement(names, grain, filters, data.settings())
            except NexusError:
                # no build yet, or a metric that this one does not define: the page that shows it says so
                continue
            ready += 1
    return ready


def _draw(what: str, visit: AppTest) -> None:
    """What a visitor would see, without a browser."""
    try:
        visit.run()
    except RuntimeError as error:
        # a warehouse that answers this slowly is no reason not to start
        log.warning("%s was not drawn beforehand: %s", what, error)


def _keep(modules: list[ModuleType]) -> None:
    pause = threading.Event()
    known = _version()
    while not pause.wait(PAUSE):
        compile_all(modules)
        if (now := _version()) != known and now is not None:
            data.ask_again(now)
            known = now


def _version() -> int | None:
    try:
        return data.version()
    except (NexusError, duckdb.Error, OSError):
        # nothing is published yet, or not to be read just now: the pages say which
        return None
