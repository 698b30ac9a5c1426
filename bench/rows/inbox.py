"""A file dropped into the inbox until its events are in the published marts, through Dagster's daemon.

Belongs here: the services, the file, the waiting. Does not belong here: the company (bench/company.py).

The history is a company of a million records; the size of the row is the number of events in the file.
"""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from bench import company
from bench.row import Clock, Goal, Measures, Place, Row
from nexus.errors import NexusError
from nexus.settings import PROJECT
from orchestration.execution import error_of, execute
from orchestration.services import services
from warehouse.marts import Reader

_HISTORY = 1_000_000
_SECONDS, _PATIENCE = 60, 900
_SEEN = "select count(*) from marts.fct_file_event where object_key like '%/dropped-by-the-bench/%'"


def _prepare(place: Place) -> None:
    workspaces = company.make(place.folder, _HISTORY, place.seed)
    company.land_all(place.folder / "old", workspaces, place.settings)
    outcome = execute(place.settings, lambda _: None, train=False)
    if error := error_of(place.settings, outcome):
        raise NexusError(f"the build failed: {error}")


def _dropped(place: Place, clock: Clock) -> int:
    settings = place.settings
    folder = settings.home / "inbox" / "company-01" / "s3"
    folder.mkdir(parents=True)
    text = _events(place)
    reader = Reader(settings)
    with _dagster(place):
        _first_look(place)
        with clock:
            (folder / "dropped.log.part").write_text(text)
            (folder / "dropped.log.part").rename(folder / "dropped.log")
            deadline = time.monotonic() + _PATIENCE
            while reader.query(_SEEN).item() < place.rows:
                if time.monotonic() > deadline:
                    raise NexusError(f"not in the marts after {_PATIENCE} s; see {settings.home / 'dagster' / 'logs'}")
                time.sleep(0.2)
    return place.rows


def _events(place: Place) -> str:
    """Lines of the company's own access log with requests of their own, for objects of the same customers."""
    made: list[str] = []
    logs = sorted((place.folder / "old" / "s3" / "access").iterdir(), reverse=True)
    while len(made) < place.rows:
        for log in logs:
            with gzip.open(log, "rt") as lines:
                for line in lines:
                    words = line.split(" ")
                    if len(made) == place.rows:
                        return "".join(made)
                    if words[7] == "REST.GET.OBJECT" and words[8].startswith("tenants/"):
                        words[6] = f"{len(made):016X}"
                        tenant, customer, user, _ = words[8].split("/", 3)
                        words[8] = f"{tenant}/{customer}/{user}/dropped-by-the-bench/{len(made)}"
                        made.append(" ".join(words))
    return "".join(made)


@contextmanager
def _dagster(place: Place) -> Iterator[None]:
    """The code server and the daemon, as `nexus up` starts them."""
    wanted = [s for s in services(place.settings) if s.name in ("dagster-code", "dagster-daemon")]
    log = (place.folder / "dagster.log").open("w")
    started = [
        subprocess.Popen(
            s.command, cwd=PROJECT, env={**os.environ, **s.env}, stdout=log, stderr=log, start_new_session=True
        )
        for s in wanted
    ]
    try:
        yield
    finally:
        for process in started:
            os.killpg(process.pid, signal.SIGTERM)
        for process in started:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        log.close()


def _first_look(place: Place) -> None:
    """Waits until the sensor has looked once, so that starting services is not measured."""
    from orchestration.instance import open_instance

    deadline = time.monotonic() + _PATIENCE
    with open_instance(place.settings) as instance:
        while time.monotonic() < deadline:
            states = [s for s in instance.all_instigator_state() if s.instigator_name == "inbox"]
            if any(instance.get_ticks(s.instigator_origin_id, s.selector_id, limit=1) for s in states):
                return
            time.sleep(0.5)
    raise NexusError(f"the sensor has not looked within {_PATIENCE} s; see {place.folder / 'dagster.log'}")


def _differences(place: Place) -> list[str]:
    """All events are there, once; and the file lies in `done` with its report."""
    done = place.settings.home / "inbox" / "company-01" / "s3" / "done"
    count = Reader(place.settings).query(_SEEN).item()
    found = [f"{count:,} events in the marts, {place.rows:,} dropped"] if count != place.rows else []
    report = done / "dropped.log.report.md"
    if not report.exists() or f"{place.rows:,} read = {place.rows:,} landed" not in report.read_text():
        found.append(f"{report.name} is missing or says something else")
    return found


def _in_time(measures: Measures) -> tuple[str, bool]:
    seconds = [sides["dropped"].seconds for sides in measures.values()]
    return ", ".join(f"{s:.1f} s" for s in seconds), max(seconds) <= _SECONDS


ROW = Row(
    title="a dropped file until it is in the published marts",
    sizes=(10_000,),
    sides={"dropped": _dropped},
    goals=(Goal(f"within {_SECONDS} s", _in_time),),
    differences=_differences,
    prepare=_prepare,
    unit="events",
    one_home=True,
)
