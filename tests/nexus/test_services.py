"""Where services listen: what asks nobody who they are stays on this machine, wherever the API is to be reached."""

from __future__ import annotations

import pytest

from nexus.services import discover
from nexus.settings import Settings, url_at

#: Those that ask: the API by credentials and its guard, the dashboards by signing in.
ASKING = {"api", "streamlit"}


@pytest.mark.parametrize(
    ("host", "inner"),
    [("0.0.0.0", "127.0.0.1"), ("203.0.113.7", "127.0.0.1"), ("::", "127.0.0.1"), ("nexus.example", "127.0.0.1"),
     ("127.0.0.1", "127.0.0.1"), ("127.0.0.2", "127.0.0.2"), ("localhost", "localhost"), ("::1", "::1")],
)  # fmt: skip
def test_what_asks_nobody_stays_on_this_machine(settings: Settings, host: str, inner: str) -> None:
    asked = settings.model_copy(update={"host": host})
    found = {service.name: service for service in discover(asked)}
    open_ones = [s for s in found.values() if s.port and s.name not in ASKING]
    assert {s.name for s in open_ones} == {"dagster", "mlflow"}
    for service in open_ones:
        assert service.command[service.command.index("--host") + 1] == inner
        # where it is watched, and where people are sent
        assert service.listens(asked) == inner
        assert str(service.url(asked)).startswith(url_at(inner, service.port or 0))
    assert found["api"].listens(asked) == host
