"""A POST with everything on (a caller's key, a tenant, an Idempotency-Key, an event, a trace, all durable) beside the bare
insert of FastAPI and asyncpg at the same durability."""

from __future__ import annotations

import json

from bench import notes
from bench.load import ask, request, server
from bench.row import Clock, Place, Row, rate_at_least

#: Requests before those that count: connections, prepared statements, caches.
WARM = 500


def _requests(first: int, number: int, token: str | None) -> list[bytes]:
    made = []
    for n in range(first, first + number):
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": f"key-{n}"} if token else {}
        made.append(request("POST", "/v1/notes", headers, json.dumps({"title": f"note {n}"}).encode()))
    return made


def _measured(place: Place, clock: Clock, side: str) -> int:
    settings = place.settings
    token = notes.prepare(settings)
    sent = token if side == "nexus" else None
    with server(f"bench.notes:{side}") as port:
        ask(port, _requests(0, WARM, sent))
        asked = _requests(WARM, place.rows, sent)
        with clock:
            answers = ask(port, asked)
    found = notes.rows(settings)
    clock.figures |= {n: float(v) for n, v in found.items()}
    left = {
        "statuses": sorted({status for status, _ in answers}),
        "answers": notes.shown([body for _, body in answers]),
        "notes": found["notes"],
        "noted": [found[n] for n in ("events", "keys", "spans")] if sent else [WARM + place.rows] * 3,
    }
    (place.folder / f"{side}.json").write_text(json.dumps(left))
    return place.rows


def nexus(place: Place, clock: Clock) -> int:
    return _measured(place, clock, "nexus")


def bare(place: Place, clock: Clock) -> int:
    return _measured(place, clock, "bare")


def differences(place: Place) -> list[str]:
    left = {side: json.loads((place.folder / f"{side}.json").read_text()) for side in ROW.sides}
    return [f"{what} differ" for what in left["bare"] if left["bare"][what] != left["nexus"][what]]


ROW = Row(
    title="a durable POST with everything on, beside a bare insert (32 connections)",
    sizes=(5_000,),
    sides={"nexus": nexus, "bare": bare},
    goals=(rate_at_least(0.4, "bare"), rate_at_least(0.6, "bare")),
    differences=differences,
    unit="requests",
)
