"""Webhooks of others, taken by a small slice that a test makes: believed once signed, with their effect once."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Request
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from standardwebhooks import Webhook

from api.kernel.idempotency import unkeyed
from api.kernel.permissions import public
from api.kernel.routing import Router
from api.kernel.transactions import Transaction
from api.kernel.webhooks import TOLERANCE, Message, Sender, signed, verify
from nexus.errors import ConflictError, NotFoundError
from nexus.events import Event
from nexus.ids import new_id
from nexus.signatures import SignatureError
from nexus.tenancy import Tenant
from tests.api.kernel import Kernel

OLD, NEW, OTHER = ("whsec_" + base64.b64encode(letter * 32).decode() for letter in (b"o", b"n", b"x"))
ORGANISATION = new_id("org")
router = Router(prefix="/v1/partners", dependencies=[public("the partner signs"), unkeyed("webhook-id tells")])
together = threading.Barrier(4)


class Heard(Event, type="partner.message.heard"):
    message_id: str


async def of_partner(partner: str, request: Request) -> Sender:
    if partner != "acme":
        raise NotFoundError("there is no such partner")
    return Sender("partners.acme", [OLD, NEW], Tenant(ORGANISATION))


@router.post("/{partner}/webhook")
async def hear(message: Annotated[Message, signed(of_partner)], session: Transaction) -> dict[str, Any]:
    said = message.json()
    if not message.is_repeated:
        session.record(Heard(message_id=message.id))
        await session.execute(text("select pg_sleep(:s)"), {"s": said.get("takes", 0)})
        if said.get("then") == "refuse":
            raise ConflictError("not now")
    return {"is_repeated": message.is_repeated}


@pytest.fixture(scope="module")
def heard(kernel: Kernel) -> Iterator[Kernel]:
    with kernel.offering(router):
        yield kernel


@pytest.fixture
def partner(heard: Kernel) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=heard.address, timeout=20) as client:
        yield client


def message(said: Any, secret: str = NEW, *, id: str | None = None, age: float = 0) -> dict[str, Any]:
    """Arguments of a request that the library of senders signs."""
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    id, at = id or new_id("msg"), datetime.now(UTC) - timedelta(seconds=age)
    headers = {
        "webhook-id": id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(id, at, body.decode("utf-8", "replace")),
    }
    return {"content": body, "headers": headers}


def post(client: httpx.Client, request: dict[str, Any], to: str = "acme") -> httpx.Response:
    return client.post(f"/v1/partners/{to}/webhook", **request)


def effects(kernel: Kernel, id: str) -> int:
    sql = (
        "select count(*) from app.events where type = 'partner.message.heard' and subject = %s and organisation_id = %s"
    )
    return int(kernel.sql(sql, id, ORGANISATION)[0][0])


def test_a_message_has_its_effect_once_for_the_tenant_of_its_sender(heard: Kernel, partner: httpx.Client) -> None:
    for secret in (OLD, NEW):
        request = message({"a": 1}, secret)
        assert post(partner, request).json() == {"is_repeated": False}
        assert post(partner, request).json() == {"is_repeated": True}
        assert effects(heard, request["headers"]["webhook-id"]) == 1


def test_one_of_several_signatures_is_enough(partner: httpx.Client) -> None:
    request = message({}, OTHER)
    mine = message({}, OLD, id=request["headers"]["webhook-id"])["headers"]["webhook-signature"]
    request["headers"]["webhook-signature"] += f" v1a,unknown {mine}"
    # a version that nobody knows here is passed over
    assert post(partner, request).status_code == 200


def test_what_is_refused_is_not_remembered(heard: Kernel, partner: httpx.Client) -> None:
    request = message({"then": "refuse"}, id=(id := new_id("msg")))
    assert post(partner, request).status_code == 409
    assert post(partner, message({}, id=id)).json() == {"is_repeated": False}
    assert effects(heard, id) == 1


def test_the_same_message_at_once_has_its_effect_once(heard: Kernel, partner: httpx.Client) -> None:
    request = message({"takes": 0.2})

    def send(_: int) -> bool:
        together.wait(20)
        return bool(post(partner, request).json()["is_repeated"])

    with ThreadPoolExecutor(4) as several:
        assert sorted(several.map(send, range(4))) == [False, True, True, True]
    assert effects(heard, request["headers"]["webhook-id"]) == 1


def _changed(**headers: str | None) -> dict[str, Any]:
    request = message({})
    request["headers"] |= headers
    request["headers"] = {name: value for name, value in request["headers"].items() if value is not None}
    return request


@pytest.mark.parametrize(
    ("request_", "detail"),
    [
        (lambda: message({}, OTHER), "does not belong to this body"),
        (lambda: {**message({}), "content": b'{"b": 1}'}, "does not belong to this body"),
        (lambda: message({}, age=TOLERANCE + 5), "too old, or in the future"),
        (lambda: message({}, age=-TOLERANCE - 5), "too old, or in the future"),
        (lambda: _changed(**{"webhook-id": None}), "is not signed"),
        (lambda: _changed(**{"webhook-id": "msg another"}), "is not signed"),
        (lambda: _changed(**{"webhook-id": "m" * 201}), "is not signed"),
        (lambda: _changed(**{"webhook-id": "msg_another"}), "does not belong"),
        (lambda: _changed(**{"webhook-timestamp": "nan"}), "is not signed"),
        (lambda: _changed(**{"webhook-timestamp": "1e9"}), "is not signed"),
        (lambda: _changed(**{"webhook-timestamp": None}), "is not signed"),
        (lambda: _changed(**{"webhook-signature": None}), "is not signed"),
        (lambda: _changed(**{"webhook-signature": "v1"}), "does not belong"),
        (lambda: _changed(**{"webhook-signature": "v1,%%%"}), "does not belong"),
        (lambda: _changed(**{"webhook-signature": "v1,=a,b c,d"}), "does not belong"),
        (lambda: message(b"\xff\xfe"), "does not belong"),
    ],
)
def test_what_is_not_signed_is_not_believed(partner: httpx.Client, request_: Any, detail: str) -> None:
    answer = post(partner, request_())
    assert (answer.status_code, answer.headers["content-type"]) == (403, "application/problem+json")
    assert detail in answer.json()["detail"]


def test_what_is_signed_and_no_json_is_told_so(partner: httpx.Client) -> None:
    answer = post(partner, message(b"{"))
    assert (answer.status_code, answer.json()["detail"]) == (422, "the body is not JSON")
    assert post(partner, message({}), to="nobody").status_code == 404


_WORDS = st.text(st.characters(codec="latin-1"), max_size=60)


@given(_WORDS, _WORDS, _WORDS, st.binary(max_size=60))
def test_whatever_is_sent_is_refused_in_one_way(id: str, stamp: str, signature: str, body: bytes) -> None:
    now = datetime.now(UTC).timestamp()
    for when in (stamp, str(int(now))):
        headers = {"webhook-id": id or "m", "webhook-timestamp": when, "webhook-signature": signature}
        with pytest.raises(SignatureError):
            verify(headers, body, [OLD], now)
