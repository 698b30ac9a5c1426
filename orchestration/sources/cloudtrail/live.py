"""CloudTrail live: log files of a trail's bucket, by listing and by notification.

Belongs here: options, which objects are log files. Does not belong here: listing and messages (orchestration/live), what
stands in a record (extract.py).
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/get-and-view-cloudtrail-log-files.html
Keys: <prefix>AWSLogs/[<organisation>/]<account>/CloudTrail/<region>/2026/10/31/<file>.json.gz
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from datetime import timedelta

import httpx
from pydantic import Field

from orchestration.live import aws, queue
from orchestration.live.aws import AwsConfig
from orchestration.live.bucket import Bucket
from orchestration.live.spec import Finding, Live, Stream


class Config(AwsConfig):
    """Options of a CloudTrail connection."""

    bucket: str = Field(description="bucket of the trail")
    prefix: str = Field(default="AWSLogs/", description="what keys begin with; the trail's own prefix, then AWSLogs/")
    queue_url: str | None = Field(default=None, description="SQS queue that is told of new log files")
    accounts: tuple[str, ...] = Field(default=(), description="only these accounts; all where none is named")
    regions: tuple[str, ...] = Field(default=(), description="only these regions; all where none is named")
    late_days: int = Field(default=2, ge=1, le=30, description="how far back every listing looks")
    relist_hours: int = Field(default=24, ge=1, le=720, description="the whole bucket is listed once in this time")


def open_live(config: Config, transport: httpx.BaseTransport | None = None) -> Live:
    """Streams of the trail. `transport` is not used: boto3 has its own."""
    client = aws.client("s3", config)

    def wanted(key: str) -> bool:
        place = _place(key)
        if place is None:
            return False
        account, region = place
        return (not config.accounts or account in config.accounts) and (not config.regions or region in config.regions)

    logs = Bucket(
        client, config.bucket, config.prefix, wanted, config.since_at, timedelta(days=config.late_days),
        timedelta(hours=config.relist_hours), enter=_is_entered,
    )  # fmt: skip
    streams = [Stream("event", logs.pages, logs.span, "Log files, by listing")]
    checks = [logs.check]
    clients = [client]
    if config.queue_url:
        clients.append(aws.client("sqs", config))
        waiting = queue.Queue(
            clients[-1], config.queue_url, queue.objects(logs), "notifications of this bucket and prefix"
        )
        streams.insert(0, Stream("queue", waiting.pages, description="Log files that the queue tells of"))
        checks.append(waiting.check)

    def check() -> Iterator[Finding]:
        for each in checks:
            yield from each()

    def close() -> None:
        for each in clients:
            each.close()

    return Live(streams, check, close=close)


def _place(key: str) -> tuple[str, str] | None:
    """Account and region of a log file; None for digests, insights and whatever else lies there."""
    parts = key.split("/")
    name = posixpath.basename(key)
    if "CloudTrail" not in parts or not name.endswith((".json.gz", ".json")):
        return None
    at = parts.index("CloudTrail")
    return (parts[at - 1], parts[at + 1]) if 0 < at < len(parts) - 2 else None


def _is_entered(folder: str) -> bool:
    return not folder.endswith(("/CloudTrail-Digest/", "/CloudTrail-Insight/"))
