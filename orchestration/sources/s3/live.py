"""S3 live: server access logs and inventories of a bucket, by listing and by notification.

Belongs here: options, which objects are logs, manifests. Does not belong here: listing and messages (orchestration/live),
what stands in a log or an inventory (extract.py).
https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html (manifest.json, MD5checksum)
"""

from __future__ import annotations

import hashlib
import json
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from pydantic import Field, model_validator

from nexus.errors import InputError, ProviderError
from orchestration.live import aws, queue
from orchestration.live.aws import AwsConfig
from orchestration.live.bucket import Bucket, file_name
from orchestration.live.spec import Blob, Cursor, Finding, Live, Page, Span, Stream
from orchestration.sources.s3.contract import SOURCE
from orchestration.sources.s3.extract import schema_is_read
from warehouse.land.files import reader_of


class Config(AwsConfig):
    """Options of an S3 connection: where access logs are, where inventories are, or both."""

    bucket: str = Field(description="bucket that access logs are delivered to")
    prefix: str | None = Field(default=None, description="what their keys begin with; '' for the whole bucket")
    queue_url: str | None = Field(default=None, description="SQS queue that is told of new log objects")
    inventory_bucket: str | None = Field(default=None, description="bucket of the inventories, where it is another one")
    inventory_prefix: str | None = Field(default=None, description="what keys of inventories begin with")
    late_days: int = Field(default=3, ge=1, le=30, description="how far back every listing looks")
    relist_hours: int = Field(default=24, ge=1, le=720, description="the whole bucket is listed once in this time")

    @model_validator(mode="after")
    def _something(self) -> Config:
        if self.prefix is None and self.inventory_prefix is None:
            raise ValueError("give prefix (access logs), inventory_prefix, or both; '' is the whole bucket")
        if self.queue_url and self.prefix is None:
            raise ValueError("queue_url tells of log objects: it needs prefix")
        return self


def open_live(config: Config, transport: httpx.BaseTransport | None = None) -> Live:
    """Streams of what is configured. `transport` is not used: boto3 has its own."""
    client = aws.client("s3", config)
    late, relist = timedelta(days=config.late_days), timedelta(hours=config.relist_hours)
    streams: list[Stream] = []
    checks = []
    clients = [client]
    if config.prefix is not None:
        logs = Bucket(client, config.bucket, config.prefix, _is_log, config.since_at, late, relist)
        checks.append(logs.check)
        if config.queue_url:
            told = aws.client("sqs", config)
            waiting = queue.Queue(
                told, config.queue_url, queue.objects(logs), "notifications of this bucket and prefix"
            )
            streams.append(Stream("queue", waiting.pages, description="Log objects that the queue tells of"))
            checks.append(waiting.check)
            clients.append(told)
        streams.append(Stream("access_log", logs.pages, logs.span, "Log objects, by listing"))
    if config.inventory_prefix is not None:
        name = config.inventory_bucket or config.bucket
        found = Bucket(client, name, config.inventory_prefix, _is_manifest, config.since_at, late, relist)
        inventory = Inventory(found)
        streams.append(Stream("inventory", inventory.pages, inventory.span, "Files that manifests name"))
        checks.append(found.check)

    def check() -> Iterator[Finding]:
        for each in checks:
            yield from each()

    def close() -> None:
        for each in clients:
            each.close()

    return Live(streams, check, close=close)


@dataclass(frozen=True, slots=True)
class Inventory:
    """Inventories by their manifests: a snapshot lands when its manifest is there, which is when it is whole."""

    bucket: Bucket

    def pages(self, cursor: Cursor) -> Iterator[Page]:
        for place, manifests in self.bucket.due(cursor):
            for found in manifests:
                yield from self._snapshot(found["Key"], cursor)
            yield Page(place)

    def span(self, span: Span) -> Iterator[Page]:
        for manifests in self.bucket.between(span):
            for found in manifests:
                yield from self._snapshot(found["Key"], {})

    def _snapshot(self, key: str, cursor: Cursor) -> Iterator[Page]:
        content = self.bucket.read(key)
        if content is not None:
            yield from self._read(key, content, cursor)

    def _read(self, key: str, content: bytes, cursor: Cursor) -> Iterator[Page]:
        place = f"s3://{self.bucket.name}/{key}"
        told = self.bucket.read(posixpath.join(posixpath.dirname(key), "manifest.checksum"))
        if told is not None and told.decode(errors="replace").strip() != hashlib.md5(content).hexdigest():
            raise ProviderError(
                f"{place} does not have the MD5 of its manifest.checksum", remedy="asked again next time"
            )
        manifest = _manifest(place, content)
        snapshot = posixpath.basename(posixpath.dirname(key))[:10]
        folder = posixpath.dirname(posixpath.dirname(key))
        for file in manifest["files"]:
            data = self.bucket.read(file["key"])
            if data is None or hashlib.md5(data).hexdigest() != file["MD5checksum"]:
                what = "is not there" if data is None else "does not have the MD5 that the manifest names"
                raise ProviderError(
                    f"s3://{self.bucket.name}/{file['key']} {what} ({place})",
                    remedy="asked again next time; if it stays so, remove the manifest",
                )
            # the date is in the name alone: the same rows a week later are another snapshot
            name = file_name(posixpath.join(folder, snapshot, posixpath.basename(file["key"])))
            yield Page(cursor, blobs=[Blob(name, data, by_content=False)])


def _manifest(place: str, content: bytes) -> Mapping[str, Any]:
    """The manifest, if what it names can be read. Raises InputError that says what to configure."""
    again = "remove the manifest, or set `since` behind it"
    try:
        found: Mapping[str, Any] = json.loads(content)
        form, schema = found["fileFormat"], tuple(name.strip() for name in found["fileSchema"].split(","))
        _ = [(file["key"], file["MD5checksum"]) for file in found["files"]]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{place} is no manifest of an inventory: {error!r}", remedy=again) from None
    if form != "CSV":
        raise InputError(f"{place}: the inventory is {form}", remedy=f"configure it as CSV; {again}")
    if not schema_is_read(schema):
        raise InputError(
            f"{place}: the inventory has the fields {', '.join(schema)}",
            remedy=f"configure it with Size, LastModifiedDate, ETag and StorageClass; {again}",
        )
    return found


def _is_log(key: str) -> bool:
    return reader_of(SOURCE, Path(key)) == "lines"


def _is_manifest(key: str) -> bool:
    return posixpath.basename(key) == "manifest.json"
