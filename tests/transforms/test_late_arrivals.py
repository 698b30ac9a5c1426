"""Incremental marts lose no row and freeze none, whatever lands first: they equal what a full build makes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import orjson
import polars as pl
import pytest

from nexus import postgres
from nexus.settings import Settings
from orchestration.sources import discover
from tests.transforms.shared import WORKSPACE, Built, build, land_export, load, query
from warehouse import dbt
from warehouse.land import land

MARTS = ("fct_invoice_line", "fct_invoice", "fct_payment", "dim_customer")
LINES = (
    "select workspace_id, invoice_line_id, invoice_id, customer_id, amount_minor, line_at from marts.fct_invoice_line"
)


@pytest.fixture(scope="module")
def late(built: Built) -> Iterator[tuple[Settings, str]]:
    """Facts landed and built first, their customers after that; and one customer turns out to be an older one."""
    home = built.settings.home / "late"
    url = postgres.dsn(built.settings, "late")
    settings = Settings(home=home, database_url=url)  # type: ignore[arg-type]
    stripe = built.company / "export" / "stripe"
    for pattern in ("invoices-*", "charges-*", "products*", "prices*"):
        land_export(settings, built.company, ["stripe"], pattern)
    _build(settings)
    first = query(settings, "duckdb", LINES)
    land_export(settings, built.company, ["stripe"], "customers*")
    busiest = first.group_by("customer_id").len().sort("len", "customer_id")["customer_id"][-1]
    land(discover()["stripe"], [_namesake(stripe, busiest, home / "older.jsonl")], WORKSPACE, settings)
    _build(settings)
    yield settings, busiest
    shutil.rmtree(home, ignore_errors=True)


def _build(settings: Settings) -> None:
    load(settings, "duckdb")
    build(settings, "duckdb", select=tuple(f"+{mart}" for mart in MARTS))


def _namesake(stripe: Path, customer_id: str, target: Path) -> Path:
    """An older Stripe customer with the same address: the same customer, then."""
    customers = pl.read_ndjson(stripe / "customers.jsonl.gz")
    email = customers.filter(pl.col("id") == customer_id)["email"][0]
    record = {
        "id": "cus_older",
        "object": "customer",
        "created": 1_000_000_000,
        "email": email.upper(),
        "name": "Older",
    }
    target.write_bytes(orjson.dumps(record) + b"\n")
    return target


def test_no_row_is_lost(late: tuple[Settings, str]) -> None:
    settings, _ = late
    counts = query(
        settings,
        "duckdb",
        "select (select count(*) from raw.raw_stripe__invoice_line) as raw, count(*) as mart, "
        "count(distinct invoice_line_id) as lines, count(customer_id) as with_customer from marts.fct_invoice_line",
    ).row(0)
    assert len(set(counts)) == 1
    assert counts[0] > 100


def test_rows_written_earlier_follow_their_customer(late: tuple[Settings, str]) -> None:
    settings, merged = late
    owners = set(query(settings, "duckdb", "select distinct customer_id from marts.fct_invoice_line")["customer_id"])
    assert "cus_older" in owners
    assert merged not in owners


def test_a_full_build_makes_the_same_rows(late: tuple[Settings, str]) -> None:
    settings, _ = late
    step_by_step = query(settings, "duckdb", LINES).sort("invoice_line_id")
    nodes = dbt.run("run", settings, engine="duckdb", select=["fct_invoice_line"], arguments=["--full-refresh"])
    assert all(node.is_good for node in nodes)
    assert query(settings, "duckdb", LINES).sort("invoice_line_id").equals(step_by_step)


def test_building_again_changes_nothing(late: tuple[Settings, str]) -> None:
    settings, _ = late
    before = query(settings, "duckdb", LINES).sort("invoice_line_id")
    _build(settings)
    assert query(settings, "duckdb", LINES).sort("invoice_line_id").equals(before)
