"""Message identifiers and subjects, shared by the wire formats and the truth about them."""

from __future__ import annotations

import polars as pl

from nexus.demo.catalog import COMPANY, COMPANY_DOMAIN
from nexus.demo.rand import BASE64URL, HEX, tokens
from nexus.demo.world.company import Company

SENDER = f"hello@{COMPANY_DOMAIN}"
SUBJECTS = {
    "welcome": f"Welcome to {COMPANY}",
    "invitation": f"You have been invited to {COMPANY}",
    "receipt": f"Your receipt from {COMPANY}",
    "payment_failed": "We could not collect your payment",
    "trial_ending": "Your trial ends in three days",
    "password_reset": "Reset your password",
    "share_digest": "Files shared with you",
}


def transactional(company: Company) -> pl.DataFrame:
    """Transactional messages with `message_id` (SES) and `subject`."""
    frame = company.mail.transactional
    made = tokens(company.streams.get("ses-id"), frame.height, 28, HEX).tolist()
    ids = [f"010701{t[:10]}-{t[10:18]}-{t[18:22]}-4{t[22:25]}-a{t[25:]}0c4f1e2d7-000000" for t in made]
    return frame.with_columns(
        message_id=pl.Series(ids, dtype=pl.String),
        subject=pl.col("kind").replace_strict(SUBJECTS, return_dtype=pl.String),
    )


def campaigns(company: Company) -> pl.DataFrame:
    """Campaign messages with `message_id` (SendGrid: unique before the first dot) and `subject`."""
    frame = company.mail.campaigns
    made = tokens(company.streams.get("sendgrid-id"), frame.height, 22, BASE64URL).tolist()
    ids = [f"{t}.recvd-6f8d9c7b5-x2k9p-1-66A1B2C3-{n % 97:X}.0" for n, t in enumerate(made)]
    topic = {plan.id: plan.topic.replace("-", " ") for plan in company.mail.plans}
    title = pl.col("kind").replace_strict(topic, return_dtype=pl.String)
    return frame.with_columns(
        message_id=pl.Series(ids, dtype=pl.String),
        subject=pl.when(pl.col("arm") == "a")
        .then(pl.concat_str(pl.lit("New this month: "), title))
        .otherwise(pl.concat_str(pl.lit("Five minutes saved with "), title)),
    )
