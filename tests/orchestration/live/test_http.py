"""The client of live sources: how long it waits, by whose clock, and what it takes for no answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from nexus.errors import ProviderError
from orchestration.live.http import ATTEMPTS, MAX_WAIT, Client
from orchestration.live.oauth import ClientCredentials

#: The provider's clock; ours is somewhere else.
THERE = datetime(2031, 5, 4, 12, 0, 0, tzinfo=UTC)
Answers = Callable[..., Client]


def date(seconds: float) -> str:
    return format_datetime(THERE + timedelta(seconds=seconds), usegmt=True)


def epoch(seconds: float) -> str:
    return str(int(THERE.timestamp() + seconds))


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found: list[float] = []
    monkeypatch.setattr("time.sleep", found.append)
    return found


@pytest.fixture
def answers() -> Iterator[Answers]:
    """`answers(first, second, …)`: a client that gets those, and the last one from then on."""
    made: list[Client] = []

    def run(*given: httpx.Response, **options: object) -> Client:
        left = list(given)

        def answer(_: httpx.Request) -> httpx.Response:
            response = left.pop(0) if len(left) > 1 else left[0]
            return httpx.Response(response.status_code, headers=response.headers, content=response.content)

        client = Client("Shop", "https://shop.example", hint="", transport=httpx.MockTransport(answer), **options)  # type: ignore[arg-type]
        made.append(client)
        return client

    yield run
    for each in made:
        each.close()


GOOD = httpx.Response(200, json={"data": []})


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {"retry-after": "3"}, 3),
        (503, {"retry-after": "3"}, 3),
        (429, {"retry-after": date(5), "date": date(0)}, 5),
        (503, {"retry-after": date(5), "date": date(0)}, 5),
        (429, {"x-rate-limit-reset": epoch(5), "date": date(0)}, 5),
        (429, {"x-ratelimit-reset": epoch(40), "date": date(0)}, 40),
        (429, {"ratelimit-reset": "7"}, 7),
        (429, {"retry-after": "2", "x-rate-limit-reset": epoch(50), "date": date(0)}, 2),
    ],
)
def test_it_waits_as_long_as_it_is_asked_to_by_the_providers_clock(
    answers: Answers, slept: list[float], status: int, headers: dict[str, str], seconds: float
) -> None:
    client = answers(httpx.Response(status, headers=headers), GOOD)
    assert client.json("/things") == {"data": []}
    assert slept == [seconds]


def test_a_moment_that_has_passed_there_is_not_waited_for(answers: Answers, slept: list[float]) -> None:
    client = answers(httpx.Response(429, headers={"retry-after": date(-5), "date": date(0)}), GOOD)
    client.get("/things")
    assert len(slept) == 1
    assert slept[0] <= 1  # the client's own pause


@pytest.mark.parametrize("headers", [{"retry-after": "121"}, {"x-rate-limit-reset": epoch(121), "date": date(0)}])
def test_a_provider_that_asks_for_longer_is_left_alone(
    answers: Answers, slept: list[float], headers: dict[str, str]
) -> None:
    with pytest.raises(ProviderError, match="Shop asks to wait 121 s"):
        answers(httpx.Response(429, headers=headers), GOOD).get("/things")
    assert slept == []


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"x-rate-limit-remaining": "0", "x-rate-limit-reset": epoch(9), "date": date(0)}, [9]),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "4"}, [4]),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": epoch(900), "date": date(0)}, [MAX_WAIT]),
        ({"x-ratelimit-remaining": "1", "x-ratelimit-reset": epoch(900), "date": date(0)}, []),
    ],
)
def test_a_quota_is_not_overdrawn(
    answers: Answers, slept: list[float], headers: dict[str, str], seconds: list[float]
) -> None:
    answers(httpx.Response(200, json={}, headers=headers)).get("/things")
    assert slept == seconds


PAGE = httpx.Response(200, html="<html>maintenance till nine</html>")
HALF = httpx.Response(200, content=b'{"data"', headers={"content-type": "application/json"})


@pytest.mark.parametrize("answer", [PAGE, HALF, httpx.Response(200)])
@pytest.mark.parametrize("ask", [Client.json, Client.find, Client.get])
def test_what_is_no_json_is_no_answer(
    answers: Answers, slept: list[float], answer: httpx.Response, ask: Callable[[Client, str], object]
) -> None:
    assert ask(answers(answer, answer, GOOD), "/things?token=1")
    assert len(slept) == 2
    slept.clear()
    with pytest.raises(ProviderError) as caught:
        ask(answers(answer), "/things?token=1")
    kind = answer.headers.get("content-type", "of no type")
    assert caught.value.message == f"Shop gave no usable answer to GET /things: it is no whole JSON (200, {kind})"
    assert len(slept) == ATTEMPTS


def test_a_provider_that_does_not_speak_json_need_not(answers: Answers, slept: list[float]) -> None:
    assert answers(PAGE, is_json=False).get("/page").text == PAGE.text
    assert slept == []


def test_a_token_that_is_no_json_is_told(slept: list[float]) -> None:
    def ask() -> httpx.Request:
        return httpx.Request("POST", "https://shop.example/token")

    transport = httpx.MockTransport(lambda _: httpx.Response(200, html=PAGE.text))
    auth = ClientCredentials("Shop", ask, hint="")
    client = Client("Shop", "https://shop.example", hint="", auth=auth, transport=transport)
    with pytest.raises(ProviderError, match="Shop answered the request for a token without one"):
        client.json("/things")
    client.close()
