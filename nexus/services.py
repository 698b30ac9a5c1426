"""What a supervised service is, and which ones there are.

Belongs here: the `Service` description and its discovery (`<layer>/services.py` offers `services(settings)`).
Does not belong here: starting and watching processes (supervise.py), or any service's own command line.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field

from nexus.settings import Settings, url_at

#: Layers that may run services, in the order in which they are started and shown.
LAYERS = ("api", "orchestration", "apps", "ml")


@dataclass(frozen=True, slots=True)
class Service:
    """One process that the supervisor keeps alive.

    `health` is the path that answers 2xx once the service can be used; without a port the service counts as healthy
    while it runs. `ready_timeout` is in seconds; `purpose` is shown to people beside the URL.
    """

    name: str
    command: tuple[str, ...]
    purpose: str
    port: int | None = None
    health: str = "/"
    page: str = "/"
    env: Mapping[str, str] = field(default_factory=dict)
    ready_timeout: float = 90
    #: where it listens, if that is not where the settings say
    host: str = ""

    def listens(self, settings: Settings) -> str:
        return self.host or settings.host

    def url(self, settings: Settings, path: str | None = None) -> str | None:
        """Address of the page (or of `path`), or None for a service without a port."""
        if self.port is None:
            return None
        return url_at(self.listens(settings), self.port) + (self.page if path is None else path)


def discover(settings: Settings) -> list[Service]:
    """Every service of every layer, in order."""
    found: list[Service] = []
    for layer in LAYERS:
        if importlib.util.find_spec(layer) and importlib.util.find_spec(f"{layer}.services"):
            found.extend(importlib.import_module(f"{layer}.services").services(settings))
    return found
