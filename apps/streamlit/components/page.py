"""What a page is, and what it is given to draw.

Belongs here: `Page`, `View` and the discovery of pages. Does not belong here: drawing.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import polars as pl

from apps.streamlit.components import data, formats

FOLDER = Path(__file__).resolve().parents[1] / "app_pages"


@dataclass(frozen=True, slots=True)
class Page:
    """`order` sorts the menu (ties by name); `filters` are those of the header that mean something on the page.

    `needs` is the permission without which a visitor has no such page in a workspace (api/dashboards/policies.py).
    """

    title: str
    question: str
    icon: str
    order: int
    filters: tuple[str, ...] = ("period", "currency")
    needs: str = "dashboards.read"


@dataclass(frozen=True, slots=True)
class Clock:
    """From when to when a workspace has data. `last` is its last complete day."""

    first: date
    as_of: datetime
    last: date


@dataclass(frozen=True, slots=True)
class View:
    """One view of one page: everything that a link to it says, and the version that answers."""

    workspace: str
    start: date
    end: date
    before: tuple[date, date] | None
    currency: str | None
    currencies: tuple[str, ...]
    version: int
    clock: Clock
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def period(self) -> str:
        return formats.span(self.start, self.end)

    def read(self, sql: str, **params: Any) -> pl.DataFrame:
        """Rows of this version; the SQL may name $workspace, $start, $end, $before_start, $before_end, $currency."""
        earlier = self.before or (self.start, self.start)
        known = {
            "workspace": self.workspace,
            "start": self.start,
            "end": self.end,
            "currency": self.currency,
            "before_start": earlier[0],
            "before_end": earlier[1],
            "as_of": self.clock.last,
        }
        return data.read(sql, self.version, **{**known, **params})

    def has(self, relation: str, column: str | None = None) -> bool:
        return data.has(self.version, relation, column)

    def params(self, **params: str) -> dict[str, str]:
        """What an address must say to show this view."""
        shared = {"workspace": self.workspace, "period": f"{self.start}..{self.end}"}
        return shared | ({"currency": self.currency} if self.currency else {}) | params

    def link(self, page: str, **params: str) -> str:
        """Address of another page in this view."""
        from urllib.parse import urlencode

        return f"/{page}?{urlencode(self.params(**params))}"

    def go(self, page: str, label: str, icon: str | None = None, **params: str) -> None:
        """Draws a link to another page, opened in place; none to a page that the visitor may not see."""
        import streamlit as st

        menu = st.session_state.get("menu")
        if menu is None:
            # one page drawn alone, without a menu
            st.markdown(f"{icon or ''} [{label}]({self.link(page, **params)})")
        elif page in menu:
            st.page_link(menu[page], label=label, icon=icon, query_params=self.params(**params))


def remember(menu: Mapping[str, Any]) -> None:
    """The pages of this visitor by address, which links open."""
    import streamlit as st

    st.session_state["menu"] = dict(menu)


def discover() -> dict[str, ModuleType]:
    """Every module of `app_pages` by its address, in the order of the menu."""
    names = [path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_")]
    found = {name: importlib.import_module(f"apps.streamlit.app_pages.{name}") for name in names}
    return dict(sorted(found.items(), key=lambda item: (item[1].PAGE.order, item[0])))
