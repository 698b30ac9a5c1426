"""A small published warehouse version with feature relations and labels, made up with a known cause of churn.

For tests of features, ml and api that need no dbt build: the same columns and types as transforms/dbt/models/features.
Customers whose logins fall, whose payments fail and who file less leave more often; nothing else matters.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

MONTHS = pd.date_range("2025-05-31", "2026-10-31", freq="ME")
AS_OF = datetime(2026, 11, 1)


def frame(workspace: str, customers: int, seed: int, months: pd.DatetimeIndex = MONTHS) -> pd.DataFrame:
    """One row for each customer and month while the customer pays, with every feature and the truth of leaving."""
    rng = np.random.default_rng(seed)
    parts = []
    alive = np.ones(customers, dtype=bool)
    began = rng.integers(0, max(1, len(months) - 6), customers)
    mood = rng.normal(0, 0.6, customers)
    base = rng.lognormal(3.2, 0.5, customers)
    previous = base.copy()
    leave_at = np.full(customers, len(months) + 9)
    tables = []
    for index, day in enumerate(months):
        here = alive & (began <= index)
        mood = mood * 0.8 + rng.normal(-0.05, 0.55, customers)
        logins = rng.poisson(base * np.exp(0.5 * np.minimum(mood, 0.5)))
        failed = rng.poisson(np.where(rng.random(customers) < 0.1, 1.6, 0.05))
        trend = np.where(previous > 0, (logins - previous) * 100.0 / np.maximum(previous, 1), np.nan)
        # both a steep fall and a failed card are needed for the highest risk: a linear model sees only half of it
        risk = -3.6 - 1.5 * mood + 1.1 * failed * (mood < -0.4)
        leaving = here & (rng.random(customers) < 1 / (1 + np.exp(-risk)) * 0.6)
        tables.append(
            pd.DataFrame(
                {
                    "workspace_id": workspace,
                    "customer_id": [f"cus_{workspace}_{i:05d}" for i in range(customers)],
                    "snapshot": day,
                    "event_timestamp": day + timedelta(days=1),
                    "mrr_minor": rng.integers(2, 40, customers) * 500,
                    "mrr_change_90d_minor": rng.integers(-500, 900, customers),
                    "failed_payments_90d": failed,
                    "refunds_90d": rng.poisson(0.05, customers),
                    "tenure_days": (index - began) * 30,
                    "is_past_due": failed > 2,
                    "currency_is_usd": np.arange(customers) % 2 == 0,
                    "active_users_30d": np.maximum(1, logins // 4),
                    "file_events_30d": rng.poisson(base * np.exp(0.4 * np.minimum(mood, 0.5)) * 3),
                    "usage_change_30d_pct": np.round(mood * 20 + rng.normal(0, 15, customers), 6),
                    "logins_30d": logins,
                    "logins_prev_30d": previous.astype(int),
                    "login_trend_pct": np.round(trend, 6),
                    "days_since_login": np.where(logins > 0, rng.integers(0, 12, customers), 40),
                    "failed_logins_30d": rng.poisson(1.0, customers),
                    "storage_bytes": (base * 5e7 * (1 + index / 10)).astype(int),
                    "storage_growth_90d_pct": np.round(rng.normal(8, 6, customers), 6),
                    "egress_bytes_30d": (base * 4e6).astype(int),
                    "emails_delivered_90d": rng.integers(3, 12, customers),
                    "human_open_rate_90d_pct": np.round(
                        np.clip(40 + 12 * mood + rng.normal(0, 9, customers), 0, 100), 6
                    ),
                    "bounces_90d": rng.poisson(0.1, customers),
                    "here": here,
                    "index": index,
                    "leaving": leaving,
                }
            )
        )
        previous = logins
        leave_at = np.where(leaving, index + 1, leave_at)
        alive &= ~leaving
    for index, table in enumerate(tables):
        # whoever decides in month i is gone in month i+1, which lies within sixty days
        table["churned"] = leave_at == index + 1
        parts.append(table[table["here"]])
    return pd.concat(parts, ignore_index=True)


COLUMNS = {
    "billing": (
        "mrr_minor", "mrr_change_90d_minor", "failed_payments_90d", "refunds_90d", "tenure_days", "is_past_due",
        "currency_is_usd",
    ),
    "engagement": ("active_users_30d", "file_events_30d", "usage_change_30d_pct"),
    "access": ("logins_30d", "logins_prev_30d", "login_trend_pct", "days_since_login", "failed_logins_30d"),
    "storage": ("storage_bytes", "storage_growth_90d_pct", "egress_bytes_30d"),
    "mail": ("emails_delivered_90d", "human_open_rate_90d_pct", "bounces_90d"),
}  # fmt: skip


def publish(directory: Path, name: str, frames: list[pd.DataFrame], as_of: datetime = AS_OF) -> Path:
    """Writes a version file as the warehouse publishes it and makes it current."""
    versions = directory / "versions"
    versions.mkdir(parents=True, exist_ok=True)
    path = versions / f"{name}.duckdb"
    rows = pd.concat(frames, ignore_index=True)
    with duckdb.connect(str(path)) as connection:
        connection.execute("set timezone = 'UTC'")
        connection.register("frame", rows)
        connection.execute("create schema features; create schema marts")
        for view, columns in COLUMNS.items():
            selected = ", ".join(_typed(c) for c in columns)
            connection.execute(
                f"create table features.feat_customer__{view} as select workspace_id, customer_id, "
                f"event_timestamp::timestamp as event_timestamp, event_timestamp::timestamp as created_timestamp, "
                f"{selected} from frame"
            )
        connection.execute(
            "create table features.feat_customer__churn_label as select workspace_id, customer_id, "
            "event_timestamp::timestamp as event_timestamp, event_timestamp::timestamp as created_timestamp, "
            "(event_timestamp + interval 60 day)::timestamp as known_at, "
            "case when event_timestamp + interval 60 day <= ?::timestamp then churned end as churned_within_60d "
            "from frame",
            [as_of],
        )
        connection.execute(
            "create table marts.dim_workspace as "
            "select workspace_id, min(event_timestamp)::timestamp as first_event_at, "
            "?::timestamp as as_of_at, (?::timestamp - interval 1 day)::date as as_of_date from frame group by 1",
            [as_of, as_of],
        )
    (directory / "current").write_text(json.dumps({"version": int(name[1:]), "file": path.name}))
    return path


def _typed(column: str) -> str:
    if column.endswith("_pct"):
        return f"cast({column} as decimal(18,6)) as {column}"
    if column.startswith("days_"):
        return f"cast({column} as integer) as {column}"
    return column
