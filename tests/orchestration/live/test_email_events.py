"""E-mail live: SES from its queue and its bucket, Mailgun's events API page by page, options that do not fit."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from nexus.errors import InputError, ProviderError
from nexus.settings import Settings
from orchestration.live.connections import opened
from orchestration.live.landed import landed
from orchestration.live.pull import pull
from orchestration.live.spec import Span
from tests.orchestration.live.conftest import Connect

Aws = Callable[[str], Any]


def _ses(number: int) -> dict[str, Any]:
    mail = {"messageId": f"m{number}", "timestamp": "2026-10-08T08:53:20.000Z", "destination": ["é@x.example"]}
    return {"eventType": "Open", "mail": mail, "open": {"timestamp": "2026-10-08T10:00:00.123Z", "userAgent": "Mail"}}


def test_ses_by_queue_and_bucket_lands_once(settings: Settings, moto: str, connect: Connect, aws: Aws) -> None:
    s3, sqs = aws("s3"), aws("sqs")
    s3.create_bucket(Bucket="mail")
    url = sqs.create_queue(QueueName="mail")["QueueUrl"]
    wrapped = {"Type": "Notification", "MessageId": "x", "Message": json.dumps(_ses(2))}
    bridge = {"source": "aws.ses", "detail-type": "Email Opened", "detail": _ses(3)}
    greeting = {"Type": "Notification", "Message": "Successfully validated SNS topic for Amazon SES event publishing."}
    for body in (_ses(1), wrapped, bridge, greeting, wrapped, {"no": "event"}):
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps(body))
    # Firehose puts objects one behind the other, and gives its files no ending
    now = datetime.now(UTC)
    key = f"events/{now:%Y/%m/%d/%H}/mail-1-{now:%Y-%m-%d-%H-%M-%S}-0b1c"
    s3.put_object(Bucket="mail", Key=key, Body="".join(json.dumps(_ses(n)) for n in (1, 2, 3, 4)))
    connection = connect(
        "ses", source="email_events", provider="ses", bucket="mail", prefix="events/", queue_url=url,
        secrets={"secret_access_key": "secret"}, access_key_id="AKIDTEST", endpoint_url=moto,
    )  # fmt: skip
    report = pull(connection, settings)
    with pytest.raises(InputError, match=r"1 messages of .*/mail are no events of SES"):
        report.raise_failed()
    assert [(s.stream, s.counts.landed, s.counts.duplicate) for s in report.streams] == [
        ("queue", 3, 1),
        ("bucket", 1, 3),
    ]
    with landed(settings, connection) as ask:
        rows = ask("select message_id, recipient_email from raw_email_events__ses_event order by 1")
    assert rows == [(f"m{n}", "é@x.example") for n in (1, 2, 3, 4)]
    left = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessagesNotVisible"])
    assert left["Attributes"]["ApproximateNumberOfMessagesNotVisible"] == "1"


class Mailgun(httpx.BaseTransport):
    """The events API: pages of two, a link to the next one, an empty page at the end."""

    def __init__(self) -> None:
        self.events = [
            {"event": "delivered", "id": f"e{n}", "timestamp": 1_790_000_000.5 + n, "recipient": "a@x.example"}
            for n in range(5)
        ]
        self.asked: list[httpx.URL] = []
        self.host, self.fails_at = "https://api.mailgun.net", 99
        self.circles, self.answer = False, None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.params.get("limit") == "1":  # asked for the time, or for a permission
            return httpx.Response(200, json={"items": []}, request=request)
        self.asked.append(request.url)
        if len(self.asked) == self.fails_at:
            return httpx.Response(400, json={"message": "expired"}, request=request)
        if self.answer is not None:
            return httpx.Response(200, json=self.answer, request=request)
        start = int(request.url.path.rpartition("/")[2]) if "/events/" in request.url.path else 0
        following = f"{self.host}/v3/x.example/events/{start if self.circles else start + 2}"
        return httpx.Response(
            200, json={"items": self.events[start : start + 2], "paging": {"next": following}}, request=request
        )


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "it names itself as the page that follows"), ({"items": [{}]}, "it names no page that follows"),
        ({"items": {}}, "it is no list of events"), (["x"], "it is no list of events"), ({}, "it is no list of events"),
    ],
)  # fmt: skip
def test_mailgun_gives_a_page_that_leads_nowhere(
    settings: Settings, connect: Connect, answer: object, said: str
) -> None:
    connection = connect(
        "gun", source="email_events", provider="mailgun", domains=["x.example"], secrets={"api_key": "key-1"}
    )
    api = Mailgun()
    api.circles, api.answer = answer is None, answer
    with pytest.raises(ProviderError, match=said):
        pull(connection, settings, transport=api).raise_failed()
    assert len(api.asked) < 5


def test_mailgun_is_asked_page_by_page_and_goes_on_where_it_broke(settings: Settings, connect: Connect) -> None:
    connection = connect(
        "gun", source="email_events", provider="mailgun", domains=["x.example"], secrets={"api_key": "key-1"}
    )

    def known() -> list[str]:
        with landed(settings, connection) as ask:
            return [row[0] for row in ask("select mailgun_id from raw_email_events__mailgun_event order by 1")]

    api = Mailgun()
    api.fails_at = 3
    with pytest.raises(InputError, match=r"Mailgun answered 400 to GET /v3/x.example/events/4: expired"):
        pull(connection, settings, transport=api).raise_failed()
    assert known() == ["e0", "e1", "e2", "e3"]
    api.fails_at = 99
    pull(connection, settings, transport=api).raise_failed()
    assert known() == ["e0", "e1", "e2", "e3", "e4"]
    assert [url.path.rpartition("/")[2] for url in api.asked] == ["events", "2", "4", "4", "6"]

    # an event that appears late has a time before the last pull
    api.events.append({**api.events[0], "id": "late"})
    asked = len(api.asked)
    pull(connection, settings, transport=api).raise_failed()
    assert "late" in known()
    first, began = (float(api.asked[n].params["begin"]) for n in (asked, 0))
    assert first > began, "not everything is asked for again"
    assert float(api.asked[asked].params["end"]) - first >= 3600
    span = Span(datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC))
    pull(connection, settings, transport=api, span=span).raise_failed()

    # the link from which a broken pull would go on has expired
    api.fails_at = len(api.asked) + 3
    with pytest.raises(InputError):
        pull(connection, settings, transport=api).raise_failed()
    api.fails_at = len(api.asked) + 1
    pull(connection, settings, transport=api).raise_failed()
    assert "begin" in api.asked[api.fails_at].params

    api.host = "https://evil.example"
    pull(connection, settings, transport=api).raise_failed()
    assert {url.host for url in api.asked} == {"api.mailgun.net"}
    with opened(connection, api) as live:
        assert [(f.level, f.subject) for f in live.check()] == [("ok", "x.example")]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"provider": "ses"}, "nothing is configured"),
        ({"provider": "ses", "topic_arn": "arn:aws:sqs:eu-west-1:1:x"}, "must be the ARN of an SNS topic"),
        ({"provider": "sendgrid", "verification_key": "AAAA"}, "must be the verification key that SendGrid shows"),
        ({"provider": "sendgrid", "bucket": "b"}, "bucket: no option of sendgrid"),
        ({"provider": "mailgun", "domains": ["x"]}, "api_key and domains belong together"),
        ({"provider": "postmark", "webhook_user": "u"}, "belong together"),
        ({"provider": "smtp"}, "'ses', 'sendgrid', 'mailgun' or 'postmark'"),
    ],
)
def test_options_that_do_not_fit_are_refused(connect: Connect, options: dict[str, Any], said: str) -> None:
    connection = connect("mail", source="email_events", **options)
    with pytest.raises(InputError, match=said), opened(connection):
        pass
