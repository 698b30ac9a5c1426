"""E-mail live: what each provider offers to be asked for. One connection is one provider.

Belongs here: options, streams, checks. Does not belong here: what providers post (webhook.py), columns (contract.py).

    ses       files of Firehose in a bucket, SNS through an SQS queue, SNS by webhook
    sendgrid  the Email Logs API (sendgrid.py), webhook
    mailgun   the events API (mailgun.py), webhook
    postmark  webhook
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import httpx
from pydantic import Field, field_validator, model_validator

from orchestration.live import aws, queue
from orchestration.live.aws import AwsConfig
from orchestration.live.bucket import Bucket
from orchestration.live.spec import Finding, Live, LiveConfig, Secret, Stream
from orchestration.sources.email_events import mailgun, sendgrid
from orchestration.sources.email_events.contract import SOURCE
from orchestration.sources.email_events.sns import region_of
from warehouse.land.files import reader_of

#: Options of each provider, beside those of every connection.
OPTIONS: Mapping[str, tuple[str, ...]] = {
    "ses": (
        "bucket", "prefix", "queue_url", "topic_arn", "late_days", "relist_hours",
        *(name for name in AwsConfig.model_fields if name not in LiveConfig.model_fields),
    ),
    "sendgrid": ("verification_key", "api_key", "api_base"),
    "mailgun": ("api_key", "api_base", "domains", "signing_key"),
    "postmark": ("webhook_user", "webhook_password"),
}  # fmt: skip


class Config(AwsConfig):
    """Options of a connection to a sender of mail."""

    provider: Literal["ses", "sendgrid", "mailgun", "postmark"]
    bucket: str | None = Field(default=None, description="ses: bucket that Firehose writes events to")
    prefix: str = Field(default="", description="ses: what their keys begin with")
    queue_url: str | None = Field(default=None, description="ses: SQS queue subscribed to the topic")
    topic_arn: str | None = Field(default=None, description="ses: the SNS topic that posts to the webhook")
    late_days: int = Field(default=3, ge=1, le=30, description="ses: how far back every listing looks")
    relist_hours: int = Field(default=24, ge=1, le=720, description="ses: the bucket is listed whole once in this time")
    verification_key: str | None = Field(default=None, description="sendgrid: public key of the signed Event Webhook")
    api_key: Secret | None = Field(default=None, description="mailgun, sendgrid: key that may read events")
    api_base: str | None = Field(
        default=None,
        description="address of the API: in the EU https://api.eu.mailgun.net, https://api.eu.sendgrid.com",
    )
    domains: tuple[str, ...] = Field(default=(), description="mailgun: domains whose events are asked for")
    signing_key: Secret | None = Field(default=None, description="mailgun: HTTP webhook signing key")
    webhook_user: str | None = Field(default=None, description="postmark: name in the webhook's address")
    webhook_password: Secret | None = Field(default=None, description="postmark: password in the webhook's address")

    @field_validator("topic_arn")
    @classmethod
    def _is_topic(cls, value: str | None) -> str | None:
        if value is not None:
            region_of(value)
        return value

    @field_validator("verification_key")
    @classmethod
    def _is_key(cls, value: str | None) -> str | None:
        if value is not None:
            import base64

            from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
            from cryptography.hazmat.primitives.serialization import load_der_public_key

            try:
                key = load_der_public_key(base64.b64decode(value, validate=True))
            except ValueError:
                key = None
            if not isinstance(key, EllipticCurvePublicKey):
                raise ValueError("must be the verification key that SendGrid shows beside the signed Event Webhook")
        return value

    @model_validator(mode="after")
    def _of_one_provider(self) -> Config:
        common = {*LiveConfig.model_fields, "provider", *OPTIONS[self.provider]}
        if strange := sorted(self.model_fields_set - common):
            raise ValueError(
                f"{', '.join(strange)}: no option of {self.provider}; it has: {', '.join(OPTIONS[self.provider])}"
            )
        if self.provider == "mailgun" and bool(self.api_key) != bool(self.domains):
            raise ValueError("api_key and domains belong together: give both or neither")
        if (self.webhook_user is None) != (self.webhook_password is None):
            raise ValueError("webhook_user and webhook_password belong together")
        if not (self.bucket or self.queue_url or self.topic_arn or self.verification_key or self.api_key
                or self.signing_key or self.webhook_user):  # fmt: skip
            raise ValueError(f"nothing is configured; give some of: {', '.join(OPTIONS[self.provider])}")
        return self


def open_live(config: Config, transport: httpx.BaseTransport | None = None) -> Live:
    """What of the provider can be asked; nothing, where it only posts."""
    if config.provider == "ses":
        return _ses(config)
    if not config.api_key:
        return Live((), lambda: iter(()))
    open_api = mailgun.open_api if config.provider == "mailgun" else sendgrid.open_api
    return open_api(config, config.api_key.get_secret_value(), transport)


def _ses(config: Config) -> Live:
    streams: list[Stream] = []
    checks: list[Callable[[], Iterator[Finding]]] = []
    clients: list[Any] = []
    if config.queue_url:
        clients.append(aws.client("sqs", config))
        waiting = queue.Queue(clients[-1], config.queue_url, _event, "events of SES")
        streams.append(Stream("queue", waiting.pages, description="Events that SNS has put into the queue"))
        checks.append(waiting.check)
    if config.bucket:
        clients.append(aws.client("s3", config))
        found = Bucket(
            clients[-1], config.bucket, config.prefix, _is_events, config.since_at, timedelta(days=config.late_days),
            timedelta(hours=config.relist_hours),
        )  # fmt: skip
        streams.append(Stream("bucket", found.pages, found.span, "Files that Firehose has written"))
        checks.append(found.check)

    def check() -> Iterator[Finding]:
        for each in checks:
            yield from each()

    def close() -> None:
        for each in clients:
            each.close()

    return Live(streams, check, close=close)


def _event(body: Any) -> queue.Taken | None:
    """An event, bare, within SNS or from EventBridge; the greeting to a new topic says nothing."""
    found = queue.unwrapped(body)
    if isinstance(found, str) and found.startswith("Successfully validated SNS topic"):
        return queue.Taken()
    if not isinstance(found, dict):
        return None
    inner = found["detail"] if found.get("source") == "aws.ses" and isinstance(found.get("detail"), dict) else found
    return queue.Taken([inner]) if "mail" in inner and ("eventType" in inner or "notificationType" in inner) else None


def _is_events(key: str) -> bool:
    # Firehose gives its files no ending unless it is told to
    return reader_of(SOURCE, Path(key)) is not None
