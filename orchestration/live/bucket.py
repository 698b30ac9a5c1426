"""Objects of a bucket that have come since the last time, by listing alone.

Belongs here: what to list, what is due, fetching. Does not belong here: what is inside (a source), messages (queue.py).

Keys of logs sort nearly by time: where they begin with a date, a listing starts `late_days` before the last one and not at
the beginning of the bucket. What decides whether an object is due is not its name but `LastModified`, which the store
sets: an object is due if it is newer than the last listing was (a little overlap included; the same bytes land once). An
object whose name sorts before that start (a late copy, a key without a date) is found by the whole listing, once in
`relist_hours`. A multipart upload shows when it was begun, not when it appeared: the whole listing looks a week back.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

from nexus.errors import InputError
from orchestration.live.aws import code_of, told
from orchestration.live.spec import Blob, Cursor, Finding, Page, Span

#: An object may be listed a little after the time that it shows.
_OVERLAP = timedelta(minutes=15)
_LONGEST_UPLOAD = timedelta(days=7)
_GROUP, _GROUP_BYTES, _LARGEST = 100, 32 * 1024 * 1024, 512 * 1024 * 1024
_READERS = 8
_DEEPEST = 8
#: Seconds before a body that broke off is asked for again; boto3 itself asks again only until an answer begins.
_PAUSES = (0.5, 2.0, 8.0)
#: What a date that sorts looks like behind the prefix, and how it is written.
_FORMS = {"%Y/%m/%d": re.compile(r"(19|20)\d\d/"), "%Y-%m-%d": re.compile(r"\d{4}-\d\d-\d\d")}
#: Classes that cannot be read as they are. A restored object is still of its class, and no newer: listing cannot tell it.
_ARCHIVED = {"GLACIER", "DEEP_ARCHIVE"}
HINT = "the connection needs s3:ListBucket on the bucket and s3:GetObject on its objects; the source's README has the policy"


@dataclass(frozen=True, slots=True)
class Root:
    """A prefix that is listed by itself. `form` is how the date behind it is written; empty where keys have none."""

    prefix: str
    form: str = ""

    def from_day(self, day: date) -> str:
        return self.prefix + day.strftime(self.form)

    def day(self, key: str) -> date | None:
        """The date that the key begins with."""
        text = key[len(self.prefix) :][:10]
        try:
            return datetime.strptime(text, self.form).date() if self.form else None
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Bucket:
    """Objects below `prefix` that `wanted` names. `enter` says which folders are looked into."""

    client: Any
    name: str
    prefix: str
    wanted: Callable[[str], bool]
    since: datetime
    late: timedelta
    relist: timedelta
    enter: Callable[[str], bool] = lambda _: True
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    def pages(self, cursor: Cursor) -> Iterator[Page]:
        """Objects that have come since `cursor`; a listing that was broken off goes on where it was."""
        for place, objects in self.due(cursor):
            for group in _groups(objects):
                yield Page(cursor, blobs=self.fetch([o["Key"] for o in group]))
            yield Page(place)

    def due(self, cursor: Cursor) -> Iterator[tuple[Cursor, list[Mapping[str, Any]]]]:
        """The same without fetching: objects, and the cursor once they have landed."""
        roots = self.roots()
        run = dict(cursor.get("run") or {})
        if not run or run.get("root") not in {None, *(r.prefix for r in roots)}:
            now = self._now()
            whole = "whole" not in cursor or now >= _time(cursor["whole"]) + self.relist
            run = {"began": now.isoformat(), "is_whole": whole}
        for root in roots:
            if root.prefix < run.get("root", ""):
                continue
            after = run.get("after", "") if root.prefix == run.get("root") else ""
            if root.form and not run["is_whole"]:
                after = max(after, root.from_day((_time(cursor["seen"]) - self.late).date()))
            for page in self._list(root.prefix, after):
                run = {**run, "root": root.prefix, "after": page[-1]["Key"]}
                yield {**cursor, "run": run}, [o for o in page if self._is_due(o, root, cursor, run["is_whole"])]
        whole_at = run["began"] if run["is_whole"] else cursor["whole"]
        yield {"seen": run["began"], "whole": whole_at}, []

    def span(self, span: Span) -> Iterator[Page]:
        """Objects whose records may be of that time."""
        for objects in self.between(span):
            for group in _groups(objects):
                yield Page({}, blobs=self.fetch([o["Key"] for o in group]))

    def between(self, span: Span) -> Iterator[list[Mapping[str, Any]]]:
        """Objects by the date in their key, or where it has none by the time that the store shows; not fetched."""
        day = timedelta(days=1)
        for root in self.roots():
            after, until = (root.from_day(t.date()) for t in (span.start - day, span.end + 2 * day))
            for page in self._list(root.prefix, after if root.form else ""):
                yield [
                    o
                    for o in page
                    if self._readable(o)
                    and (o["Key"] < until if root.form else span.start <= o["LastModified"] < span.end + day)
                ]
                if root.form and page[-1]["Key"] >= until:
                    break

    def roots(self) -> list[Root]:
        """Prefixes below which keys sort by time, found by looking into folders; others are listed whole every time."""
        return sorted(self._roots(self.prefix, _DEEPEST), key=lambda root: root.prefix)

    def fetch(self, keys: Sequence[str]) -> list[Blob]:
        """The objects; one that is gone by now is left out."""
        with ThreadPoolExecutor(_READERS) as readers:
            return [blob for blob in readers.map(self._blob, keys) if blob]

    def read(self, key: str) -> bytes | None:
        """The object's content; None if there is none."""
        from botocore.exceptions import BotoCoreError, ClientError

        with told(f"read s3://{self.name}/{key}", HINT):
            for pause in (*_PAUSES, None):
                try:
                    answer = self.client.get_object(Bucket=self.name, Key=key)
                except ClientError as error:
                    if code_of(error) == "NoSuchKey":
                        return None
                    raise
                if answer["ContentLength"] > _LARGEST:
                    raise InputError(
                        f"s3://{self.name}/{key} is larger than {_LARGEST >> 20} MB",
                        remedy="copy it to a file and land that with `nexus ingest`; then move it out of the prefix",
                    )
                try:
                    content: bytes = answer["Body"].read()
                except (BotoCoreError, OSError):
                    if pause is None:
                        raise
                    time.sleep(pause)
                else:
                    return content
        raise AssertionError("the last attempt returns or raises")

    def check(self) -> Iterator[Finding]:
        """Whether the bucket can be listed and read, and whether what lies there is what is looked for."""
        place = f"s3://{self.name}/{self.prefix}"
        try:
            first = next(self._list(self.prefix, ""), [])
            readable = [o for o in first if self._readable(o)]
            if readable:
                self.read(readable[0]["Key"])
        except InputError as error:
            yield Finding(place, "fail", error.message, error.remedy or "")
            return
        archived = sum(1 for o in first if o.get("StorageClass") in _ARCHIVED)
        told_of = f"{len(readable)} of the first {len(first)} objects can be read"
        if not readable:
            yield Finding(
                place, "warn", f"may be listed; {told_of}", "check the prefix: nothing there is of this source"
            )
        else:
            yield Finding(place, "ok", f"may be listed and read; {told_of}")
        if archived:
            yield Finding(
                place, "warn", f"{archived} objects are archived",
                "they are left out, restored or not: copy those that are wanted to the class STANDARD",
            )  # fmt: skip

    def _roots(self, prefix: str, deeper: int) -> Iterator[Root]:
        with told(f"list s3://{self.name}/{prefix}", HINT):
            answer = self.client.list_objects_v2(Bucket=self.name, Prefix=prefix, Delimiter="/")
        folders = [p["Prefix"] for p in answer.get("CommonPrefixes", [])]
        objects = [o["Key"] for o in answer.get("Contents", []) if o["Size"]]
        for form, pattern in _FORMS.items():
            if any(pattern.match(key[len(prefix) :]) for key in (*folders, *objects)):
                yield Root(prefix, form)
                return
        if not folders or objects or answer.get("IsTruncated") or not deeper:
            yield Root(prefix)
            return
        for folder in folders:
            if self.enter(folder):
                yield from self._roots(folder, deeper - 1)

    def _list(self, prefix: str, after: str) -> Iterator[list[Mapping[str, Any]]]:
        """Pages of objects that sort behind `after`; a page may not be empty."""
        going: dict[str, str] = {"StartAfter": after} if after else {}
        while True:
            with told(f"list s3://{self.name}/{prefix}", HINT):
                answer = self.client.list_objects_v2(Bucket=self.name, Prefix=prefix, **going)
            if answer.get("Contents"):
                yield answer["Contents"]
            if not answer.get("IsTruncated"):
                return
            going = {"ContinuationToken": answer["NextContinuationToken"]}

    def _now(self) -> datetime:
        """The store's own time, because objects carry it; this machine's where the store does not tell."""
        with told(f"list s3://{self.name}/{self.prefix}", HINT):
            answer = self.client.list_objects_v2(Bucket=self.name, Prefix=self.prefix, MaxKeys=1)
        text = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
        return parsedate_to_datetime(text).astimezone(UTC) if text else self.clock()

    def _readable(self, found: Mapping[str, Any]) -> bool:
        archived = found.get("StorageClass") in _ARCHIVED
        return found["Size"] > 0 and not archived and found["LastModified"] >= self.since and self.wanted(found["Key"])

    def _is_due(self, found: Mapping[str, Any], root: Root, cursor: Cursor, is_whole: bool) -> bool:
        if not self._readable(found):
            return False
        at: datetime = found["LastModified"]
        if not is_whole:
            return at >= _time(cursor["seen"]) - _OVERLAP
        if "whole" not in cursor:
            return True
        if "-" in found["ETag"]:  # of a multipart upload
            return at >= _time(cursor["whole"]) - _LONGEST_UPLOAD
        day = root.day(found["Key"])
        listed = at < _time(cursor["seen"]) - _OVERLAP and day is not None and day > (at - self.late).date()
        return at >= _time(cursor["whole"]) - _OVERLAP and not listed

    def _blob(self, key: str) -> Blob | None:
        content = self.read(key)
        return Blob(file_name(key), content) if content is not None else None


def file_name(key: str) -> str:
    """A path for the object: as its key, without what a file system would take for something else."""
    return "/".join(_part(part) for part in key.split("/"))


def _part(part: str) -> str:
    safe = quote(part, safe=" =+@,:~()!$&';")
    safe = "%2E" + safe[1:] if safe.startswith(".") else safe or "%2F"
    if len(safe) > 200:
        safe = f"{safe[:40]}~{hashlib.sha256(part.encode()).hexdigest()[:16]}~{safe[-100:]}"
    return safe


def _groups(objects: Sequence[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    group: list[Mapping[str, Any]] = []
    for found in objects:
        if group and (len(group) >= _GROUP or sum(o["Size"] for o in group) + found["Size"] > _GROUP_BYTES):
            yield group
            group = []
        group.append(found)
    if group:
        yield group


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
