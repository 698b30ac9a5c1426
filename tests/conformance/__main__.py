"""`make conformance`: whether a running Nexus keeps what its documents promise. Exit code 1 if it does not.

Belongs here: arguments, the order, what is printed. Does not belong here: one check.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable
from typing import Annotated

import typer

from nexus.errors import NexusError
from nexus.progress import console
from nexus.settings import get_settings
from tests.api.scim import checker
from tests.conformance import fuzzing, metrics
from tests.conformance.places import Place, running

Check = Callable[[Place], tuple[str, list[str]]]


def _fuzzed(examples: int, seed: int, only: str | None) -> Check:
    def check(place: Place) -> tuple[str, list[str]]:
        told = fuzzing.fuzz(place, fuzzing.Profile(examples=examples, seed=seed, only=only))
        failures = [f"{name}\n{text}" for name, text in told.failures.items()]
        return f"{told.requests:,} requests to {len(told.operations)} operations", failures

    return check


def _provisions(place: Place) -> tuple[str, list[str]]:
    results = checker.check(place.address, place.opened())
    return f"{len(results)} checks", checker.bad(results)


def judged(check: Check, place: Place) -> tuple[str, str, list[str]]:
    """The word for what came of a check, what it tells, its failures."""
    try:
        told, failures = check(place)
    except metrics.SkippedError as missing:
        return "skipped", str(missing), []
    return "FAILED" if failures else "passed", told, failures


def conformance(
    url: Annotated[
        str | None, typer.Option(help="of the Nexus; default: that of this folder, or one made for this")
    ] = None,
    token: Annotated[str | None, typer.Option(help="with --url: a credential that may everything")] = None,
    workspace: Annotated[str, typer.Option(help="with --url: where it may")] = "demo",
    examples: Annotated[int, typer.Option(min=1, help="generated for each operation")] = 10,
    seed: Annotated[int, typer.Option(help="asks the same again")] = 20_261_127,
    only: Annotated[
        str | None, typer.Option(help="fuzz the paths alone in which this regular expression is found")
    ] = None,
) -> None:
    """Provision as a directory does, fuzz every endpoint from its OpenAPI document, look at what Prometheus is told."""
    out = console(stderr=False)
    checks: dict[str, Check] = {
        "provisioning, by scim2-tester": _provisions,
        "every endpoint, by schemathesis": _fuzzed(examples, seed, only),
        "/metrics, by promtool": metrics.check,
    }
    there = contextlib.nullcontext(Place(url.rstrip("/"), token or "", workspace)) if url else running(get_settings())
    failed = 0
    with there as place:
        out.print(f"asking {place.address}", style="dim")
        for name, check in checks.items():
            began = time.monotonic()
            verdict, told, failures = judged(check, place)
            failed += len(failures)
            out.print(f"{verdict}  {name}: {told}, {time.monotonic() - began:.0f} s", markup=False)
            for failure in failures:
                out.print(f"\n{failure}\n", markup=False, highlight=False)
    if failed:
        raise typer.Exit(1)


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(conformance)
    try:
        app()
    except NexusError as error:
        console().print(f"error {error}", markup=False)
        sys.exit(error.exit_code)
