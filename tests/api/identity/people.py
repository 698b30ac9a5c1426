"""People of tests: made in the database of the kernel's fixture, and browsers without a screen."""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from html import unescape
from typing import Any, TypeVar

import httpx

from api.identity import directory, sessions
from api.identity.directory import Person
from api.identity.passwords import Passwords
from api.identity.sessions import Lifetimes
from api.identity.throttle import Bucket
from nexus.db import Database, Session
from nexus.settings import Settings
from tests.api.kernel import TLS, Kernel
from tests.api.outside import outside

T = TypeVar("T")
HERE = sessions.Browser("127.0.0.1", "a test")
PASSWORD = "amber lantern quietly drifting"
OTHER = "seven copper kettles hum"


def within(settings: Settings, work: Callable[[Session], Awaitable[T]]) -> T:
    """What `work` returns, done in one transaction of the system."""

    async def done(database: Database) -> T:
        async with database.system() as session:
            return await work(session)

    return outside(settings, done)


def in_thread(work: Callable[[], T]) -> T:
    """What `work` returns, done in a thread: that of a browser's test has a loop already."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(work).result()


def address() -> str:
    return f"{secrets.token_hex(6)}@people.example"


def make(kernel: Kernel, **said: Any) -> Person:
    """Somebody new."""
    return within(kernel.settings, lambda s: directory.create(s, **{"email": address(), "name": "Ada Example", **said}))


def sign_in(kernel: Kernel, person: Person, **said: Any) -> tuple[str, str]:
    """Id and secret of a session of that person."""
    lifetimes = Lifetimes.of(kernel.settings)
    methods = frozenset({"pwd"})
    return within(kernel.settings, lambda s: sessions.start(s, person.id, HERE, lifetimes, methods, **said))


def told(kernel: Kernel, person: Person) -> list[str]:
    """Types of the events about that person, in the order of the log."""
    rows = kernel.sql("select type from app.events where data ->> 'user_id' = %s order by position", person.id)
    return [row[0].removeprefix("identity.") for row in rows]


@lru_cache
def hash_of(password: str) -> str:
    return Passwords(Settings()).hash_now(password)


class Browser(httpx.Client):
    """Keeps cookies, says where its forms come from, fills them in."""

    def form(
        self, page: str, to: str | None = None, between: Callable[[], Any] = lambda: None, **fields: str
    ) -> httpx.Response:
        """Opens `page` and, after `between`, sends its form (to `to`, if the page has several) with `fields`."""
        shown = self.get(page)
        assert shown.status_code == 200, (shown.status_code, shown.headers.get("location"))
        token = re.search(r'name="form_token" value="([^"]+)"', shown.text)
        assert token, shown.text
        hidden = re.search(r'name="next" value="([^"]+)"', shown.text)
        data = {"form_token": token[1], **({"next": unescape(hidden[1])} if hidden else {}), **fields}
        between()
        return self.post(to or page.partition("?")[0], data=data, headers={"Origin": str(self.base_url).rstrip("/")})

    def sign_in(self, email: str, password: str = PASSWORD, next: str = "") -> httpx.Response:
        return self.form(f"/signin?again=1&next={next}", email=email, password=password)

    def signed_in(self) -> bool:
        return self.get("/account").status_code == 200


class PeopleOf:
    """People and browsers of one kernel."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel

    def make(self, password: str | None = PASSWORD, **said: Any) -> Person:
        return make(self.kernel, password_hash=hash_of(password) if password else None, **said)

    def browser(self, address: str | None = None) -> Browser:
        """One that comes from `address` of this machine."""
        transport = httpx.HTTPTransport(verify=TLS, local_address=address)
        return Browser(base_url=self.kernel.address, timeout=20, transport=transport)

    def fill(self, bucket: Bucket, of: str, failures: int) -> None:
        """As if so many attempts had failed just now."""
        self.kernel.sql(
            "insert into app.identity_throttle values (%s, now() + %s, false)"
            " on conflict (key) do update set drained_at = excluded.drained_at",
            bucket.key(of), failures * bucket.every,
        )  # fmt: skip

    def failures(self, user_id: str | None) -> list[str]:
        """Why attempts to sign in failed, the oldest first."""
        rows = self.kernel.sql(
            "select data ->> 'reason' from app.events where type = 'identity.signin.failed'"
            " and data ->> 'user_id' is not distinct from %s order by position",
            user_id,
        )
        return [row[0] for row in rows]


def errors(response: httpx.Response) -> dict[str, str]:
    """Field → what the page says is wrong with it."""
    found = re.findall(r'<p class="error" id="(\w+)-error" role="alert">(.*?)</p>', response.text)
    return {name: unescape(said) for name, said in found}
