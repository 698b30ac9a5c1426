"""Finds what is wrong with this machine or this installation, and says what to do.

Belongs here: the `Finding` and the checks of the kernel. A layer adds its own in `<layer>/doctor.py` with
`checks(settings) -> list[Finding]`. Does not belong here: repairing; a finding names the command that repairs.
"""

from __future__ import annotations

import importlib
import importlib.util
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from nexus import postgres
from nexus.errors import MachineError
from nexus.ports import holder
from nexus.services import LAYERS
from nexus.settings import PROJECT, Settings
from nexus.supervise import read_state

_DISK_WARN, _DISK_FAIL = 5 * 2**30, 1 * 2**30


@dataclass(frozen=True, slots=True)
class Finding:
    """One looked-at thing: `ok`, `warn` (works, but) or `fail` (does not work), with the remedy if there is one."""

    subject: str
    level: Literal["ok", "warn", "fail"]
    message: str
    remedy: str = ""


def examine(settings: Settings) -> list[Finding]:
    """Every check of the kernel and of the layers."""
    return [
        _python(), _environment(), _disk(settings), *_services(settings), _postgres(settings), _published(settings),
        *layers(settings),
    ]  # fmt: skip


def layers(settings: Settings) -> list[Finding]:
    """What the layers themselves look at; needs nothing that runs."""
    findings: list[Finding] = []
    for layer in ("warehouse", *LAYERS):
        if importlib.util.find_spec(layer) and importlib.util.find_spec(f"{layer}.doctor"):
            findings.extend(importlib.import_module(f"{layer}.doctor").checks(settings))
    return findings


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if (3, 11) <= sys.version_info[:2] <= (3, 13):
        return Finding("Python", "ok", version)
    return Finding("Python", "fail", f"{version} is not supported", "make PYTHON=python3.12 setup")


def _environment() -> Finding:
    stamp, lock = PROJECT / ".venv" / ".installed", PROJECT / "requirements.lock"
    if stamp.exists() and lock.exists() and stamp.stat().st_mtime < lock.stat().st_mtime:
        return Finding("environment", "warn", "requirements.lock is newer than the environment", "make setup")
    return Finding("environment", "ok", "installed from requirements.lock")


def _disk(settings: Settings) -> Finding:
    place = next(p for p in (settings.home, *settings.home.parents) if p.exists())
    free = shutil.disk_usage(place).free
    text = f"{free / 2**30:.1f} GiB free at {settings.home}"
    if free < _DISK_FAIL:
        return Finding("disk", "fail", text, "free at least 1 GiB, or set NEXUS_HOME to a larger disk")
    if free < _DISK_WARN:
        return Finding("disk", "warn", text, "a build of the demo company needs about 2 GiB")
    return Finding("disk", "ok", text)


def _services(settings: Settings) -> Iterable[Finding]:
    content = read_state(settings)
    if content is not None and not content["alive"]:
        yield Finding(
            "supervisor", "fail", f"process {content['supervisor']} died and left its state behind",
            "nexus down (ends what it left running), then nexus up",
        )  # fmt: skip
    elif content is not None:
        for state in content["services"]:  # type: ignore[attr-defined]
            healthy = state["state"] == "healthy"
            text = f"{state['state']}" + (f", restarted {state['restarts']} times" if state["restarts"] else "")
            level: Literal["ok", "warn", "fail"] = "fail" if not healthy else "warn" if state["restarts"] else "ok"
            yield Finding(state["name"], level, text, "" if healthy else f"nexus logs {state['name']}")
        return
    for setting in Settings.model_fields:
        if setting.endswith("_port"):
            yield _port(settings, setting.removesuffix("_port"))


def _port(settings: Settings, service: str) -> Finding:
    port = int(getattr(settings, f"{service}_port"))
    if who := holder(settings.host, port):
        remedy = f"stop that process, or choose another port with NEXUS_{service.upper()}_PORT"
        return Finding(f"port {port}", "fail", f"needed by {service}, held by {who}", remedy)
    return Finding(f"port {port}", "ok", f"free for {service}")


def _postgres(settings: Settings) -> Finding:
    import psycopg

    kind = "your server" if settings.database_url else "embedded"
    try:
        with psycopg.connect(postgres.dsn(settings), connect_timeout=5) as connection:
            row = connection.execute("show server_version").fetchone()
    except (psycopg.Error, MachineError, OSError) as error:
        remedy = "check NEXUS_DATABASE_URL" if settings.database_url else f"read {postgres.describe(settings).log}"
        return Finding("PostgreSQL", "fail", f"{kind}: {str(error).splitlines()[0]}", remedy)
    return Finding("PostgreSQL", "ok", f"{kind}, version {row[0] if row else '?'}")


def _published(settings: Settings) -> Finding:
    from nexus.prepare import published

    if published(settings):
        return Finding("warehouse", "ok", "a version is published")
    return Finding("warehouse", "warn", "nothing is published yet", "nexus up, or nexus ingest … and nexus build")
