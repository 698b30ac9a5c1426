"""A process whose clock is set back an hour half-way, and its PostgreSQL's with it: `python -m tests.faults.clock`.

Belongs here: landing, publishing and asking before and after. Does not belong here: what is expected (test_clock.py).
Started under libfaketime with `FAKETIME_TIMESTAMP_FILE`, whose content it changes. Prints one JSON document.
"""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from nexus.ids import new_id
from nexus.processes import birth, is_same
from nexus.settings import Settings, get_settings
from orchestration.exports import landed_lately
from tests.warehouse.conftest import SHOP
from tests.warehouse.test_publish import published
from warehouse import ledger
from warehouse.engines import open_engine
from warehouse.land import land
from warehouse.load import load_pending
from warehouse.marts import Reader
from warehouse.quality.record import record
from warehouse.quality.result import GateResult
from warehouse.versions import list_versions, resolve

SQL = "select max(n) from marts.fct_number"


def main() -> None:
    settings, export = get_settings(), Path(sys.argv[1])
    reader = Reader(settings)
    born = birth(os.getpid())
    ids = [new_id("bat") for _ in range(2000)]
    early = time.time()
    first = land(SHOP, [export / "1.jsonl"], "demo", settings)
    judged(settings)
    published(settings, 1)
    seen = [reader.query(SQL).item()]

    Path(os.environ["FAKETIME_TIMESTAMP_FILE"]).write_text("+0h\n")
    late = time.time()
    ids += [new_id("bat") for _ in range(2000)]
    second = land(SHOP, [export / "2.jsonl"], "demo", settings)
    news = landed_lately(settings)
    published(settings, 2)
    seen.append(reader.query(SQL).item())
    versions = list_versions(settings)
    now = datetime.now(UTC)
    told: dict[str, Any] = {
        "set_back": early - late,
        "ids": len(set(ids)),
        "same_process": is_same(os.getpid(), born),
        "landed": [first.landed, second.landed],
        "news_after_landing": news,
        "seen": seen,
        "versions": [v.version for v in versions],
        "current": [v.version for v in versions if v.is_current],
        "by_default": resolve(settings).version,
        "as_of_now": reader.query(SQL, as_of=now + timedelta(seconds=1)).item(),
        "as_of_versions": [reader.query(SQL, as_of=v).item() for v in (1, 2)],
        **newest(settings),
    }
    print(json.dumps(told))


def judged(settings: Settings) -> None:
    """The contracts' gate passes, as after any load; long enough ago that nothing can have slipped in."""
    record(settings, [GateResult("contract", "raw_shop__product", True, "", "")])
    with ledger.connect(settings) as connection:
        connection.execute(
            "update batch set landed_at = landed_at - interval '20 minutes' where landed_at <= localtimestamp"
        )


def newest(settings: Settings) -> dict[str, Any]:
    """What the warehouse takes for the newest state of a product, whose only order is that of landing."""
    load_pending("duckdb", settings, SHOP.tables)
    with open_engine("duckdb", settings) as session, ledger.connect(settings) as connection:
        name = session.connection.execute("select name from raw.raw_shop__product").fetchall()  # type: ignore[attr-defined]
        return {"newest": name, "sequence": [p.seq for p in ledger.parts(connection, settings)]}


if __name__ == "__main__":
    main()
