"""The tab of connections: what is configured and Nexus itself, with what landed and how far behind it is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from streamlit.testing.v1 import AppTest

from apps.streamlit.components import connections
from nexus.connections import folder
from nexus.settings import Settings
from warehouse import ledger, pulls
from warehouse.land import Counts


@pytest.fixture
def home(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    monkeypatch.setattr("apps.streamlit.components.data.get_settings", lambda: settings)
    folder(settings).mkdir(parents=True)
    connections._read.clear()
    yield settings
    connections._read.clear()


def _draw() -> None:
    from apps.streamlit.components import connections

    connections.show(connections.View("acme", *[None] * 6, 1, None))  # type: ignore[arg-type]


def _pulled(settings: Settings, name: str, source: str, stream: str, *landed: int, error: str | None = None) -> None:
    """Pulls that landed so many; the last of them ended with `error`."""
    with ledger.connect(settings) as book:
        for number, count in enumerate(landed):
            pull_id = f"pul_{name}_{stream}_{number}"
            pulls.begin(book, pull_id, "acme", name, source, stream, None)
            pulls.count(book, pull_id, stream, 1, Counts(count, count, 0, 0))
            pulls.end(book, pull_id, stream, error if number == len(landed) - 1 else None, "look at it")


def test_rows_say_what_landed_and_how_far_behind_they_are(home: Settings) -> None:
    (folder(home) / "acme.yml").write_text("shop: {source: stripe}\nnew: {source: okta}\n")
    _pulled(home, "shop", "stripe", "customer", 40, 2, 0)
    _pulled(home, "shop", "stripe", "invoice", 7, 0, error="Stripe answered 403")
    _pulled(home, "renamed", "stripe", "customer", 9, error="the key of long ago")
    _pulled(home, "new", "stripe", "customer", 9, error="when it was another account")
    _pulled(home, "nexus", "nexus", "events", 3)
    with ledger.connect(home) as book:
        pulls.advance(book, "acme", "shop", "customer", "stripe", {"at": 1})
        two_hours_ago = datetime.now(UTC).replace(tzinfo=None) - timedelta(hours=2, minutes=5)
        pulls.caught_up(book, "acme", "shop", "customer", two_hours_ago)

    app = AppTest.from_function(_draw, default_timeout=30).run()

    assert not app.exception, app.exception
    assert "**1 of 4 streams** failed; shop first: Stripe answered 403 → look at it" in app.markdown[0].value
    shown = app.dataframe[0].value
    columns = ["Connection", "Stream", "Last pull", "Read to its end", "Landed in all", "Landed last"]
    rows = shown[columns].astype(object).where(shown[columns].notna(), None).to_numpy().tolist()
    assert rows == [
        ["shop", "invoice", "Failed", None, 7, 0],
        ["new", None, "Never pulled", None, None, None],
        ["nexus", "events", "Done", None, 3, 3],
        ["shop", "customer", "Done", "2 h ago", 42, 0],
    ]


def test_without_a_connection_it_says_where_to_write_one(home: Settings) -> None:
    app = AppTest.from_function(_draw, default_timeout=30).run()
    assert not app.exception, app.exception
    said = " ".join(str(e.value) for e in (*app.markdown, *app.info, *app.code))
    assert "connections/acme.yml" in said
