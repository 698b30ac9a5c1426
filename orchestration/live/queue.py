"""Messages of an SQS queue: received, landed, and deleted only then.

Belongs here: receiving, deleting, envelopes, which objects a notification names. Does not belong here: what lands.

A message is hidden while it is being landed; one that was not deleted (a crash, a failure) comes again, and its records
are duplicates. A message of another shape, or that names what cannot be read, is left where it is, and told of: the queue's
own dead-letter policy takes it away.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from nexus.errors import InputError, ProviderError
from orchestration.live.aws import told
from orchestration.live.bucket import Bucket
from orchestration.live.spec import Blob, Finding, Page

#: Seconds that a message stays hidden: longer than a spool takes to fill and to land.
_HIDDEN = 900
#: Messages of one pull: a queue that is filled as fast as it is read must not keep it for ever.
_MOST = 100_000
#: Messages are received ten at a time; so many times before they land together.
_BATCH, _TOGETHER = 10, 20
HINT = (
    "the connection needs sqs:ReceiveMessage, sqs:DeleteMessage and sqs:GetQueueAttributes on the queue; see the README"
)


@dataclass(frozen=True, slots=True)
class Taken:
    """What lands of a message; nothing, for one that is known to say nothing."""

    documents: Sequence[Mapping[str, Any]] = ()
    blobs: Sequence[Blob] = ()


#: What lands of the body of a message (JSON, or text where it is none); None for a shape that is not known.
Take = Callable[[Any], Taken | None]


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue whose messages `take` understands; `shape` is what they should be, in words."""

    client: Any
    url: str
    take: Take
    shape: str

    def pages(self, _: Mapping[str, Any]) -> Iterator[Page]:
        """Messages until there are none; they are deleted once they have landed, some hundred at a time."""
        foreign: list[str] = []
        failed: list[tuple[str, InputError]] = []
        received = 0
        more = True
        while more and received < _MOST:
            before, known, failed_before = received, list[Mapping[str, Any]](), len(failed)
            for messages in self._some():
                received += len(messages)
                page: list[Taken] = []
                for message in messages:
                    try:
                        taken = self.take(_parsed(message["Body"]))
                    except InputError as error:
                        failed.append((message["MessageId"], error))
                        continue
                    if taken is None:
                        foreign.append(message["MessageId"])
                    else:
                        known.append(message)
                        page.append(taken)
                yield Page({}, [d for t in page for d in t.documents], [b for t in page for b in t.blobs])
            # where nothing at all can be read, the others need not be counted as received
            more = received > before and (bool(known) or len(failed) == failed_before)
            yield Page({}, settle=True)
            self._delete(known)
        self._tell(foreign, failed)

    def _tell(self, foreign: Sequence[str], failed: Sequence[tuple[str, InputError]]) -> None:
        """Raises InputError that names what was left in the queue."""
        told_of, remedies = [], []
        if foreign:
            told_of.append(f"{len(foreign)} messages of {self.url} are no {self.shape} (the first: {foreign[0]})")
            remedies.append("let nothing else write to this queue, or give it a dead-letter queue")
        if failed:
            first, error = failed[0]
            told_of.append(
                f"{len(failed)} messages of {self.url} could not be followed (the first: {first}: {error.message})"
            )
            remedies.append(error.remedy or "give the queue a dead-letter queue")
        if told_of:
            raise InputError(f"{'; '.join(told_of)}; they were left there", remedy="; ".join(remedies))

    def check(self) -> Iterator[Finding]:
        """Whether the queue can be reached and received from, and how much waits in it. Nothing is hidden or deleted."""
        try:
            with told(f"look at the queue {self.url}", HINT):
                found = self.client.get_queue_attributes(
                    QueueUrl=self.url, AttributeNames=["ApproximateNumberOfMessages"]
                )
            with told(f"read the queue {self.url}", HINT):
                self.client.receive_message(
                    QueueUrl=self.url, MaxNumberOfMessages=1, WaitTimeSeconds=0, VisibilityTimeout=0
                )
        except InputError as error:
            yield Finding("queue", "fail", error.message, error.remedy or "")
        else:
            count = found["Attributes"]["ApproximateNumberOfMessages"]
            yield Finding("queue", "ok", f"may be read; about {count} messages wait; deleting was not tried")

    def _some(self) -> Iterator[list[dict[str, Any]]]:
        for _ in range(_TOGETHER):
            messages = self._receive()
            if not messages:
                return
            yield messages

    def _receive(self) -> list[dict[str, Any]]:
        with told(f"read the queue {self.url}", HINT):
            answer = self.client.receive_message(
                QueueUrl=self.url, MaxNumberOfMessages=_BATCH, WaitTimeSeconds=1, VisibilityTimeout=_HIDDEN
            )
        found: list[dict[str, Any]] = answer.get("Messages", [])
        return found

    def _delete(self, messages: Sequence[Mapping[str, Any]]) -> None:
        for start in range(0, len(messages), _BATCH):
            some = messages[start : start + _BATCH]
            entries = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(some)]
            with told(f"delete from the queue {self.url} what has landed", HINT):
                answer = self.client.delete_message_batch(QueueUrl=self.url, Entries=entries)
            if failed := answer.get("Failed"):
                raise ProviderError(
                    f"{len(failed)} messages of {self.url} have landed but could not be deleted: {failed[0].get('Message')}",
                    remedy="they come again and are recognised",
                )


def objects(bucket: Bucket) -> Take:
    """Understands S3's notifications, bare, within SNS or from EventBridge: the new objects they name are fetched."""

    def take(body: Any) -> Taken | None:
        message = unwrapped(body)
        if not isinstance(message, dict):
            return None
        if message.get("Event") == "s3:TestEvent":
            return Taken()
        named = _created(message)
        if named is None or any(name != bucket.name or not key.startswith(bucket.prefix) for name, key in named):
            return None
        return Taken(blobs=bucket.fetch([key for _, key in dict.fromkeys(named) if bucket.wanted(key)]))

    return take


def unwrapped(body: Any) -> Any:
    """What stands in an SNS envelope; the body itself where there is none."""
    if isinstance(body, dict) and body.get("Type") == "Notification" and isinstance(body.get("Message"), str):
        return _parsed(body["Message"])
    return body


def _created(message: Mapping[str, Any]) -> list[tuple[str, str]] | None:
    """Bucket and key of every new object; None for a message of another shape."""
    try:
        if message.get("source") == "aws.s3":  # EventBridge does not encode keys
            detail = message["detail"]
            created = message.get("detail-type") == "Object Created"
            return [(detail["bucket"]["name"], detail["object"]["key"])] if created else []
        records = message["Records"]
        if not isinstance(records, list) or any(r["eventSource"] != "aws:s3" for r in records):
            return None
        return [
            (r["s3"]["bucket"]["name"], unquote_plus(r["s3"]["object"]["key"]))
            for r in records
            if r["eventName"].removeprefix("s3:").startswith("ObjectCreated:")
        ]
    except (KeyError, TypeError, AttributeError):
        return None


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
