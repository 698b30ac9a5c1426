"""What the apps count: dashboards, one a file, found as the menu finds them."""

from __future__ import annotations

from pathlib import Path

from nexus.settings import Settings

PAGES = Path(__file__).parent / "streamlit" / "app_pages"


def stats(settings: Settings) -> dict[str, int]:
    return {"dashboards": sum(1 for path in PAGES.glob("*.py") if not path.stem.startswith("_"))}
