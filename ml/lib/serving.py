"""The model that answers, loaded once and exchanged when another one is appointed.

Belongs here: keeping the answering version of each registered name at hand. Does not belong here: features, HTTP.
Asking costs a dictionary look-up. At most every `LOOK_EVERY` seconds a thread of its own looks who answers; a request
never waits for that, and an unreachable registry leaves the model that is loaded in service.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from ml.lib.registry import ModelVersion, answering
from ml.lib.scorer import Scorer, load
from nexus.errors import MachineError
from nexus.settings import Settings

LOOK_EVERY = 5.0


@dataclass(slots=True)
class Loaded:
    """A version in memory. `looked` is the time of the last look at the registry, `trouble` what was wrong with it."""

    version: ModelVersion
    scorer: Scorer
    looked: float = field(default_factory=time.monotonic)
    trouble: str | None = None


class Serving:
    """Loaded models by registered name. Safe among threads."""

    def __init__(self, settings: Settings, look_every: float = LOOK_EVERY) -> None:
        self._settings = settings
        self._every = look_every
        self._loaded: dict[str, Loaded] = {}
        self._looking: set[str] = set()
        self._lock = threading.Lock()

    def at_hand(self, name: str) -> Loaded | None:
        """The loaded model, if there is one; starts a look at the registry in the background when one is due."""
        found = self._loaded.get(name)
        if found is not None and time.monotonic() - found.looked >= self._every:
            self._look_later(name)
        return found

    def get(self, name: str) -> Loaded:
        """The loaded model; loads it if need be. Raises NotFoundError if none has been trained."""
        return self.at_hand(name) or self._look(name)

    def _look_later(self, name: str) -> None:
        with self._lock:
            if name in self._looking:
                return
            self._looking.add(name)
        threading.Thread(target=self._look_quietly, args=(name,), name=f"look-{name}", daemon=True).start()

    def _look_quietly(self, name: str) -> None:
        try:
            self._look(name)
        except Exception as error:  # noqa: BLE001  (whatever it is, the loaded model goes on answering, and says so)
            found = self._loaded[name]
            found.trouble, found.looked = str(error), time.monotonic()
        finally:
            with self._lock:
                self._looking.discard(name)

    def _look(self, name: str) -> Loaded:
        version = answering(self._settings, name)
        found = self._loaded.get(name)
        if found is not None and found.version == version:
            found.looked, found.trouble = time.monotonic(), None
            return found
        if not (version.bundle / "bundle.json").exists():
            raise MachineError(
                f"{name} version {version.version} is registered, but its files are gone: {version.bundle}",
                remedy=f"nexus train {name.partition('.')[0]}",
            )
        loaded = Loaded(version, load(version.bundle))
        self._loaded[name] = loaded
        return loaded
