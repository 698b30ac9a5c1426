"""Pages: discovered, described, complete; each draws without a menu, a browser or a running server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from apps.streamlit.components import page
from apps.streamlit.components.page import Page
from nexus.settings import Settings, get_settings

SNAPSHOT = Path(__file__).with_name("pages.json")
ROOT = Path(page.__file__).resolve().parents[1]


def test_pages_and_their_order() -> None:
    """In the order of the menu. To accept a change: delete pages.json, run again, commit."""
    found = page.discover()
    titles = {name: module.PAGE.title for name, module in found.items()}
    if not SNAPSHOT.exists():
        SNAPSHOT.write_text(json.dumps(titles, indent=1) + "\n")
        pytest.fail(f"{SNAPSHOT.name} was missing and has been written: look at it and commit it")
    known = json.loads(SNAPSHOT.read_text())
    assert list(titles.items()) == list(known.items()), f"delete tests/apps/{SNAPSHOT.name} to accept the change"
    for module in found.values():
        assert isinstance(module.PAGE, Page)
        assert module.PAGE.question.endswith("?")
        assert callable(module.render)


def test_figures_are_three_to_five() -> None:
    for name, module in page.discover().items():
        assert len(getattr(module, "FIGURES", ())) <= 5, name


def test_pages_read_only_through_reads() -> None:
    """SQL lies in reads/: a page with a statement of its own would have no test of it."""
    wrong = [p.name for p in (ROOT / "app_pages").glob("*.py") if "from marts." in p.read_text().lower()]
    assert not wrong


def _draw(name: str) -> None:
    from apps.streamlit.components import page, shell, visitor

    shell.show(page.discover()[name], visitor.ANYBODY)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.integration
@pytest.mark.parametrize("name", sorted(page.discover()))
def test_a_page_draws(name: str, at_home: Settings) -> None:
    app = AppTest.from_function(_draw, kwargs={"name": name}, default_timeout=60).run()
    assert not app.exception, app.exception
    assert not app.error, [e.value for e in app.error]
    assert app.title[0].value == page.discover()[name].PAGE.title


@pytest.mark.parametrize("name", sorted(page.discover()))
def test_nothing_published_is_said(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEXUS_HOME", str(tmp_path))
    get_settings.cache_clear()
    try:
        app = AppTest.from_function(_draw, kwargs={"name": name}, default_timeout=30).run()
    finally:
        get_settings.cache_clear()
    assert not app.exception
    text = " ".join(m.value for m in app.markdown)
    assert "Nothing is published yet" in text
    assert any("nexus build" in c.value for c in app.code)
