"""A small source of every kind of table, and homes that share one PostgreSQL but nothing in it."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nexus.contracts import Column, Kind, Source, Table
from nexus.settings import PROJECT, Settings
from warehouse.land import native

#: Also read by the processes that tests kill.
SHOP_CODE = '''
from nexus.contracts import Column, Kind, Source, Table

def records(kind):
    return f"select _line, _text, doc from documents where _kind = '{kind}'"

SHOP = Source(
    name="shop", title="Shop", kind="doc->>'$.kind'",
    readers={"*.jsonl": "jsonl", "*.json": "json", "*.csv": "csv", "*.parquet": "parquet"},
    unwrap="""select _line, _text, doc from documents where (doc->'$.page') is null union all
              select _line, _text, unnest(from_json(doc->'$.page', '["JSON"]')) as doc
              from documents where (doc->'$.page') is not null""",
    tables=(
        Table("shop", "payment", (
            Column("id"), Column("paid_at", Kind.timestamp, required=True), Column("amount", Kind.integer, minimum=0),
            Column("status", values=("ok", "failed")), Column("city", path="address.city"),
            Column("rate", Kind.decimal), Column("booked_at", Kind.timestamp, format="epoch"),
            Column("is_test", Kind.boolean), Column("day", Kind.date), Column("tags", Kind.json),
        ), id="id", nature="event", select=records("payment")),
        Table("shop", "customer", (
            Column("id"), Column("name"), Column("updated_at", Kind.timestamp, required=True),
        ), id="id", nature="entity", version="updated_at", select=records("customer")),
        Table("shop", "product", (Column("id"), Column("name")), id="id", nature="entity", select=records("product")),
        Table("shop", "line", (Column("item"), Column("quantity", Kind.integer)), id=None, select=records("line")),
    ),
)
'''
_names: dict[str, Any] = {}
exec(SHOP_CODE, _names)
SHOP: Source = _names["SHOP"]

__all__ = ["SHOP", "Column", "Kind", "Table"]


@pytest.fixture(scope="session")
def shop() -> Source:
    return SHOP


Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """`write("a.jsonl", record, record, "raw text")` writes one record or text a line."""

    def run(name: str, *records: dict[str, Any] | str) -> Path:
        path = tmp_path / "export" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [r if isinstance(r, str) else json.dumps(r) for r in records]
        path.write_text("".join(line + "\n" for line in lines))
        return path

    return run


def payment(number: int | str, **other: Any) -> dict[str, Any]:
    return {
        "kind": "payment",
        "id": f"p{number}",
        "paid_at": "2026-01-02T03:04:05Z",
        "amount": 100,
        "status": "ok",
        **other,
    }


def customer(number: int, name: str, updated_at: str) -> dict[str, Any]:
    return {"kind": "customer", "id": f"c{number}", "name": name, "updated_at": updated_at}


def killed(settings: Settings, code: str) -> int:
    """Runs `code` in a process of its own (`settings`, `SHOP`, `die_at(name)` are there); its return code."""
    assert settings.database_url is not None
    script = f"""
import os, signal
from pathlib import Path
from pydantic import SecretStr
from nexus.settings import Settings
{SHOP_CODE}
settings = Settings(home=Path({str(settings.home)!r}), database_url=SecretStr({settings.database_url.get_secret_value()!r}))

def die_at(name):
    def checkpoint(reached):
        if reached == name:
            os.kill(os.getpid(), signal.SIGKILL)
    return checkpoint

{textwrap.dedent(code)}
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, timeout=120)
    assert done.returncode in (0, -9), done.stderr
    return done.returncode


@pytest.fixture(scope="module")
def library() -> Any:
    """The compiled part of a landing."""
    if native.compiler() is None:
        pytest.skip("there is no C compiler")
    found = native.library().result()
    assert found is not None
    return found


@pytest.fixture
def every_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are scanned however small they are, in pieces and blocks that are as small."""
    monkeypatch.setattr("warehouse.land.stencils.WORTH", 0)
    monkeypatch.setattr("warehouse.land.stage.CHUNK_BYTES", 4_000)
    monkeypatch.setattr("warehouse.land.text.PIECE_BYTES", 1_500)
    monkeypatch.setattr("warehouse.land.stream.BLOCK", 700)
