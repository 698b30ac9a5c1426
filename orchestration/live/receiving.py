"""Webhooks: from a request to the source's records.

Belongs here: which connection is meant, its hook, its group. Does not belong here: HTTP (api/sources), signatures (a
source's `webhook.py`). `api` may not import this layer and reaches `Receiver` by name.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import httpx

from nexus import secrets
from nexus.connections import Connection, folder, load
from nexus.errors import MachineError, NexusError, NotFoundError
from nexus.settings import Settings
from orchestration import sources
from orchestration.live.connections import config
from orchestration.live.grouping import Group
from orchestration.live.hook import Hook, HookModule
from warehouse.land import Counts

_log = logging.getLogger("nexus.webhook")


#: What a write to any of some files changes: inode, size and time of each; None for one that is absent.
_Stamp = tuple[tuple[int, int, int] | None, ...]


@dataclass(frozen=True, slots=True)
class _Open:
    files: tuple[Path, ...]
    stamp: _Stamp
    hook: Hook
    group: Group


class Receiver:
    """The webhooks of a home. Notices when a file of connections has changed, or a file with a secret of theirs."""

    def __init__(self, settings: Settings, transport: httpx.BaseTransport | None = None) -> None:
        self._settings, self._transport = settings, transport
        self._known: dict[tuple[str, str, str], _Open] = {}
        self._lock = threading.Lock()

    def receive(
        self, source: str, workspace: str, connection: str, headers: Mapping[str, str], body: bytes
    ) -> Future[Counts]:
        """Counts of the delivery once it has landed. May read a file and ask a provider for its certificate.

        Raises NotFoundError, which says nothing of what there is, SignatureError, InputError for what is no event, and
        MachineError when it cannot be landed now.
        """
        found = self._open(source, workspace, connection)
        return found.group.add(found.hook.accept(headers, body), body)

    def _open(self, source: str, workspace: str, name: str) -> _Open:
        key = (source, workspace, name)
        with self._lock:
            known = self._known.get(key)
            if known is None or known.stamp != _stamp(known.files):
                known = self._known[key] = self._opened(source, workspace, name)
            return known

    def _opened(self, source: str, workspace: str, name: str) -> _Open:
        mine = folder(self._settings) / f"{workspace}.yml"
        try:
            written = _stamp((mine,))
            if written == (None,):
                raise _absent()
            connection = next((c for c in load(self._settings, workspace) if c.name == name), None)
            if connection is None or connection.source != source:
                raise _absent()
            kept = tuple(secrets.files(connection.options))
            # before anything is read: what is written meanwhile is noticed at the next delivery
            stamp = (*written, *_stamp(kept))
            found = hook(connection, self._transport)
        except NotFoundError:
            raise
        except NexusError as error:
            # what is wrong with a file of this machine is not for the world
            _log.error("webhook of %s/%s: %s", workspace, name, error)
            raise MachineError("the connection of this webhook cannot be used now") from None
        if found is None:
            raise _absent()
        return _Open((mine, *kept), stamp, found, Group(self._settings, connection, sources.get(source)))


def hook(connection: Connection, transport: httpx.BaseTransport | None = None) -> Hook | None:
    """What verifies deliveries to the connection; None where it takes none. Raises InputError for unusable options."""
    if not _has_hook(connection.source):
        return None
    module = cast(HookModule, importlib.import_module(_name(connection.source)))
    return module.open_hook(config(connection), transport)


def _stamp(files: Iterable[Path]) -> _Stamp:
    return tuple(map(_state, files))


def _state(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return (found.st_ino, found.st_size, found.st_mtime_ns)


def _absent() -> NotFoundError:
    return NotFoundError("there is no such webhook")


def _name(source: str) -> str:
    return f"orchestration.sources.{source}.webhook"


def _has_hook(source: str) -> bool:
    return source in sources.discover() and importlib.util.find_spec(_name(source)) is not None
