"""Amazon SES event publishing records of transactional mail.

Format: https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from nexus.demo.catalog import COMPANY_DOMAIN
from nexus.demo.wire.agents import BROWSERS, IMAGE_PROXY, PRIVACY_PROXY, SCANNERS
from nexus.demo.wire.mail_ids import SENDER, transactional
from nexus.demo.wire.text import Folder, Quoted, iso, json, text
from nexus.demo.world.company import Company

_ACCOUNT = "111122223333"
_MTA = "a7-30.smtp-out.eu-central-1.amazonses.com"


def write_ses(company: Company, folder: Folder) -> None:
    messages = with_recipients(company, transactional(company))
    parts = [
        messages.filter(pl.col(column) > 0)
        .with_columns(at=pl.col(column) + later, step=pl.lit(order))
        .select("at", "step", line.alias("line"))
        for order, (column, later, line) in enumerate(_events())
    ]
    frame = pl.concat(parts).sort("at", "step", maintain_order=True)
    folder.monthly("email_events/ses-{month}.jsonl.gz", frame, "at", pl.col("line"))


def with_recipients(company: Company, messages: pl.DataFrame) -> pl.DataFrame:
    """Adds address, reader's user agent and IP, and the scanner of their gateway."""
    users, accounts = company.users, company.accounts
    user = messages["user"]
    account = pl.Series(users.account).gather(user)
    return messages.with_columns(
        email=pl.Series(users.email).gather(user),
        ip=pl.Series(users.home_ip).gather(user),
        office=pl.Series(accounts.office_ip).gather(account),
        agent=pl.Series(BROWSERS).gather(pl.Series(users.browser).gather(user)),
        proxy=pl.Series(np.array(["-", PRIVACY_PROXY, IMAGE_PROXY])[users.client].tolist()).gather(user),
        scanner=pl.Series([SCANNERS[a % len(SCANNERS)] for a in account.to_list()], dtype=pl.String),
    )


def _mail() -> dict[str, Any]:
    sent, email, subject, id = text(iso("sent_at")), text("email"), text("subject"), text("message_id")
    header = [
        {"name": "From", "value": f"Quillhaven <{SENDER}>"},
        {"name": "To", "value": email},
        {"name": "Subject", "value": subject},
        {"name": "MIME-Version", "value": "1.0"},
        {"name": "Content-Type", "value": "multipart/alternative"},
    ]
    return {
        "timestamp": sent,
        "source": SENDER,
        "sourceArn": f"arn:aws:ses:eu-central-1:{_ACCOUNT}:identity/{COMPANY_DOMAIN}",
        "sendingAccountId": _ACCOUNT,
        "messageId": id,
        "destination": [email],
        "headersTruncated": False,
        "headers": header,
        "commonHeaders": {"from": [f"Quillhaven <{SENDER}>"], "to": [email], "messageId": id, "subject": subject},
        "tags": {
            "ses:configuration-set": ["transactional"],
            "ses:source-ip": ["198.51.100.20"],
            "ses:from-domain": [COMPANY_DOMAIN],
            "ses:caller-identity": ["app"],
            "template": [text("kind")],
        },
    }


def _record(kind: str, key: str, body: dict[str, Any]) -> pl.Expr:
    return json({"eventType": kind, "mail": _mail(), key: body})


def _click(agent: str, ip: str, column: str, link: int) -> pl.Expr:
    url = pl.concat_str(pl.lit(f"https://app.{COMPANY_DOMAIN}/"), "kind", pl.lit(f"/{link}"))
    return _record(
        "Click",
        "click",
        {
            "ipAddress": text(ip),
            "timestamp": text(iso(column)),
            "userAgent": text(agent),
            "link": text(url),
            "linkTags": None,
        },
    )


def _events() -> list[tuple[str, int, pl.Expr]]:
    """Column of the moment, seconds added to it, and the record."""
    email = text("email")
    hard = pl.col("is_hard")

    def either(permanent: str, transient: str) -> Quoted:
        return text(pl.when(hard).then(pl.lit(permanent)).otherwise(pl.lit(transient)))

    bounce = {
        "feedbackId": text(pl.concat_str(pl.lit("0107-b-"), pl.col("message_id").str.slice(6, 19))),
        "bounceType": either("Permanent", "Transient"),
        "bounceSubType": either("General", "MailboxFull"),
        "bouncedRecipients": [
            {
                "emailAddress": email,
                "action": "failed",
                "status": either("5.1.1", "5.2.2"),
                "diagnosticCode": either("smtp; 550 5.1.1 user unknown", "smtp; 552 5.2.2 mailbox full"),
            }
        ],
        "timestamp": text(iso("bounced_at")),
        "reportingMTA": f"dns; {_MTA}",
    }
    delivery = {
        "timestamp": text(iso("delivered_at")),
        "processingTimeMillis": ((pl.col("delivered_at") - pl.col("sent_at")) * 1000).cast(pl.String),
        "recipients": [email],
        "smtpResponse": "250 2.0.0 OK accepted",
        "reportingMTA": _MTA,
    }
    delay = {
        "timestamp": text(iso("deferred_at")),
        "delayType": "TransientCommunicationFailure",
        "expirationTime": text(iso(pl.col("sent_at") + 50_400)),
        "delayedRecipients": [
            {
                "emailAddress": email,
                "status": "4.4.1",
                "diagnosticCode": "smtp; 421 4.4.1 Unable to connect to remote host",
            }
        ],
        "reportingMTA": _MTA,
    }
    complaint = {
        "complainedRecipients": [{"emailAddress": email}],
        "timestamp": text(iso("complained_at")),
        "feedbackId": text(pl.concat_str(pl.lit("0107-c-"), pl.col("message_id").str.slice(6, 19))),
        "complaintSubType": None,
        "userAgent": "ExampleISP Feedback Loop (V0.01)",
        "complaintFeedbackType": "abuse",
        "arrivalDate": text(iso("complained_at")),
    }

    def opened(column: str, agent: str, ip: str) -> pl.Expr:
        return _record(
            "Open", "open", {"ipAddress": text(ip), "timestamp": text(iso(column)), "userAgent": text(agent)}
        )

    return [
        ("sent_at", 0, _record("Send", "send", {})),
        ("deferred_at", 0, _record("DeliveryDelay", "deliveryDelay", delay)),
        ("delivered_at", 0, _record("Delivery", "delivery", delivery)),
        ("bounced_at", 0, _record("Bounce", "bounce", bounce)),
        ("machine_open_at", 0, opened("machine_open_at", "proxy", "office")),
        ("open_at", 0, opened("open_at", "agent", "ip")),
        ("click_at", 0, _click("agent", "ip", "click_at", 1)),
        *((("scanner_at", 0, _click("scanner", "office", "scanner_at", link))) for link in (1, 2, 3)),
        ("complained_at", 0, _record("Complaint", "complaint", complaint)),
    ]
