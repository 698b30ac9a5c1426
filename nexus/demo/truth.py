"""What the world knows, written for tests alone: never read by the product.

Computed from the world (nexus/demo/world), not from the files written for the providers; only identifiers are shared.
Money in minor units, times as UTC timestamps without zone, months by their first day.
"""

from __future__ import annotations

from pathlib import Path

import orjson
import polars as pl

from nexus.demo.options import DAY, epoch
from nexus.demo.wire.mail_ids import campaigns, transactional
from nexus.demo.world.company import Company
from nexus.demo.world.files import stored
from nexus.demo.world.incidents import BURST_IP, EXFILTRATION_IP
from nexus.demo.world.revenue import months, movements
from nexus.demo.world.users import NEVER


def write_truth(company: Company, folder: Path) -> None:
    folder.mkdir(parents=True)
    moved = movements(company.accounts, company.ledger)
    tables = {
        "mrr_movement": moved.drop("account"),
        "churned": _churned(moved),
        "payments": (paid := _payments(company)),
        "refunds": _refunds(company),
        "disputes": _disputes(company),
        "email_messages": _messages(company),
        "customers": _customers(company, moved),
        "users": _users(company),
        "storage_customer": (held := _storage(company)),
    }
    for name, table in tables.items():
        table.write_parquet(folder / f"{name}.parquet", statistics=False)
    months(company.options, moved).write_csv(folder / "mrr_month.csv")
    by = ["provider", "status", "currency"]
    paid.group_by(by).agg(pl.len().alias("count"), pl.col("amount_minor").sum()).sort(by).write_csv(
        folder / "payments.csv"
    )
    total = held.group_by("snapshot_date").agg(pl.col("object_count").sum(), pl.col("storage_bytes").sum())
    total.sort("snapshot_date").write_csv(folder / "storage_month.csv")
    (folder / "incidents.json").write_bytes(orjson.dumps(_incidents(company), option=orjson.OPT_INDENT_2))


def _churned(moved: pl.DataFrame) -> pl.DataFrame:
    """Customers whose last movement was to nothing."""
    last = moved.sort("customer_id", "movement_date").group_by("customer_id", maintain_order=True).last()
    return last.filter(pl.col("movement") == "churn").select(
        "customer_id", "currency", churned_date="movement_date", why="why", mrr_before_minor=-pl.col("amount_minor")
    )


def _payments(company: Company) -> pl.DataFrame:
    rows = [
        (
            a.id,
            provider,
            company.accounts.customer_id[account],
            "succeeded" if a.succeeded else "failed",
            company.accounts.currency(account),
            a.amount,
            a.fee,
            a.at,
        )
        for provider, account, a, _ in company.ledger.attempts()
    ]
    schema = {
        "payment_id": pl.String,
        "provider": pl.String,
        "customer_id": pl.String,
        "status": pl.String,
        "currency": pl.String,
        "amount_minor": pl.Int64,
        "fee_minor": pl.Int64,
        "at": pl.Int64,
    }
    return _timed(pl.DataFrame(rows, schema=schema, orient="row"), "paid_at").sort("paid_at", "payment_id")


def _owners(company: Company) -> dict[str, tuple[str, int]]:
    return {a.id: (provider, account) for provider, account, a, _ in company.ledger.attempts()}


def _refunds(company: Company) -> pl.DataFrame:
    whose = _owners(company)
    rows = [
        (
            r.id,
            r.payment,
            whose[r.payment][0],
            company.accounts.customer_id[whose[r.payment][1]],
            company.accounts.currency(whose[r.payment][1]),
            r.amount,
            r.at,
        )
        for refunds in company.ledger.refunds.values()
        for r in refunds
    ]
    schema = {
        "refund_id": pl.String,
        "payment_id": pl.String,
        "provider": pl.String,
        "customer_id": pl.String,
        "currency": pl.String,
        "amount_minor": pl.Int64,
        "at": pl.Int64,
    }
    return _timed(pl.DataFrame(rows, schema=schema, orient="row"), "refunded_at").sort("refunded_at", "refund_id")


def _disputes(company: Company) -> pl.DataFrame:
    whose = _owners(company)
    rows = [
        (
            d.id,
            d.payment,
            company.accounts.customer_id[whose[d.payment][1]],
            company.accounts.currency(whose[d.payment][1]),
            d.amount,
            "needs_response" if d.closed_at is None else "won" if d.is_won else "lost",
            d.at,
        )
        for d in company.ledger.disputes.values()
    ]
    schema = {
        "dispute_id": pl.String,
        "payment_id": pl.String,
        "customer_id": pl.String,
        "currency": pl.String,
        "amount_minor": pl.Int64,
        "status": pl.String,
        "at": pl.Int64,
    }
    return _timed(pl.DataFrame(rows, schema=schema, orient="row"), "disputed_at").sort("disputed_at", "dispute_id")


def _messages(company: Company) -> pl.DataFrame:
    frames = [
        transactional(company).with_columns(
            provider=pl.lit("ses"),
            category=pl.lit("transactional"),
            campaign_id=pl.lit(None, dtype=pl.String),
            template="kind",
            drop_reason=pl.lit(None, dtype=pl.String),
        ),
        campaigns(company).with_columns(
            provider=pl.lit("sendgrid"),
            category=pl.lit("campaign"),
            campaign_id="kind",
            template=pl.lit(None, dtype=pl.String),
        ),
    ]
    users = company.users
    owner = pl.Series(company.accounts.customer_id, dtype=pl.String).gather(pl.Series(users.account))

    def happened(column: str) -> pl.Expr:
        return pl.col(column) > 0

    return pl.concat(
        _timed(
            f.select(
                "message_id",
                "provider",
                "category",
                "campaign_id",
                "template",
                arm_code="arm",
                user_id=pl.Series(users.id, dtype=pl.String).gather(f["user"]),
                customer_id=owner.gather(f["user"]),
                recipient_email=pl.Series(users.email, dtype=pl.String).gather(f["user"]),
                at="sent_at",
                is_delivered=happened("delivered_at"),
                is_deferred=happened("deferred_at"),
                is_bounced_hard=happened("bounced_at") & pl.col("is_hard"),
                is_bounced_soft=happened("bounced_at") & ~pl.col("is_hard"),
                is_dropped=happened("dropped_at"),
                is_opened_human=happened("open_at"),
                is_opened_machine=happened("machine_open_at"),
                is_clicked_human=happened("click_at"),
                is_clicked_scanner=happened("scanner_at"),
                is_complained=happened("complained_at"),
                is_unsubscribed=happened("unsubscribed_at"),
            ),
            "sent_at",
        )
        for f in frames
    )


def _customers(company: Company, moved: pl.DataFrame) -> pl.DataFrame:
    accounts = company.accounts
    last = moved.sort("account", "movement_date").group_by("account").agg(pl.col("closing_mrr_minor").last())
    mrr = dict(last.iter_rows())
    n = len(accounts)
    frame = pl.DataFrame(
        {
            "customer_id": accounts.customer_id,
            "provider": ["paypal" if p else "stripe" for p in accounts.is_paypal.tolist()],
            "payer_id": accounts.payer_id,
            "name": accounts.name,
            "domain": accounts.domain,
            "billing_email": accounts.billing_email,
            "payer_email": accounts.payer_email,
            "country_code": [accounts.place(a).code for a in range(n)],
            "currency": [accounts.currency(a) for a in range(n)],
            "mrr_minor": [mrr.get(a, 0) for a in range(n)],
            "at": accounts.signed_up_at,
        }
    )
    return _timed(frame, "created_at")


def _users(company: Company) -> pl.DataFrame:
    users, accounts = company.users, company.accounts
    gone, joined = users.left_at < NEVER, users.activated_at < NEVER
    frame = pl.DataFrame(
        {
            "user_id": users.id,
            "email": users.email,
            "customer_id": [accounts.customer_id[a] for a in users.account.tolist()],
            "is_owner": users.is_owner,
            "is_mfa_enrolled": users.mfa_at < NEVER,
            "status": [
                "DEPROVISIONED" if g else "ACTIVE" if j else "PROVISIONED"
                for g, j in zip(gone.tolist(), joined.tolist(), strict=True)
            ],
            "at": users.invited_at,
        }
    )
    return _timed(frame, "created_at")


def _storage(company: Company) -> pl.DataFrame:
    """What each customer stores at the end of each month."""
    names = pl.Series(company.accounts.customer_id, dtype=pl.String)
    frames = []
    for day in company.options.month_ends:
        held = (
            stored(company.files, epoch(day) + DAY)
            .group_by("account")
            .agg(pl.len(), pl.col("size").sum())
            .sort("account")
        )
        frames.append(
            held.select(
                snapshot_date=pl.lit(day),
                customer_id=names.gather(held["account"]),
                object_count=pl.col("len").cast(pl.Int64),
                storage_bytes=pl.col("size").cast(pl.Int64),
            )
        )
    return pl.concat(frames)


def _incidents(company: Company) -> dict[str, object]:
    tries, taken, users = company.incidents.attempts, company.incidents.downloads, company.users
    victim = company.incidents.victim
    size = int(company.files.objects["size"].gather(taken["object"]).sum())
    theft = None
    if victim is not None:
        theft = {
            "user_id": users.id[victim],
            "email": users.email[victim],
            "customer_id": company.accounts.customer_id[users.account[victim]],
            "ip_address": EXFILTRATION_IP,
            "from": _iso(taken["at"].min()),
            "until": _iso(taken["at"].max()),
            "downloads": taken.height,
            "objects": taken["object"].n_unique(),
            "bytes": size,
        }
    burst = {
        "ip_address": BURST_IP,
        "from": _iso(tries["at"].min()),
        "until": _iso(tries["at"].max()),
        "attempts": tries.height,
        "failures": int((~tries["is_success"]).sum()),
        "successes": int(tries["is_success"].sum()),
    }
    return {"credential_stuffing": burst, "exfiltration": theft}


def _iso(at: object) -> str | None:
    return pl.from_epoch(pl.Series([at])).dt.strftime("%Y-%m-%dT%H:%M:%SZ")[0] if at is not None else None


def _timed(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    return frame.with_columns(pl.from_epoch("at").dt.cast_time_unit("us").alias(name)).drop("at")
