"""Webhooks over HTTP: who is believed, what is answered, that nothing lands twice, half or for somebody else."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from api.app import create_app
from api.sources import service
from nexus.connections import Connection, find, folder
from nexus.settings import Settings
from orchestration.live import grouping
from orchestration.live.landed import landed
from orchestration.live.receiving import Receiver
from orchestration.sources.email_events.webhook import SendGrid
from tests.api.running import running
from warehouse import ledger, pulls

TOPIC = "arn:aws:sns:eu-west-1:111122223333:mail"
SNS = "https://sns.eu-west-1.amazonaws.com"
KEY = ec.generate_private_key(ec.SECP256R1())
PUBLIC = base64.b64encode(KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
ADDRESS = "/v1/sources/email_events/webhook"


class Sns(httpx.BaseTransport):
    """SNS as far as a subscriber asks it: its certificate, and confirming."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(65537, 2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
        now = datetime.now(UTC)
        made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(self.key.public_key())
        made = made.serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=9))
        self.certificate = made.sign(self.key, SHA256()).public_bytes(Encoding.PEM)
        self.asked: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(str(request.url))
        content = self.certificate if request.url.path.endswith(".pem") else b"<ConfirmSubscriptionResponse/>"
        return httpx.Response(200, content=content, request=request)

    def signed(self, version: str = "2", **fields: Any) -> dict[str, Any]:
        message = {
            "Type": "Notification", "MessageId": "m1", "TopicArn": TOPIC, "Timestamp": "2026-10-08T08:53:20.000Z",
            "SignatureVersion": version, "SigningCertURL": f"{SNS}/SimpleNotificationService-0123456789abcdef.pem", **fields,
        }  # fmt: skip
        names = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
        text = "".join(f"{n}\n{message[n]}\n" for n in names if n in message)
        digest = SHA1() if version == "1" else SHA256()
        signature = self.key.sign(text.encode(), padding.PKCS1v15(), digest)
        return {**message, "Signature": base64.b64encode(signature).decode()}


@pytest.fixture
def sns() -> Sns:
    return Sns()


@pytest.fixture
def home(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Two workspaces; providers of the first post to it."""
    monkeypatch.setenv("SIGNING", "mailgun-key")
    monkeypatch.setenv("PASSWORD", "pass word")
    common = {"source": "email_events"}
    connections = {
        "grid": {**common, "provider": "sendgrid", "verification_key": PUBLIC},
        "gun": {**common, "provider": "mailgun", "signing_key": "env:SIGNING"},
        "mark": {**common, "provider": "postmark", "webhook_user": "nexus", "webhook_password": "env:PASSWORD"},
        "ses": {**common, "provider": "ses", "topic_arn": TOPIC},
        "queue": {**common, "provider": "ses", "queue_url": "http://127.0.0.1:1/q"},
    }
    folder(settings).mkdir(parents=True)
    (folder(settings) / "acme.yml").write_text(yaml.safe_dump(connections))
    (folder(settings) / "other.yml").write_text("{}")
    return settings.model_copy(update={"webhook_hosts": "hooks.example"})


@pytest.fixture
def client(home: Settings, sns: Sns, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    """A caller from elsewhere, by way of the public name."""
    monkeypatch.setattr(service, "PATIENCE", 600)  # a busy machine is no failure
    app = create_app(home)
    app.state.webhooks.receiver = Receiver(home, sns)
    with (
        running(app) as address,
        httpx.Client(base_url=address, headers={"Host": "hooks.example"}, timeout=600) as caller,
    ):
        yield caller


def _to(client: httpx.Client, name: str, body: bytes | Any, workspace: str = "acme", **headers: str) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    query = {"workspace": workspace, "connection": name}
    return client.post(ADDRESS, params=query, content=content, headers=headers)


def _by_sendgrid(body: bytes | Any, age: float = 0) -> dict[str, Any]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    stamp = str(int(time.time() - age))
    signature = base64.b64encode(KEY.sign(stamp.encode() + content, ec.ECDSA(SHA256()))).decode()
    name = "X-Twilio-Email-Event-Webhook-"
    return {"body": content, f"{name}Signature": signature, f"{name}Timestamp": stamp}


def _event(number: int, **more: Any) -> dict[str, Any]:
    return {"sg_event_id": f"ev{number}", "event": "open", "email": "a@shop.example", "timestamp": 1760000000, **more}


def _rows(home: Settings, table: str, columns: str = "id") -> list[tuple[Any, ...]]:
    connection: Connection = find(home, "acme", "grid")
    with landed(home, connection) as ask:
        return ask(f"select {columns} from raw_email_events__{table} order by 1")


def test_sendgrid_is_believed_by_its_signature_alone(client: httpx.Client, home: Settings) -> None:
    post = _by_sendgrid([_event(1), _event(2)])
    first, again = _to(client, "grid", **post), _to(client, "grid", **post)
    assert (first.status_code, first.json()) == (200, {"read": 2, "landed": 2, "duplicate": 0, "quarantined": 0})
    assert again.json() == {"read": 2, "landed": 0, "duplicate": 2, "quarantined": 0}
    within = _to(client, "grid", **_by_sendgrid([_event(2), _event(3), {**_event(4), "timestamp": "when?"}]))
    assert within.json() == {"read": 3, "landed": 1, "duplicate": 1, "quarantined": 1}

    refused = [
        {**post, "body": post["body"] + b" "},
        {"body": post["body"]},
        {**post, "X-Twilio-Email-Event-Webhook-Signature": "no base 64"},
        _by_sendgrid([_event(5)], age=26 * 3600),
        _by_sendgrid([_event(5)], age=-600),
    ]
    assert [_to(client, "grid", **each).status_code for each in refused] == [403] * len(refused)
    assert _to(client, "grid", **_by_sendgrid(b"no json")).status_code == 422
    assert _to(client, "grid", **_by_sendgrid([1])).status_code == 422
    assert _to(client, "grid", **_by_sendgrid([])).json()["read"] == 0
    assert _to(client, "grid", b"x" * 1_000_001).status_code == 413
    assert _rows(home, "sendgrid_event") == [("ev1",), ("ev2",), ("ev3",)]
    with ledger.connect(home) as book:
        (state,) = pulls.states(book)
    assert (state.stream, state.counts.read, state.counts.landed) == ("webhook", 7, 3)


def test_a_post_that_sendgrid_itself_published() -> None:
    payload = b'[{"email":"hello@world.com","event":"dropped","reason":"Bounced Address","sg_event_id":"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA",\
"sg_message_id":"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0","smtp-id":"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>","timestamp":1600112492}]\r\n'
    key = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g=="
    headers = {
        "x-twilio-email-event-webhook-signature": "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM=",
        "x-twilio-email-event-webhook-timestamp": "1600112502",
    }
    assert len(SendGrid(key, clock=lambda: 1600112600.0).accept(headers, payload).documents) == 1


def test_what_does_not_exist_is_not_told_apart(client: httpx.Client, home: Settings) -> None:
    def told(path: str = ADDRESS, **query: str) -> dict[str, Any]:
        response = client.post(path, params=query, content=b"[]")
        assert response.status_code == 404
        return {**response.json(), "instance": "", "trace_id": ""}

    unknown = told(workspace="acme", connection="absent")
    assert told(workspace="nobody", connection="grid") == unknown
    assert told(workspace="other", connection="grid") == unknown
    assert told(workspace="acme", connection="queue") == unknown, "configured for no webhook"
    assert told("/v1/sources/stripe/webhook", workspace="acme", connection="grid") == unknown
    assert told("/v1/sources/nothing/webhook", workspace="acme", connection="grid") == unknown
    assert client.post(ADDRESS, params={"workspace": "../acme", "connection": "grid"}).status_code == 422

    # under the public name nothing but webhooks; under another name not even those
    assert client.get("/v1/models").status_code == 403
    assert client.get("/healthz").status_code == 403
    assert client.get(ADDRESS).status_code == 403
    assert client.post(ADDRESS, headers={"Host": "evil.example"}).status_code == 403
    (folder(home) / "acme.yml").write_text("grid: {source: email_events, provider: sendgrid, verification_key: oops}")
    broken = _to(client, "grid", **_by_sendgrid([_event(1)]))
    assert (broken.status_code, "acme" in broken.text, "oops" in broken.text) == (503, False, False)


def test_sns_is_believed_by_its_own_certificate_and_asked_nowhere_else(
    client: httpx.Client, home: Settings, sns: Sns
) -> None:
    event = {"eventType": "Open", "mail": {"messageId": "m-1", "timestamp": "2026-10-08T08:53:20Z", "destination": ["r@x.example"]},
             "open": {"timestamp": "2026-10-08T10:00:00.123Z", "userAgent": "Mail"}}  # fmt: skip
    confirm = sns.signed(
        Type="SubscriptionConfirmation", Message="You have chosen …", Token="tok", SubscribeURL="https://evil.example/",
    )  # fmt: skip
    assert _to(client, "ses", confirm).json()["read"] == 0
    assert sns.asked == [
        f"{SNS}/SimpleNotificationService-0123456789abcdef.pem",
        f"{SNS}/?Action=ConfirmSubscription&TopicArn=arn%3Aaws%3Asns%3Aeu-west-1%3A111122223333%3Amail&Token=tok",
    ]
    posts = [sns.signed(v, Message=json.dumps(event), **more) for v, more in (("1", {}), ("2", {"Subject": "Hello"}))]
    assert [_to(client, "ses", post).json()["landed"] for post in posts] == [1, 0], "the same event, posted twice"
    assert _rows(home, "ses_event", "message_id, event_type, recipient_email") == [("m-1", "Open", "r@x.example")]
    assert _to(client, "ses", sns.signed(Message="Successfully validated SNS topic")).json()["read"] == 0

    asked = len(sns.asked)
    stranger = Sns()
    path = "/SimpleNotificationService-0123456789abcdef.pem"
    urls = [
        f"https://sns.eu-west-1.amazonaws.com.evil.example{path}", f"http://sns.eu-west-1.amazonaws.com{path}",
        f"https://sns.eu-west-1.amazonaws.com@evil.example{path}", f"https://sns.us-east-1.amazonaws.com{path}",
        f"{SNS}:8443{path}", f"{SNS}/other.pem", "http://169.254.169.254/latest", "no url",
    ]  # fmt: skip
    refused = [sns.signed(Message=json.dumps(event), SigningCertURL=url) for url in urls]
    refused += [
        stranger.signed(Message=json.dumps(event)),
        {**posts[1], "Message": "{}"},
        {"Type": "Notification"},
        [1],
    ]
    refused += [sns.signed(Message="{}", TopicArn=TOPIC + "2"), {**posts[1], "SignatureVersion": "3"}]
    assert [_to(client, "ses", each).status_code for each in refused] == [403] * len(refused)
    assert len(sns.asked) == asked


def test_a_token_of_mailgun_stands_for_one_body(client: httpx.Client, home: Settings) -> None:
    def post(token: str, number: int, age: float = 0, key: str = "mailgun-key") -> dict[str, Any]:
        stamp = str(int(time.time() - age))
        signature = hmac.new(key.encode(), (stamp + token).encode(), hashlib.sha256).hexdigest()
        return {
            "signature": {"timestamp": stamp, "token": token, "signature": signature},
            "event-data": {"event": "opened", "id": f"e{number}", "timestamp": 1760000000.25, "recipient": "a@shop.example",
                           "message": {"headers": {"message-id": "m1"}}},
        }  # fmt: skip

    first = post("t1", 1)
    assert _to(client, "gun", first).json()["landed"] == 1
    assert _to(client, "gun", first).json()["duplicate"] == 1
    forged = {**post("t1", 2), "signature": first["signature"]}
    assert _to(client, "gun", forged).status_code == 403
    # nothing stands between stamp and token: the beginning of a token must not pass for the end of a stamp
    split = post("e0ab", 5)
    assert _to(client, "gun", split).json()["landed"] == 1
    stamp = split["signature"]["timestamp"] + "e0"
    again = {**post("ab", 6), "signature": {**split["signature"], "timestamp": stamp, "token": "ab"}}
    assert _to(client, "gun", again).status_code == 403
    for refused in (post("t2", 3, key="wrong"), post("t3", 4, age=26 * 3600), {"event-data": {}}, [1], b"no json"):
        assert _to(client, "gun", refused).status_code == 403
    at = datetime(2025, 10, 9, 8, 53, 20, 250000)
    assert sorted(_rows(home, "mailgun_event", "id, event_at")) == [("2025-10-09/e1", at), ("2025-10-09/e5", at)]

    delivery = {
        "RecordType": "Delivery",
        "MessageID": "p1",
        "Recipient": "b@shop.example",
        "DeliveredAt": "2026-01-05T10:00:00Z",
    }
    right = "Basic " + base64.b64encode(b"nexus:pass word").decode()
    assert [_to(client, "mark", delivery, Authorization=right).json()["landed"] for _ in range(2)] == [1, 0]
    assert _to(client, "mark", delivery, Authorization=right[:-4]).status_code == 403
    assert _to(client, "mark", delivery).status_code == 403


def test_a_secret_that_its_file_changes_is_the_next_deliverys(client: httpx.Client, home: Settings) -> None:
    secret = home.home / "postmark"
    secret.write_text("before\n")
    options = f"{{source: email_events, provider: postmark, webhook_user: nexus, webhook_password: 'file:{secret}'}}"
    (folder(home) / "acme.yml").write_text(f"mark: {options}\n")
    delivery = {"RecordType": "Delivery", "MessageID": "p1", "Recipient": "b@shop.example"}

    def answered(password: str) -> int:
        proof = base64.b64encode(f"nexus:{password}".encode()).decode()
        return _to(client, "mark", delivery, Authorization=f"Basic {proof}").status_code

    assert (answered("before"), answered("after1")) == (200, 403)
    secret.write_text("after1\n")
    assert (answered("before"), answered("after1")) == (403, 200), "written in place"
    scratch = home.home / "postmark.new"
    scratch.write_text("after2\n")
    scratch.replace(secret)
    assert (answered("after1"), answered("after2")) == (403, 200), "put in its place"
    secret.unlink()
    assert answered("after2") == 503, "no file, nobody to believe"
    secret.write_text("after3\n")
    assert answered("after3") == 200


def test_what_arrives_together_lands_together(
    client: httpx.Client, home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grouping, "GATHER", 60)
    monkeypatch.setattr(grouping, "MOST", 8)  # the group is full before the time is over
    # a type that changes in more than half of at least twenty values lands nothing of its delivery
    poison = [{**_event(1000 + n), "timestamp": "when?"} for n in range(60)]
    bodies: list[Any] = [[_event(10 * n), _event(10 * n + 1)] for n in range(7)] + [poison]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda body: _to(client, "grid", **_by_sendgrid(body)), bodies))
    assert [a.status_code for a in answers] == [200] * 7 + [422]
    assert all(a.json() == {"read": 2, "landed": 2, "duplicate": 0, "quarantined": 0} for a in answers[:7])
    assert len(_rows(home, "sendgrid_event")) == 14

    with ThreadPoolExecutor(8) as pool:
        bodies = [[_event(5000 + n)] for n in range(8)]
        assert {a.status_code for a in pool.map(lambda b: _to(client, "grid", **_by_sendgrid(b)), bodies)} == {200}
    with ledger.connect(home) as book:
        batches = [b["landed_count"] for b in ledger.batches(book) if b["status"] == "landed"]
    assert batches[0] == 8

    land: Callable[..., Any] = grouping.land

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(grouping, "GATHER", 0.01)
    monkeypatch.setattr(grouping, "land", full)
    failed = _to(client, "grid", **_by_sendgrid([_event(9000)]))
    assert (failed.status_code, "space" in failed.text) == (503, False)
    monkeypatch.setattr(grouping, "land", land)
    assert _to(client, "grid", **_by_sendgrid([_event(9000)])).json()["landed"] == 1
