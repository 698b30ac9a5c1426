"""What the tests of backup share: a home with something in it, what became of it, losing it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from nexus.contracts import Source
from nexus.events import Event
from nexus.settings import Settings
from tests import homes
from tests.warehouse.conftest import Write, payment
from tests.warehouse.test_publish import published
from warehouse.land import land

Embedded = Callable[[], Settings]


class Rolled(Event, type="dice.die.rolled"):
    die_id: str
    number: int


GRANTED = """
select table_name, grantee, privilege_type from information_schema.role_table_grants
where table_schema = 'app' and grantee in ('nexus_api', 'nexus_system') order by 1, 2, 3
"""


def wreck(settings: Settings) -> None:
    homes.discard(settings)


def fill(settings: Settings, shop: Source, write: Write) -> Path:
    """A home with batches, quarantine, two versions, and a little of everything that other layers keep."""
    export = write("a.jsonl", payment(1), payment(2), "nonsense")
    land(shop, [export], "demo", settings)
    published(settings, 1)
    published(settings, 2)
    for name, text in (
        ("secrets/api-tokens.json", '[{"token": "nxs_x"}]'),
        ("inbox/demo/shop/late.jsonl", "{}\n"),
        ("exports.json", "[]"),
        ("scores/churn/demo/s.jsonl", "{}\n"),
        ("connections/demo.yml", "stripe: {}\n"),
        ("demo/demo/export/big.jsonl", "made again\n"),
        ("logs/api.log", "made again\n"),
    ):
        path = settings.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (settings.home / "secrets" / "api-tokens.json").chmod(0o600)
    return export


def files(home: Path) -> dict[str, bytes]:
    found = {p.relative_to(home).as_posix(): p.read_bytes() for p in sorted(home.rglob("*")) if p.is_file()}
    passing = {"run", "logs", "postgres"}
    return {n: b for n, b in found.items() if n.split("/")[0] not in passing and not n.endswith(".lock")}
