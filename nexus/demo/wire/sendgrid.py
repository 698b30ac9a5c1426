"""SendGrid Event Webhook arrays of campaign mail.

Format: https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event .
Unique arguments (`campaign_id`, `arm`) stand beside the provider's own fields, as SendGrid writes them.
A soft bounce is a bounce of type `blocked`.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from nexus.demo.catalog import COMPANY_DOMAIN
from nexus.demo.rand import BASE64URL, tokens
from nexus.demo.wire.mail_ids import campaigns
from nexus.demo.wire.ses import with_recipients
from nexus.demo.wire.text import Folder, Quoted, json, number, text
from nexus.demo.world.company import Company


def write_sendgrid(company: Company, folder: Folder) -> None:
    messages = with_recipients(company, campaigns(company)).with_columns(
        gone=(pl.col("dropped_at") > 0), mx=pl.lit("198.51.100.25")
    )
    rng = company.streams.get("sendgrid-events")
    parts = []
    for order, (column, event, body) in enumerate(_events()):
        chosen = messages.filter((pl.col(column) > 0) & ((pl.lit(event) == "dropped") | ~pl.col("gone")))
        chosen = chosen.with_columns(
            at=pl.col(column),
            step=pl.lit(order),
            event_id=pl.Series(tokens(rng, chosen.height, 22, BASE64URL).tolist(), dtype=pl.String),
        )
        parts.append(chosen.select("at", "step", json({**_common(event), **body}).alias("line")))
    frame = pl.concat(parts).sort("at", "step", maintain_order=True)
    folder.monthly(
        "email_events/sendgrid-{month}.json.gz", frame, "at", pl.col("line"), header="[", footer="]\n", separator=",\n"
    )


def _common(event: str) -> dict[str, Any]:
    return {
        "email": text("email"),
        "timestamp": number("at"),
        "smtp-id": text(
            pl.concat_str(pl.lit("<"), pl.col("message_id").str.slice(0, 22), pl.lit("@geopod-ismtpd-12>"))
        ),
        "event": event,
        "category": ["campaign", text("kind")],
        "sg_event_id": text("event_id"),
        "sg_message_id": text("message_id"),
        "campaign_id": text("kind"),
        "arm": text("arm"),
        "subject": text("subject"),
    }


def _click(agent: str, ip: str, link: int) -> dict[str, Any]:
    url = pl.concat_str(pl.lit(f"https://www.{COMPANY_DOMAIN}/c/"), "kind", pl.lit(f"/{link}"))
    return {
        "useragent": text(agent),
        "ip": text(ip),
        "url": text(url),
        "url_offset": {"index": link - 1, "type": "html"},
    }


def _open(agent: str, ip: str, is_machine: bool) -> dict[str, Any]:
    return {"useragent": text(agent), "ip": text(ip), "sg_content_type": "html", "sg_machine_open": is_machine}


def _events() -> list[tuple[str, str, dict[str, Any]]]:
    """Column of the moment, name of the event, its own fields."""
    hard = pl.col("is_hard")

    def either(permanent: str, transient: str) -> Quoted:
        return text(pl.when(hard).then(pl.lit(permanent)).otherwise(pl.lit(transient)))

    bounce = {
        "reason": either(
            "550 5.1.1 The email account that you tried to reach does not exist", "452 4.2.2 The mailbox is over quota"
        ),
        "status": either("5.1.1", "4.2.2"),
        "type": either("bounce", "blocked"),
        "bounce_classification": either("Invalid Address", "Mailbox Unavailable"),
        "ip": text("mx"),
        "tls": 1,
    }
    return [
        ("sent_at", "processed", {}),
        ("dropped_at", "dropped", {"reason": text("drop_reason"), "status": "5.0.0"}),
        (
            "deferred_at",
            "deferred",
            {
                "response": "451 4.7.1 Greylisting in action, please come back later",
                "attempt": "1",
                "ip": text("mx"),
                "tls": 1,
            },
        ),
        ("delivered_at", "delivered", {"response": "250 OK", "ip": text("mx"), "tls": 1}),
        ("bounced_at", "bounce", bounce),
        ("machine_open_at", "open", _open("proxy", "office", True)),
        ("open_at", "open", _open("agent", "ip", False)),
        ("click_at", "click", _click("agent", "ip", 1)),
        *(("scanner_at", "click", _click("scanner", "office", link)) for link in (1, 2, 3)),
        ("complained_at", "spamreport", {}),
        ("unsubscribed_at", "unsubscribe", {}),
    ]
