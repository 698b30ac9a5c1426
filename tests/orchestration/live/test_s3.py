"""S3 live against moto's server: late objects, broken listings, notifications, inventories, refusals."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, ResponseStreamingError
from botocore.response import StreamingBody

from nexus.connections import Connection
from nexus.errors import InputError, ProviderError
from nexus.settings import Settings
from orchestration.live import bucket, queue
from orchestration.live.aws import told
from orchestration.live.bucket import Bucket, file_name
from orchestration.live.connections import opened
from orchestration.live.landed import landed
from orchestration.live.pull import pull
from orchestration.live.spec import Span
from tests.orchestration.live.conftest import Connect
from warehouse import ledger, pulls, quarantine

NOW = datetime.now(UTC)
Aws = Callable[[str], Any]


def line(number: int) -> str:
    return (
        f"ownerid my-files [{NOW:%d/%b/%Y:%H:%M:%S} +0000] 203.0.113.9 arn:aws:iam::1:user/u REQ{number} REST.GET.OBJECT "
        f'f{number}.txt "GET /f{number}.txt HTTP/1.1" 200 - 10 10 5 4 "-" "curl/8" -\n'
    )


def key(day: datetime, number: int) -> str:
    return f"access/{day:%Y-%m-%d-%H-%M-%S}-{number:016X}"


@pytest.fixture
def s3(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "4")  # pages of four
    client = aws("s3")
    client.create_bucket(Bucket="logs")
    return client


@pytest.fixture
def connection(moto: str, connect: Connect) -> Connection:
    return connect(
        "s3", secrets={"secret_access_key": "secret"}, access_key_id="AKIDTEST", endpoint_url=moto, bucket="logs",
        prefix="access/",
    )  # fmt: skip


class News:
    """A queue that is told of new objects of the bucket `logs`."""

    def __init__(self, sqs: Any) -> None:
        self.url: str = sqs.create_queue(QueueName="news")["QueueUrl"]
        self._sqs = sqs

    def send(self, body: Any) -> None:
        text = body if isinstance(body, str) else json.dumps(body)
        self._sqs.send_message(QueueUrl=self.url, MessageBody=text)

    def waiting(self) -> int:
        """Messages that are left, those included that somebody has received."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self._sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return sum(map(int, found.values()))


def created(key: str, bucket: str = "logs", name: str = "ObjectCreated:Put") -> dict[str, Any]:
    """What S3 says of an object."""
    return {"Records": [{"eventSource": "aws:s3", "eventName": name,
                         "s3": {"bucket": {"name": bucket}, "object": {"key": key}}}]}  # fmt: skip


@pytest.fixture
def news(aws: Aws, s3: Any) -> News:
    return News(aws("sqs"))


@pytest.fixture
def listening(moto: str, connect: Connect, news: News) -> Connection:
    """A connection that hears of new objects from the queue."""
    return connect(
        "s3", secrets={"secret_access_key": "secret"}, access_key_id="AKIDTEST", endpoint_url=moto, bucket="logs",
        prefix="access/", queue_url=news.url, streams=["queue"],
    )  # fmt: skip


def _requests(settings: Settings, connection: Connection) -> set[int]:
    with landed(settings, connection) as ask:
        return {int(row[0][3:]) for row in ask("select request_id from raw_s3__access_log")}


def _age(settings: Settings, connection: Connection, stream: str, **hours: float) -> None:
    """Moves moments of a stream's cursor into the past."""
    with ledger.connect(settings) as book:
        cursor = pulls.cursor(book, connection.workspace, connection.name, stream)
        for name, count in hours.items():
            cursor[name] = (datetime.fromisoformat(cursor[name]) - timedelta(hours=count)).isoformat()
        pulls.advance(book, connection.workspace, connection.name, stream, connection.source, cursor)


def test_listing_finds_late_objects_and_reads_no_object_twice_without_need(
    settings: Settings, connection: Connection, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(10):
        s3.put_object(Bucket="logs", Key=key(NOW - timedelta(hours=number), number), Body=line(number))
    s3.put_object(Bucket="logs", Key="access/folder/", Body=b"")
    s3.put_object(Bucket="logs", Key="access/readme.pdf", Body=b"no log")
    first = pull(connection, settings)
    first.raise_failed()
    assert (_requests(settings, connection), first.total.quarantined) == (set(range(10)), 0)

    # a name of yesterday lies in the window; one of 2020, and one without a date, only a whole listing finds
    s3.put_object(Bucket="logs", Key=key(NOW - timedelta(days=1), 10), Body=line(10))
    s3.put_object(Bucket="logs", Key=key(datetime(2020, 1, 1), 11), Body=line(11))
    s3.put_object(Bucket="logs", Key="access/0/own.log", Body=line(12))
    pull(connection, settings).raise_failed()
    assert _requests(settings, connection) == set(range(11))

    fetched: list[str] = []
    fetch = Bucket.fetch
    monkeypatch.setattr(Bucket, "fetch", lambda self, keys: fetched.extend(keys) or fetch(self, keys))
    _age(settings, connection, "access_log", whole=25)
    _age(settings, connection, "access_log", seen=-0.5)  # as if all of them were listed half an hour before
    pull(connection, settings).raise_failed()
    assert _requests(settings, connection) == set(range(13))
    assert sorted(fetched) == ["access/0/own.log", key(datetime(2020, 1, 1), 11)]

    fetched.clear()
    _age(settings, connection, "access_log", seen=-0.5)
    pull(connection, settings).raise_failed()
    assert fetched == []


def test_an_object_that_nobody_can_read_keeps_no_other_from_landing(
    settings: Settings, connection: Connection, s3: Any
) -> None:
    for number in range(3):
        s3.put_object(Bucket="logs", Key=f"access/{number}.log", Body=line(number))
    s3.put_object(Bucket="logs", Key="access/1x.log", Body=b"%PDF-1.4 no log")
    first = pull(connection, settings)
    first.raise_failed()
    assert (first.total.landed, first.total.quarantined) == (3, 1)
    (row,) = quarantine.read(settings).to_dicts()
    assert row["source_file"].endswith("access/1x.log")
    assert row["reason"] == "the file is a PDF document, not a text file"
    s3.put_object(Bucket="logs", Key="access/9.log", Body=line(9))
    pull(connection, settings).raise_failed()
    assert _requests(settings, connection) == {0, 1, 2, 9}


def test_a_listing_that_breaks_off_goes_on_and_a_span_is_read_alone(
    settings: Settings, connection: Connection, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(10):
        partitioned = f"access/123456789012/eu-west-1/my-files/{NOW - timedelta(days=9 * number):%Y/%m/%d}/{number}.log"
        s3.put_object(Bucket="logs", Key=partitioned, Body=line(number))
    now = Span(NOW - timedelta(days=1), NOW + timedelta(days=1))
    assert [s.counts.landed for s in pull(connection, settings, span=now).streams] == [1]

    read = Bucket.read
    asked: list[str] = []

    def fails(self: Bucket, key: str) -> bytes | None:
        asked.append(key)
        if len(asked) > 6:
            with told("read", ""):
                raise ClientError({"Error": {"Code": "SlowDown"}, "ResponseMetadata": {"HTTPStatusCode": 503}}, "Get")
        return read(self, key)

    monkeypatch.setattr(Bucket, "read", fails)
    with pytest.raises(ProviderError, match="SlowDown"):
        pull(connection, settings).raise_failed()
    assert len(_requests(settings, connection)) == 5  # the first page of four, and what the span brought
    asked.clear()
    monkeypatch.setattr(Bucket, "read", lambda self, key: asked.append(key) or read(self, key))
    pull(connection, settings).raise_failed()
    assert _requests(settings, connection) == set(range(10))
    assert len(asked) == 6  # the landed page is not asked for again


def test_notifications_are_deleted_once_landed_and_others_are_left(
    settings: Settings, listening: Connection, news: News, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, name in enumerate(["access/a b.log", "access/c.log", "access/d.log"]):
        s3.put_object(Bucket="logs", Key=name, Body=line(number))
    bodies = [
        created("access/a+b.log"),
        {"Type": "Notification", "Message": json.dumps(created("access/c.log"))},
        {"source": "aws.s3", "detail-type": "Object Created",
         "detail": {"bucket": {"name": "logs"}, "object": {"key": "access/d.log"}}},
        {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "logs"},
        created("access/gone.log"),
        created("access/a+b.log", name="ObjectRemoved:Delete"),
        created("elsewhere/x.log"),
        created("access/x.log", bucket="another"),
        {"hello": 1},
    ]  # fmt: skip
    for body in (*bodies, "no json"):
        news.send(body)

    def dies(step: str) -> None:
        if step == "written":
            raise KeyboardInterrupt

    monkeypatch.setattr(queue, "_HIDDEN", 1)
    monkeypatch.setattr(queue, "_MOST", 10)  # they come back after a second
    with pytest.raises(KeyboardInterrupt):
        pull(listening, settings, checkpoint=dies)
    assert (news.waiting(), _requests(settings, listening)) == (10, set())
    monkeypatch.setattr(queue, "_HIDDEN", 900)
    report = _until_landed(listening, settings)
    with pytest.raises(InputError, match=r"4 messages of .*/news are no notifications of this bucket and prefix"):
        report.raise_failed()
    assert (news.waiting(), _requests(settings, listening)) == (4, {0, 1, 2})


def test_a_message_that_cannot_be_followed_keeps_no_other_from_landing(
    settings: Settings, listening: Connection, news: News, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket, "_LARGEST", 1000)
    s3.put_object(Bucket="logs", Key="access/big.log", Body=line(9) * 50)
    for number in range(5):
        s3.put_object(Bucket="logs", Key=f"access/{number}.log", Body=line(number))
    for name in ("0", "1", "big", "2", "3", "4"):
        news.send(created(f"access/{name}.log"))
    report = pull(listening, settings)
    assert _requests(settings, listening) == set(range(5))
    with pytest.raises(
        InputError, match=r"1 messages of .*/news could not be followed .*big.log is larger than"
    ) as told_of:
        report.raise_failed()
    assert "nexus ingest" in (told_of.value.remedy or "")
    assert news.waiting() == 1


def test_where_nothing_of_a_queue_can_be_read_the_rest_is_not_received(
    settings: Settings, listening: Connection, news: News, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "_TOGETHER", 1)

    def denied(self: Bucket, keys: Any) -> Any:
        raise InputError("AWS refused to read it")

    monkeypatch.setattr(Bucket, "fetch", denied)
    for _ in range(15):
        news.send(created("access/0.log"))
    with pytest.raises(InputError, match=r"10 messages of .* could not be followed"):
        pull(listening, settings).raise_failed()


def test_a_body_that_breaks_off_is_asked_for_again(
    settings: Settings, connection: Connection, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.put_object(Bucket="logs", Key="access/0.log", Body=line(0))
    read = StreamingBody.read
    left = [3]
    slept: list[float] = []

    def breaks(self: StreamingBody, amt: int | None = None) -> bytes:
        if left[0]:
            left[0] -= 1
            raise ResponseStreamingError(error="the connection was reset")
        return bytes(read(self, amt))

    monkeypatch.setattr(StreamingBody, "read", breaks)
    monkeypatch.setattr(bucket.time, "sleep", slept.append)
    pull(connection, settings).raise_failed()
    assert (_requests(settings, connection), len(slept)) == ({0}, 3)
    left[0] = 99
    s3.delete_object(Bucket="logs", Key="access/0.log")
    s3.put_object(Bucket="logs", Key="access/1.log", Body=line(1))
    with pytest.raises(ProviderError, match="the connection was reset"):
        pull(connection, settings).raise_failed()
    assert left[0] == 95


def _until_landed(connection: Connection, settings: Settings) -> Any:
    """Pulls until hidden messages have come back."""
    while True:
        report = pull(connection, settings)
        if report.total.read:
            return report


def test_an_inventory_lands_by_its_manifest(
    settings: Settings, moto: str, connect: Connect, s3: Any, connection: Connection
) -> None:
    connection = connect(
        "s3", secrets={"secret_access_key": "secret"}, access_key_id="AKIDTEST", endpoint_url=moto, bucket="logs",
        inventory_prefix="inventories/",
    )  # fmt: skip
    row = '"my-files","a%20b.txt","10","2026-01-01T00:00:00.000Z","etag","STANDARD"\n'
    data = gzip.compress((row + row.replace("a%20b", "c")).encode(), mtime=0)
    s3.put_object(Bucket="logs", Key="inventories/my-files/all/data/0a.csv.gz", Body=data)

    def manifest(day: str, md5: str, schema: str) -> None:
        body = json.dumps({
            "sourceBucket": "my-files", "fileFormat": "CSV", "fileSchema": schema,
            "files": [{"key": "inventories/my-files/all/data/0a.csv.gz", "size": len(data), "MD5checksum": md5}],
        }).encode()  # fmt: skip
        folder = f"inventories/my-files/all/{day}T01-00Z"
        s3.put_object(Bucket="logs", Key=f"{folder}/manifest.json", Body=body)
        s3.put_object(Bucket="logs", Key=f"{folder}/manifest.checksum", Body=hashlib.md5(body).hexdigest())

    fields = "Bucket, Key, Size, LastModifiedDate, ETag, StorageClass"
    good = hashlib.md5(data).hexdigest()
    days = [f"{NOW - timedelta(days=n):%Y-%m-%d}" for n in (2, 1, 0)]
    for day in days[:2]:  # nothing has changed in between
        manifest(day, good, fields)
    pull(connection, settings).raise_failed()
    with landed(settings, connection) as ask:
        rows = ask("select cast(snapshot_date as varchar), object_key from raw_s3__inventory order by 1, 2")
    assert rows == [(d, k) for d in days[:2] for k in ("a b.txt", "c.txt")]

    manifest(days[2], "0" * 32, fields)
    with pytest.raises(ProviderError, match="does not have the MD5 that the manifest names"):
        pull(connection, settings).raise_failed()
    manifest(days[2], good, "Bucket, Key, ETag")
    with pytest.raises(InputError, match="the inventory has the fields Bucket, Key, ETag"):
        pull(connection, settings).raise_failed()


class _MayNotReceive:
    """A client of SQS whose account may look at a queue, and no more."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def receive_message(self, **_: Any) -> None:
        denied = {"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
        raise ClientError(denied, "ReceiveMessage")


def test_a_queue_that_may_only_be_looked_at_is_said(aws: Aws) -> None:
    url = News(aws("sqs")).url
    (found,) = queue.Queue(_MayNotReceive(aws("sqs")), url, lambda _: None, "").check()
    assert (found.level, found.message) == (
        "fail", f"AWS refused to read the queue {url}: access is denied (AccessDenied)"
    )  # fmt: skip


def test_what_is_missing_is_said(moto: str, connect: Connect, aws: Aws, s3: Any, connection: Connection) -> None:
    def findings(**options: Any) -> list[str]:
        made = connect(
            "s3", secrets={"secret_access_key": "secret"}, access_key_id="AKIDTEST", endpoint_url=moto, **options
        )
        with opened(made) as live:
            return [f"{f.level} {f.message}" for f in live.check()]

    assert findings(bucket="absent", prefix="a/") == [
        "fail AWS refused to list s3://absent/a/: there is no such bucket (NoSuchBucket)"
    ]
    queue_url = f"{moto}/123456789012/absent"
    empty, missing = findings(bucket="logs", prefix="access/", queue_url=queue_url)
    assert empty == "warn may be listed; 0 of the first 0 objects can be read"
    assert missing.startswith(f"fail AWS refused to look at the queue {queue_url}: there is no such queue")
    news = News(aws("sqs"))
    news.send("{}")
    for _ in range(2):  # the look hides nothing
        assert findings(bucket="logs", prefix="access/", queue_url=news.url)[1] == (
            "ok may be read; about 1 messages wait; deleting was not tried"
        )
    s3.put_object(Bucket="logs", Key="access/a.log", Body=line(1))
    assert findings(bucket="logs", prefix="access/") == [
        "ok may be listed and read; 1 of the first 1 objects can be read"
    ]
    with pytest.raises(InputError, match="give prefix"):
        findings(bucket="logs")
    denied = ClientError({"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": 403}}, "GetObject")
    with (
        pytest.raises(InputError, match="AWS refused to read x: access is denied") as caught,
        told("read x", "a policy"),
    ):
        raise denied
    assert caught.value.remedy == "a policy"


def test_no_key_leaves_the_spool_or_is_hidden_in_it() -> None:
    names = [file_name(k) for k in ("a/../../b", "/a", ".hidden/x", "a//b", "a/b", "ü" * 300)]
    assert len(set(names)) == len(names)
    for name in names:
        assert all(part and not part.startswith(".") and len(part.encode()) < 256 for part in name.split("/"))
