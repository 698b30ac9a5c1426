"""Keeps the processes of one machine alive: starts, watches, restarts with back-off, stops every one of them.

Belongs here: the life of processes and the state file that `nexus status` reads.
Does not belong here: what the services are (services.py) or how progress is drawn (cli).

Each service runs in a session of its own and carries a marker in its environment, so that stopping finds its
grandchildren too, whatever happened to the supervisor.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from nexus import postgres
from nexus.errors import ConflictError, MachineError
from nexus.ports import holder
from nexus.processes import answers, birth, is_same, sweep, terminate_group
from nexus.services import Service, discover
from nexus.settings import Settings
from nexus.trouble import FULL

MARKER = "NEXUS_SUPERVISED_BY"
_BACKOFF_FIRST, _BACKOFF_MAX = 1.0, 60.0
_STABLE_AFTER = 60.0  # seconds of good health after which the back-off starts anew
_GRACE = 12.0  # seconds between the polite and the hard signal
_PAUSE = 5.0  # seconds until a PostgreSQL that could not be started is tried again


@dataclass(slots=True)
class State:
    """What is known of one service; `state` is starting, healthy, unhealthy, waiting (back-off) or stopped."""

    name: str
    state: str = "stopped"
    pid: int | None = None
    url: str | None = None
    purpose: str = ""
    restarts: int = 0
    last_exit: int | None = None
    since: float = 0.0
    retry_at: float = 0.0


def back_off(restarts: int) -> float:
    """Seconds to wait before a service that ended is started again, after so many restarts of late."""
    return min(_BACKOFF_MAX, _BACKOFF_FIRST * (1 << min(restarts, 6)))


class Supervisor:
    """Runs `services` until told to stop. One instance per `home`, held by a file lock."""

    def __init__(self, settings: Settings, services: Iterable[Service] | None = None) -> None:
        self.settings = settings
        self.services = {s.name: s for s in (discover(settings) if services is None else services)}
        self.states = {n: State(n, url=s.url(settings), purpose=s.purpose) for n, s in self.services.items()}
        self.postgres_state = State("postgres", purpose="facts, ledger and metadata of every service")
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        # what is decided by is monotonic: a clock that is set back must not make a dead service wait for an hour
        self._began: dict[str, float] = {}
        self._due: dict[str, float] = {}
        self._stopping = False
        self._token = ""

    def run(self, on_change: Callable[[list[State]], None] | None = None) -> None:
        """Starts everything and watches it until SIGINT, SIGTERM or `request_stop`; then stops everything."""
        with exclusive(self.settings):
            reap(self.settings)
            check_ports(self.settings, self.services.values())
            self._token = secrets.token_hex(8)
            handlers = {n: signal.signal(n, lambda *_: self.request_stop()) for n in (signal.SIGINT, signal.SIGTERM)}
            try:
                while not self._stopping:
                    self._tick()
                    if on_change:
                        on_change(self.all_states())
                    time.sleep(0.25)
            finally:
                self._stop_all()
                for number, handler in handlers.items():
                    signal.signal(number, handler)
                if on_change:
                    on_change(self.all_states())

    def request_stop(self) -> None:
        self._stopping = True

    def all_states(self) -> list[State]:
        return [self.postgres_state, *self.states.values()]

    def _tick(self) -> None:
        now = time.monotonic()
        if now >= self._due.get("postgres", 0.0):
            self._keep_postgres(now)
        for name, service in self.services.items():
            state, child = self.states[name], self._children.get(name)
            if child is None:
                if now >= self._due.get(name, 0.0):
                    self._start(service, state)
            elif (code := child.poll()) is not None:
                self._died(state, code)
            else:
                self._probe(service, state, now)
        self._write()

    def _keep_postgres(self, now: float) -> None:
        if self.settings.database_url is not None:
            self.postgres_state.state = "healthy"
            return
        state, server = self.postgres_state, postgres.describe(self.settings)
        pid = server.pid
        if pid is None:
            if state.pid is not None:
                state.restarts += 1
            try:
                pid = postgres.ensure_running(self.settings).pid
            except MachineError as error:
                if not state.since:
                    raise
                # a full disk, say: services that can do without it go on, and it is tried again
                print(error, flush=True)
                state.state, state.pid, self._due["postgres"] = "waiting", None, now + _PAUSE
                state.retry_at = time.time() + _PAUSE
                return
            state.since = time.time()
        state.pid, state.state = pid, "healthy" if pid else "unhealthy"

    def _start(self, service: Service, state: State) -> None:
        self.settings.log_dir.mkdir(parents=True, exist_ok=True)
        log = (self.settings.log_dir / f"{service.name}.log").open("ab")
        environment = {**os.environ, "NEXUS_HOME": str(self.settings.home), **service.env, MARKER: self._token}
        try:
            child = subprocess.Popen(
                service.command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                env=environment, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise MachineError(f"{service.name} cannot be started: {error}", remedy="run `make setup`") from error
        finally:
            log.close()
        self._children[service.name] = child
        self._began[service.name] = time.monotonic()
        state.pid, state.state, state.since = child.pid, "starting", time.time()

    def _died(self, state: State, code: int) -> None:
        lived = time.monotonic() - self._began[state.name]
        terminate_group(self._children.pop(state.name).pid, grace=1.0)
        previous = 0 if lived > _STABLE_AFTER else state.restarts
        state.restarts += 1
        state.state, state.pid, state.last_exit = "waiting", None, code
        pause = back_off(previous)
        state.retry_at, self._due[state.name] = time.time() + pause, time.monotonic() + pause

    def _probe(self, service: Service, state: State, now: float) -> None:
        if service.port is None:
            state.state = "healthy"
        elif state.state != "healthy" or int(now * 4) % 20 == 0:
            if answers(service.listens(self.settings), service.port, service.health):
                state.state = "healthy"
            elif state.state == "healthy" or now - self._began[service.name] > service.ready_timeout:
                state.state = "unhealthy"

    def _stop_all(self) -> None:
        for name, child in reversed(self._children.items()):
            self.states[name].state = "stopping"
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGTERM)
        deadline = time.monotonic() + _GRACE
        for child in self._children.values():
            terminate_group(child.pid, grace=max(0.0, deadline - time.monotonic()))
            child.wait()
        sweep(MARKER, self._token)
        for state in self.states.values():
            state.state, state.pid = "stopped", None
        state_file(self.settings).unlink(missing_ok=True)
        postgres.release(self.settings)
        self.postgres_state.state = "stopped"

    def _write(self) -> None:
        path = state_file(self.settings)
        content = {
            "supervisor": os.getpid(), "created": birth(os.getpid()), "marker": self._token,
            "services": [asdict(s) for s in self.all_states()],
        }  # fmt: skip
        scratch = path.with_suffix(".tmp")
        try:
            scratch.write_text(json.dumps(content))
        except OSError as error:
            # services must outlive a full disk; what `nexus status` shows is older until there is room again
            if error.errno not in FULL:
                raise
            return
        scratch.replace(path)


def state_file(settings: Settings) -> Path:
    settings.run_dir.mkdir(parents=True, exist_ok=True)
    return settings.run_dir / "supervisor.json"


def read_state(settings: Settings) -> dict[str, object] | None:
    """What the supervisor last wrote, with `alive` telling whether it still runs; None when nothing was started."""
    try:
        content: dict[str, object] = json.loads(state_file(settings).read_text())
    except FileNotFoundError:
        return None
    content["alive"] = is_same(int(str(content["supervisor"])), float(str(content["created"])))
    return content


def stop(settings: Settings, timeout: float = 45) -> bool:
    """Stops the supervisor and all it started; True if there was anything. Works after a crash as well."""
    content = read_state(settings)
    if content is None:
        return False
    pid = int(str(content["supervisor"]))
    if content["alive"]:
        os.kill(pid, signal.SIGTERM)
        with contextlib.suppress(psutil.NoSuchProcess, psutil.TimeoutExpired):
            psutil.Process(pid).wait(timeout)
        if psutil.pid_exists(pid) and is_same(pid, float(str(content["created"]))):
            os.kill(pid, signal.SIGKILL)
    reap(settings)
    return True


def reap(settings: Settings) -> None:
    """Ends what a supervisor that died without stopping left behind."""
    content = read_state(settings)
    if content is None or content["alive"]:
        return
    sweep(MARKER, str(content["marker"]))
    state_file(settings).unlink(missing_ok=True)


def check_ports(settings: Settings, services: Iterable[Service]) -> None:
    """Raises MachineError naming every port that somebody else holds, and who."""
    taken = [(s, who) for s in services if s.port and (who := holder(s.listens(settings), s.port))]
    if taken:
        lines = "; ".join(f"{s.port} ({s.name}) is held by {who}" for s, who in taken)
        names = ", ".join(f"NEXUS_{s.name.upper()}_PORT" for s, _ in taken)
        raise MachineError(
            f"a port is taken: {lines}", remedy=f"stop that process, or choose another port with {names}"
        )


@contextlib.contextmanager
def exclusive(settings: Settings) -> Iterator[None]:
    """Held by the one supervisor of a home; raises ConflictError if another one runs."""
    import fcntl

    settings.run_dir.mkdir(parents=True, exist_ok=True)
    handle = os.open(settings.run_dir / "supervisor.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise ConflictError(
            "Nexus is already running from this folder", remedy="`nexus status` shows it, `nexus down` stops it"
        ) from None
    try:
        yield
    finally:
        os.close(handle)


def main() -> None:
    """A detached supervisor: `python -m nexus.supervise`."""
    from nexus.settings import get_settings

    Supervisor(get_settings()).run()


if __name__ == "__main__":
    main()
