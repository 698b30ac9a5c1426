"""dbt inside this process: parse once, run without starting anything, results as plain values.

Belongs here: how dbt is called and what it answers. Does not belong here: the models (transforms/dbt), when they run
(orchestration). A call through the shell costs five to ten seconds more than one through here.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from nexus import postgres
from nexus.errors import NexusError, Permanent
from nexus.settings import PROJECT, Settings
from nexus.trouble import machine_error, trouble_in
from warehouse.engines import let_go

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

PROJECT_DIR = PROJECT / "transforms" / "dbt"
_GOOD = {"success", "pass"}
_BAD = {"error", "fail", "runtime error"}
#: Events that dbt fires when a node has ended; only these know how many there are.
_RESULTS = {"LogModelResult", "LogTestResult", "LogSeedResult", "LogSnapshotResult", "LogNodeResult"}
#: Commands that are run for what they do to nodes.
_NODES = {"build", "run", "test"}
_DIGEST = hashlib.sha256().digest_size
_mutex = threading.Lock()
_manifests: dict[tuple[Path, str, str], Manifest] = {}


class DbtError(NexusError, Permanent):
    """dbt could not do what it was asked: the project does not parse, a model fails, an argument is wrong."""

    code = "dbt"


@dataclass(frozen=True, slots=True)
class Node:
    """What dbt did with one node. `kind` is model, test, seed …; `status` as dbt says it; `compiled` is its SQL."""

    unique_id: str
    name: str
    kind: str
    status: str
    seconds: float
    message: str = ""
    failures: int = 0
    compiled: str = ""

    @property
    def is_good(self) -> bool:
        return self.status in _GOOD

    @property
    def is_bad(self) -> bool:
        """Failed itself; skipped because of another one is neither good nor bad."""
        return self.status in _BAD


@dataclass(frozen=True, slots=True)
class Step:
    """A node has just ended; `done` of `total` have."""

    name: str
    status: str
    done: int
    total: int


def run(
    command: str,
    settings: Settings,
    *,
    engine: str | None = None,
    select: Sequence[str] = (),
    exclude: Sequence[str] = (),
    arguments: Sequence[str] = (),
    on_node: Callable[[Step], None] | None = None,
) -> list[Node]:
    """Runs `dbt <command>` and returns what became of each node; nodes that fail are for the caller to judge.

    Raises DbtError when dbt does not get as far as running nodes, MachineError when the disk or the server ends under
    them. One run at a time in a process.
    """
    chosen = engine or settings.warehouse
    # what a run did is in its nodes; writing it as files takes as long as a hundred of them
    words = [*(["--no-write-json"] if command in _NODES else []), command, *arguments]
    if select:
        words += ["--select", *select]
    if exclude:
        words += ["--exclude", *exclude]
    with _mutex:
        _environment(settings, chosen)
        manifest = _parsed(settings, chosen)
        try:
            result = _invoke(words, settings, chosen, manifest, _Teller(on_node))
        finally:
            _let_go()
    if result.exception is not None:
        let_go(chosen, settings)
        raise machine_error(result.exception) or DbtError(
            f"dbt {command} could not run: {result.exception}", remedy=f"read {settings.log_dir / 'dbt' / 'dbt.log'}"
        ) from result.exception
    nodes = [_node(r) for r in getattr(result.result, "results", None) or []]
    if any(node.is_bad for node in nodes):
        let_go(chosen, settings)
    for node in nodes:
        if node.is_bad and (found := trouble_in(node.message, driver=chosen == "postgres")):
            raise found
    return nodes


def manifest_path(settings: Settings) -> Path:
    """`manifest.json` of the project as it is now; parses only when a file of the project has changed."""
    path = settings.home.resolve() / "dbt" / f"manifest-{settings.warehouse}.json"
    stamp = path.with_suffix(".sha256")
    wanted = fingerprint()
    if not path.exists() or not stamp.exists() or stamp.read_text() != wanted:
        with _mutex:
            _environment(settings, settings.warehouse)
            parsed = _parsed(settings, settings.warehouse)
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = path.with_suffix(f".{os.getpid()}.tmp")
        scratch.write_text(json.dumps(parsed.writable_manifest().to_dict(omit_none=False), default=str))
        scratch.replace(path)
        stamp.write_text(wanted)
    return path


def fingerprint() -> str:
    """Changes with every file that dbt parses."""
    digest = hashlib.sha256()
    for path in sorted(PROJECT_DIR.rglob("*")):
        if path.suffix in {".sql", ".yml", ".csv"} and "target" not in path.relative_to(PROJECT_DIR).parts:
            digest.update(str(path.relative_to(PROJECT_DIR)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def target_dir(settings: Settings, engine: str) -> Path:
    """Where dbt writes its artefacts; each engine has its own, so that changing it costs no parse."""
    return settings.home.resolve() / "dbt" / engine


def _parsed(settings: Settings, engine: str) -> Manifest:
    key = (settings.home.resolve(), engine, fingerprint())
    if key not in _manifests:
        kept = target_dir(settings, engine) / "parsed"
        found = _kept(kept, key[2]) or _parse(settings, engine, kept, key[2])
        _manifests.clear()
        _manifests[key] = found
    return _manifests[key]


def _parse(settings: Settings, engine: str, kept: Path, wanted: str) -> Manifest:
    result = _invoke(["parse"], settings, engine, None, _Teller(None))
    if result.exception is not None or not result.success:
        raise DbtError(
            f"the dbt project does not parse: {result.exception or 'see its log'}",
            remedy=f"correct what it names in {PROJECT_DIR.relative_to(PROJECT)}",
        ) from result.exception
    content = (kept.parent / "partial_parse.msgpack").read_bytes()
    scratch = kept.with_suffix(f".{os.getpid()}.tmp")
    scratch.write_bytes(_digest(wanted, content) + content)
    scratch.replace(kept)
    parsed: Manifest = result.result
    return parsed


def _kept(path: Path, wanted: str) -> Manifest | None:
    """What another process has parsed, if it was the project `wanted`. dbt itself would look at every file of it, and
    write what it has read: two seconds of every build."""
    from dbt.contracts.graph.manifest import Manifest
    from dbt.parser.manifest import extended_mashumuro_decoder

    found = path.read_bytes() if path.exists() else b""
    digest, content = found[:_DIGEST], found[_DIGEST:]
    if digest != _digest(wanted, content):
        return None
    manifest = Manifest.from_msgpack(content, decoder=extended_mashumuro_decoder)
    manifest.build_parent_and_child_maps()  # type: ignore[no-untyped-call]
    manifest.build_flat_graph()  # type: ignore[no-untyped-call]
    return manifest


def _digest(wanted: str, content: bytes) -> bytes:
    """Of a project as this version of dbt has parsed it."""
    from dbt.version import __version__

    return hashlib.sha256(f"{wanted} {__version__} ".encode() + content).digest()


def _invoke(words: list[str], settings: Settings, engine: str, manifest: Manifest | None, teller: _Teller) -> Any:
    from dbt.cli.main import dbtRunner

    options = [
        "--project-dir", str(PROJECT_DIR), "--profiles-dir", str(PROJECT_DIR), "--target", engine,
        "--target-path", str(target_dir(settings, engine)), "--log-path", str(settings.log_dir.resolve() / "dbt"),
    ]  # fmt: skip
    quiet = ["--quiet", "--no-use-colors", "--log-level", "none", "--log-level-file", "info", "--no-version-check"]
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere), _patient_logging():
        try:
            return dbtRunner(manifest=manifest, callbacks=[teller]).invoke([*quiet, *words, *options])
        finally:
            _close_log()


@contextlib.contextmanager
def _patient_logging() -> Iterator[None]:
    """A log that cannot be written (the disk is full) is no reason to print a traceback for each of its lines."""
    before, logging.raiseExceptions = logging.raiseExceptions, False
    try:
        yield
    finally:
        logging.raiseExceptions = before


def _close_log() -> None:
    """dbt drops the handler of its log file without closing it, once for each call."""
    from dbt_common.events.event_manager_client import get_event_manager

    for logger in get_event_manager().loggers:
        written = getattr(logger, "_python_logger", None)
        for handler in list(getattr(written, "handlers", ())):
            handler.close()


def _let_go() -> None:
    """Closes what dbt's adapters keep open between runs: nobody else could open the build file otherwise."""
    from dbt.adapters.factory import FACTORY

    FACTORY.cleanup_connections()  # type: ignore[no-untyped-call]
    for adapter in FACTORY.adapters.values():
        environment = getattr(adapter.connections, "_ENV", None)
        if environment is not None:
            environment.close()
            adapter.connections.close_all_connections()


def _environment(settings: Settings, engine: str) -> None:
    """What profiles.yml asks for."""
    from warehouse.engines.duckdb.connect import build_path, options

    path, said = build_path(settings).resolve(), options(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    wanted = {
        "NEXUS_DBT_DUCKDB_PATH": str(path),
        "NEXUS_DBT_DUCKDB_MEMORY": str(said["memory_limit"]),
        "NEXUS_DBT_DUCKDB_TMP": str(said["temp_directory"]),
    }
    if engine == "postgres":
        url = urlsplit(postgres.dsn(settings, "warehouse"))
        query = dict(part.split("=", 1) for part in url.query.split("&") if "=" in part)
        wanted |= {
            "NEXUS_DBT_PG_HOST": unquote(query.get("host", url.hostname or "localhost")),
            "NEXUS_DBT_PG_PORT": str(url.port or 5432),
            "NEXUS_DBT_PG_USER": unquote(url.username or "postgres"),
            "NEXUS_DBT_PG_PASSWORD": unquote(url.password or ""),
            "NEXUS_DBT_PG_DBNAME": url.path.lstrip("/") or "postgres",
        }
    os.environ.update(wanted)
    os.environ["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"


def _node(result: Any) -> Node:
    node = result.node
    return Node(
        unique_id=node.unique_id,
        name=node.name,
        kind=str(node.resource_type),
        status=str(getattr(result.status, "value", result.status)),
        seconds=round(float(result.execution_time or 0), 3),
        message=(result.message or "").strip(),
        failures=int(result.failures or 0),
        compiled=getattr(node, "compiled_code", None) or "",
    )


class _Teller:
    """Turns dbt's events into steps; dbt calls it from its own threads."""

    def __init__(self, on_node: Callable[[Step], None] | None) -> None:
        self._on_node = on_node
        self._done = 0

    def __call__(self, event: Any) -> None:
        if self._on_node is None or event.info.name not in _RESULTS:
            return
        self._done += 1
        data = event.data
        total = getattr(data, "total", None) or getattr(data, "num_models", None) or self._done
        self._on_node(Step(data.node_info.node_name, data.node_info.node_status, self._done, int(total)))
