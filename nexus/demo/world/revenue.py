"""Recurring revenue by customer and day, and its movements, as the business defines them.

Belongs here: the definition of movements, computed from the ledger. State is what holds at the end of a UTC day.
"""

from __future__ import annotations

import polars as pl

from nexus.demo.options import DAY, Options
from nexus.demo.world.accounts import Accounts
from nexus.demo.world.ledger import Ledger

_STATE = {"account": pl.Int64, "subscription": pl.String, "at": pl.Int64, "mrr": pl.Int64, "why": pl.String}


def states(ledger: Ledger) -> pl.DataFrame:
    """Monthly recurring revenue of every subscription from each change on, and why it fell to nothing if it did."""
    rows: list[tuple[int, str, int, int, str]] = []
    for sub in ledger.subscriptions:
        for change in sub.changes:
            failed = change.status == "unpaid" or change.reason == "payment_failed"
            rows.append((sub.account, sub.id, change.at, change.mrr, "involuntary" if failed else "voluntary"))
    for paypal in ledger.paypal:
        rows.append((paypal.account, paypal.id, paypal.created_at, paypal.mrr, ""))
        if paypal.status != "ACTIVE":
            why = "involuntary" if paypal.status == "SUSPENDED" else "voluntary"
            rows.append((paypal.account, paypal.id, paypal.status_at, 0, why))
    return pl.DataFrame(rows, schema=_STATE, orient="row")


def movements(accounts: Accounts, ledger: Ledger) -> pl.DataFrame:
    """One row per customer and day on which their revenue changed."""
    ends = (
        states(ledger)
        .with_columns(day=pl.col("at") // DAY)
        .sort("subscription", "at", maintain_order=True)
        .group_by("subscription", "day", maintain_order=True)
        .last()
    )
    deltas = ends.with_columns(delta=pl.col("mrr") - pl.col("mrr").shift(1).over("subscription").fill_null(0))
    daily = (
        deltas.group_by("account", "day")
        .agg(pl.col("delta").sum(), pl.col("why").sort_by("at").last())
        .filter(pl.col("delta") != 0)
        .sort("account", "day")
        .with_columns(closing=pl.col("delta").cum_sum().over("account"))
        .with_columns(opening=pl.col("closing") - pl.col("delta"))
    )
    first = pl.col("day") == pl.col("day").min().over("account")
    kind = (
        pl.when((pl.col("opening") == 0) & first)
        .then(pl.lit("new"))
        .when(pl.col("opening") == 0)
        .then(pl.lit("reactivation"))
        .when(pl.col("closing") == 0)
        .then(pl.lit("churn"))
        .when(pl.col("delta") > 0)
        .then(pl.lit("expansion"))
        .otherwise(pl.lit("contraction"))
    )
    date = pl.from_epoch(pl.col("day"), time_unit="d")
    return daily.select(
        "account",
        customer_id=pl.Series(accounts.customer_id, dtype=pl.String).gather(daily["account"]),
        currency=pl.Series([accounts.currency(a) for a in daily["account"].to_list()], dtype=pl.String),
        movement_date=date,
        month_date=date.dt.truncate("1mo"),
        movement=kind,
        amount_minor="delta",
        opening_mrr_minor="opening",
        closing_mrr_minor="closing",
        why=pl.when(pl.col("closing") == 0).then(pl.col("why")).otherwise(None),
    )


def months(options: Options, moved: pl.DataFrame) -> pl.DataFrame:
    """The bridge from month to month by currency, from the month of a currency's first movement on."""
    kinds = ("new", "expansion", "contraction", "churn", "reactivation")
    grid = pl.DataFrame({"month_date": [d.replace(day=1) for d in options.month_ends]}).join(
        moved.group_by("currency").agg(pl.col("month_date").min().alias("since")), how="cross"
    )
    sums = moved.group_by("month_date", "currency").agg(
        pl.col("amount_minor").filter(pl.col("movement") == kind).sum().alias(kind) for kind in kinds
    )
    return (
        grid.filter(pl.col("month_date") >= pl.col("since"))
        .join(sums, on=["month_date", "currency"], how="left")
        .with_columns(pl.col(kinds).fill_null(0))
        .sort("currency", "month_date")
        .with_columns(closing=pl.sum_horizontal(kinds).cum_sum().over("currency"))
        .with_columns(opening=pl.col("closing") - pl.sum_horizontal(kinds))
        .select("month_date", "currency", "opening", *kinds, "closing")
        .sort("month_date", "currency")
    )
