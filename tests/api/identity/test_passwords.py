"""Passwords: which are refused, who is asked about them, and that comparing them holds nobody up."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from argon2 import extract_parameters
from hypothesis import given, settings
from hypothesis import strategies as st

from api.identity.passwords import BusyError, Passwords, WeakPasswordError, _of_nobody
from nexus.settings import Settings
from tests.api.identity.people import OTHER, PASSWORD, hash_of

ABOUT = ["ada.lovelock@people.example", "Ada Lovelock"]


def check(password: str, **said: Any) -> None:
    asyncio.run(Passwords(Settings(**said)).check_new(password, ABOUT))


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("", "has 0 characters"),
        ("fourteen chars", "has 14 characters"),
        ("x" * 257, "has 257 characters"),
        ("qwertyuiopasdfgh", "easy to guess"),
        ("passwordpassword", "easy to guess"),
        ("P@ssw0rd!P@ssw0rd!", "easy to guess"),
        ("aaaaaaaaaaaaaaaaaaaa", "easy to guess"),
        ("ada.lovelock@people.example", "easy to guess"),
        ("AdaLovelock2026", "easy to guess"),
        ("Nexus2026Nexus2026", "easy to guess"),
        ("abcdefghijklmnopqrst", "easy to guess"),
        ("a password with \x07 bell", "control character"),
    ],
)
def test_refused(password: str, said: str) -> None:
    with pytest.raises(WeakPasswordError, match=said) as caught:
        check(password)
    assert password not in str(caught.value) or not password


@pytest.mark.parametrize(
    "password", [PASSWORD, OTHER, "gelbe Züge fahren sonntags", "ĉiuj birdoj kantas nokte", "g7Kq-pw3R-xx01-mmHt"]
)
def test_taken(password: str) -> None:
    check(password)


@pytest.mark.parametrize("password", ["123456789", "football1", "PASSWORD"])
def test_what_everybody_tries_first_is_refused_even_where_short_ones_may_be(password: str) -> None:
    with pytest.raises(WeakPasswordError, match="tried first"):
        check(password, password_least=8)


@pytest.fixture(scope="module")
def published() -> Iterator[tuple[str, list[str]]]:
    """A service of the form of Have I Been Pwned's range API that knows one password; and what it was asked."""
    asked: list[str] = []
    known = hashlib.sha1(PASSWORD.encode()).hexdigest().upper()

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            if self.path.startswith("/broken/"):
                self.send_error(500)
                return
            lines = ["0018A45C4D1DEF81644B54AB7F969B88D65:0"]
            lines += [f"{known[5:]}:12"] if self.path == f"/range/{known[:5]}" else []
            self.send_response(200)
            self.end_headers()
            self.wfile.write("\r\n".join(lines).encode())

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def test_a_service_is_told_five_digits_and_no_more(published: tuple[str, list[str]]) -> None:
    url, asked = published
    with pytest.raises(WeakPasswordError, match="published in a breach"):
        check(PASSWORD, breached_passwords_url=f"{url}/range/")
    check(OTHER, breached_passwords_url=f"{url}/range")
    assert [len(path) for path in asked] == [len("/range/12345")] * 2
    asked.clear()
    # what its own list refuses, it asks nobody about
    with pytest.raises(WeakPasswordError):
        check("passwordpassword", breached_passwords_url=f"{url}/range")
    assert asked == []


def test_a_service_that_does_not_answer_refuses_nobody(published: tuple[str, list[str]], caplog: Any) -> None:
    check(PASSWORD, breached_passwords_url=f"{published[0]}/broken")
    check(PASSWORD, breached_passwords_url="http://127.0.0.1:9")
    assert PASSWORD not in caplog.text
    assert caplog.text.count("does not answer") == 2


def test_an_unknown_user_costs_what_a_known_one_does() -> None:
    nobody, somebody = extract_parameters(_of_nobody()), extract_parameters(hash_of(PASSWORD))
    assert nobody == somebody
    assert (somebody.memory_cost, somebody.time_cost, somebody.parallelism) == (19_456, 2, 1)
    assert not asyncio.run(Passwords(Settings()).matches(None, PASSWORD))


def test_the_loop_goes_on_while_passwords_are_compared_and_no_crowd_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    passwords = Passwords(Settings(), threads=1, most_waiting=3)
    leave = threading.Event()
    threads: set[str] = set()

    def compare(kept: str, said: str) -> bool:
        threads.add(threading.current_thread().name)
        return leave.wait(20)

    monkeypatch.setattr(passwords, "_matches", compare)

    async def crowd() -> list[Any]:
        asked = [asyncio.create_task(passwords.matches(None, "x")) for _ in range(5)]
        await asyncio.sleep(0)
        # the loop runs: those beyond the limit are answered while the first is still being compared
        done, _ = await asyncio.wait(asked, timeout=10, return_when=asyncio.FIRST_EXCEPTION)
        assert all(isinstance(task.exception(), BusyError) for task in done)
        leave.set()
        return await asyncio.gather(*asked, return_exceptions=True)

    answers = asyncio.run(crowd())
    assert [type(a) for a in answers] == [bool] * 3 + [BusyError] * 2
    assert {name.rpartition("_")[0] for name in threads} == {"argon2"}


@settings(max_examples=8, deadline=None)
@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=40))
def test_any_text_matches_itself_and_nothing_else(password: str) -> None:
    passwords = Passwords(Settings())
    kept = passwords.hash_now(password)
    assert passwords._matches(kept, password)
    assert not passwords._matches(kept, password + "x")
