"""A GET by id with a caller's key and a tenant, beside the same query in FastAPI and asyncpg."""

from __future__ import annotations

import json

from bench import notes
from bench.load import ask, request, server
from bench.row import Clock, Place, Row, rate_at_least

WARM, NOTES = 500, 1_000


def _measured(place: Place, clock: Clock, side: str) -> int:
    settings = place.settings
    token = notes.prepare(settings)
    headers = {"Authorization": f"Bearer {token}"} if side == "nexus" else {}
    ids = notes.fill(settings, NOTES)
    asked = [request("GET", f"/v1/notes/{ids[n % NOTES]}", headers) for n in range(place.rows)]
    with server(f"bench.notes:{side}") as port:
        ask(port, asked[:WARM])
        with clock:
            answers = ask(port, asked)
    left = {"statuses": sorted({s for s, _ in answers}), "answers": notes.shown([body for _, body in answers])}
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
    title="a GET by id with a caller and a tenant, beside a bare select (32 connections)",
    sizes=(5_000,),
    sides={"nexus": nexus, "bare": bare},
    goals=(rate_at_least(0.5, "bare"),),
    differences=differences,
    unit="requests",
)
