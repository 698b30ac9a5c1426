"""From a configured connection to an open one.

Belongs here: finding a source's `live.py`, checking options, opening. Does not belong here: the file (nexus.connections).
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import httpx
from pydantic import SecretStr, ValidationError

from nexus.connections import OWN, Connection, load_all
from nexus.doctor import Finding
from nexus.errors import InputError, NexusError, NotFoundError
from nexus.settings import Settings
from orchestration import sources
from orchestration.live.spec import Live, LiveConfig, LiveModule, Stream


def live_sources() -> list[str]:
    """Sources that one can connect and pull."""
    return [name for name in sources.discover() if name != OWN and _spec(name)]


def module(source: str) -> LiveModule:
    """`live.py` of the source. Raises NotFoundError where it has none."""
    sources.get(source)
    if not _spec(source):
        raise NotFoundError(
            f"source {source!r} cannot be pulled: it reads exports only",
            remedy=f"sources that can: {', '.join(live_sources())}",
        )
    return cast(LiveModule, importlib.import_module(_name(source)))


def config(connection: Connection) -> LiveConfig:
    """The checked options, secrets revealed. Raises InputError that names every fault at once."""
    try:
        return module(connection.source).Config.model_validate(dict(connection.options))
    except ValidationError as error:
        faults = "; ".join(_fault(e["loc"], e["msg"]) for e in error.errors(include_url=False, include_input=False))
        raise InputError(
            f"{connection.path}: connection {connection.name!r}: {faults}",
            remedy=f"options of {connection.source}: {', '.join(module(connection.source).Config.model_fields)}",
        ) from None


def shown(connection: Connection) -> dict[str, str]:
    """Options as people may see them: a secret as its reference, or as *** where it stands in the file itself."""
    fields = module(connection.source).Config.model_fields if _spec(connection.source) else {}
    text = {}
    for name, value in connection.options.items():
        secret = (
            name not in fields or fields[name].annotation is SecretStr or "SecretStr" in str(fields[name].annotation)
        )
        reference = str(value).startswith(("env:", "file:"))
        text[name] = "***" if secret and not reference else str(value)
    return text


@contextmanager
def opened(connection: Connection, transport: httpx.BaseTransport | None = None) -> Iterator[Live]:
    """The connection, ready to be pulled; closed at the end."""
    live = module(connection.source).open_live(config(connection), transport)
    try:
        yield live
    finally:
        live.close()


def chosen(connection: Connection, live: Live, only: tuple[str, ...] = ()) -> list[Stream]:
    """Streams named in `only`, else in the options, else all. Raises NotFoundError for an unknown name."""
    wanted = only or config(connection).streams
    by_name = {stream.name: stream for stream in live.streams}
    for name in wanted:
        if name not in by_name:
            raise NotFoundError(
                f"{connection.source} has no stream {name!r}; it has: {', '.join(by_name) or 'none'}",
                remedy=f"correct `streams` of connection {connection.name!r}, or what was asked for",
            )
    return [by_name[name] for name in wanted] if wanted else list(live.streams)


def examine(settings: Settings) -> list[Finding]:
    """Whether every configured connection could be opened, without asking any provider."""
    connections, faults = load_all(settings)
    found = [
        Finding(f"connections of {workspace}", "fail", error.message, error.remedy or "")
        for workspace, error in faults.items()
    ]
    for connection in connections:
        subject = f"connection {connection.workspace}/{connection.name}"
        try:
            if config(connection).streams:
                with opened(connection) as live:
                    chosen(connection, live)
        except NexusError as error:
            found.append(Finding(subject, "fail", error.message, error.remedy or ""))
        else:
            found.append(Finding(subject, "ok", f"{connection.source}, configured"))
    return found


def _name(source: str) -> str:
    return f"orchestration.sources.{source}.live"


def _spec(source: str) -> bool:
    return importlib.util.find_spec(f"orchestration.sources.{source}") is not None and (
        importlib.util.find_spec(_name(source)) is not None
    )


def _fault(location: tuple[int | str, ...], message: str) -> str:
    place = ".".join(map(str, location)) or "options"
    return f"{place}: {message.removeprefix('Value error, ')}"
