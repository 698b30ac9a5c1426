"""A process that has imported everything and forks the command line `nexus`, so that killing it costs no start.

Belongs here: the forked side. Does not belong here: what is killed when (the tests), talking to it (shared.py).

Each line on standard input is one command: `{"argv": […], "env": {…}, "die_at": …, "log": …}`. The child runs
`nexus.cli.main` (with two more commands, see small.py) in a process group of its own, as a shell would start it; the answer is its pid at once and its exit
code later. `die_at` names a step of the program at which the child sends SIGKILL to `victim`: to itself, so that nothing
is handled, flushed or closed, exactly as if somebody else had sent it, but always between the same two steps; or to the
home's PostgreSQL, and goes on. A provider that is in trouble is asked again at once.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import typer

from nexus import cli, postgres
from nexus.settings import get_settings
from orchestration.live import http
from tests.faults import small


def main() -> None:
    _warm()
    _say({"ready": True})
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _child(order)
        _say({"pid": pid})
        _, status = os.waitpid(pid, 0)
        _say({"pid": pid, "code": os.waitstatus_to_exitcode(status)})


def _say(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)


def _warm() -> None:
    """Imports, and nothing that starts a thread or opens a database: those do not survive a fork.

    Reading the dbt project starts threads of dbt's parser, which then never parses again in a child: it is read here only
    for commands that take what was read, the small ones, and not where `nexus build` reads it itself.
    """
    more = sys.argv[1:]
    # pandas: DuckDB imports it with the first parameter that it is given
    engines = ("dbt.cli.main", "dbt.adapters.duckdb", "pandas", "polars")
    own = ("warehouse.land", "warehouse.marts", "warehouse.publish")
    for name in (*engines, *own, *more):
        importlib.import_module(name)
    cli.build()
    http.PAUSE = 0.01
    if not more:
        small.warm()


def _child(order: dict[str, Any]) -> None:
    os.setsid()
    with Path(order["log"]).open("ab", buffering=0) as log, Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    code = 1
    try:
        os.environ.update(order["env"])
        sys.argv = ["nexus", *order["argv"]]
        build = cli.build
        cli.build = lambda: _with_small(build())
        if order["die_at"]:
            _die_at(order["die_at"], order["victim"])
        cli.main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        import atexit

        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _with_small(app: typer.Typer) -> typer.Typer:
    small.register(app)
    return app


def _die_at(name: str, victim: str) -> None:
    """Puts a checkpoint that kills into every function that takes one, and listens to the steps of dbt."""
    from orchestration.lib import progress
    from orchestration.live import pull
    from warehouse import compact, load, publish, replaying
    from warehouse.land import driver
    from warehouse.quality import record

    pid = os.getpid() if victim == "self" else postgres.ensure_running(get_settings()).pid
    assert pid, "the victim does not run"

    def checkpoint(reached: str) -> None:
        if reached != name:
            return
        with contextlib.suppress(ProcessLookupError):  # the second time a step of this name is reached
            os.kill(pid, signal.SIGKILL)
        if victim == "self":
            threading.Event().wait()

    steps = (pull.pull, driver.land, load.load_pending, replaying.replay, publish.publish, compact.compact)
    for function in steps:
        assert function.__kwdefaults__["checkpoint"]
        function.__kwdefaults__["checkpoint"] = checkpoint
    progress._listeners.append(lambda told: checkpoint(told.note))
    keep = record.record

    def recording(settings: Any, results: Any, run_id: str = "") -> None:
        judged = list(results)
        which = judged[0].gate if judged else "nothing"
        checkpoint(f"judged {which}")
        keep(settings, judged, run_id)
        checkpoint(f"recorded {which}")

    record.record = recording


if __name__ == "__main__":
    main()
