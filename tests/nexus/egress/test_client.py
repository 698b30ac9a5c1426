"""The client against real servers: what it connects to, and what it does not let a receiver do to it."""

from __future__ import annotations

import asyncio
import datetime as dt
import gzip
import ssl
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from nexus import egress
from nexus.egress.client import UnreachableError
from nexus.egress.transport import Resolver, look_up
from nexus.ports import free_port
from nexus.settings import Settings
from tests.nexus.egress.receiver import Received, Receiver, Reply, receiving

NAME = "hooks.acme.example"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as server:
        yield server


@pytest.fixture
def own(tmp_path: Path) -> Settings:
    """An operator who allows 127.0.0.1 and nothing else of this machine."""
    return Settings(home=tmp_path, egress_allow="127.0.0.1/32", egress_ports="1-65535")


def answering(*answers: Sequence[str]) -> tuple[Resolver, list[str]]:
    """A resolver that gives these answers in turn (the last for ever), and the names that it was asked for."""
    asked: list[str] = []

    def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return answers[min(len(asked), len(answers)) - 1]

    return resolve, asked


def ask(
    settings: Settings, url: str, method: str = "GET", *, resolver: Resolver = look_up, **kwargs: Any
) -> egress.Answer:
    limits = {k: kwargs.pop(k) for k in ("within", "most_bytes") if k in kwargs}

    async def done() -> egress.Answer:
        async with egress.client(settings, resolver=resolver, **limits) as http:
            return await egress.ask(http, method, url, **kwargs)

    return asyncio.run(done())


def test_an_allowed_receiver_is_asked_under_its_own_name(own: Settings, receiver: Receiver) -> None:
    receiver.answers = lambda *_: Reply(201, {"X-Kind": "a"}, b"thank you")
    resolver, asked = answering(["127.0.0.1"])
    url = f"http://{NAME}:{receiver.server_port}/in?a=b"
    answer = ask(own, url, "POST", content=b"hello", resolver=resolver, most=5)
    assert (answer.status, answer.headers["x-kind"], answer.body) == (201, "a", b"thank")
    (got,) = receiver.received
    assert (got.path, got.body, got.headers["host"]) == ("/in?a=b", b"hello", f"{NAME}:{receiver.server_port}")
    assert asked == [NAME]


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "0"],
)
def test_this_machine_is_not_asked_in_any_spelling(tmp_path: Path, receiver: Receiver, host: str) -> None:
    settings = Settings(home=tmp_path, egress_allow="10.0.0.0/8", egress_ports="1-65535")
    for scheme in ("http", "https"):
        with pytest.raises((egress.RefusedError, UnreachableError)):
            ask(settings, f"{scheme}://{host}:{receiver.server_port}/")
    assert not receiver.received


def test_a_name_that_leads_elsewhere_the_second_time_is_asked_once_and_pinned(
    own: Settings, receiver: Receiver
) -> None:
    url = f"http://{NAME}:{receiver.server_port}/"
    resolver, asked = answering(["127.0.0.1"], ["127.0.0.2"])
    assert ask(own, url, resolver=resolver).status == 200
    assert asked == [NAME]
    # judged anew for the next request, which is refused although the first was not
    with pytest.raises(egress.RefusedError, match="leads to no public address"):
        asyncio.run(_twice(own, url, *answering(["127.0.0.1"], ["127.0.0.2"])))
    assert len(receiver.received) == 2


async def _twice(settings: Settings, url: str, resolver: Resolver, asked: list[str]) -> None:
    async with egress.client(settings, resolver=resolver) as http:
        assert (await egress.ask(http, "GET", url)).status == 200
        await egress.ask(http, "GET", url)


def test_one_address_that_is_refused_refuses_the_name(own: Settings, receiver: Receiver) -> None:
    url = f"http://{NAME}:{receiver.server_port}/"
    for answers in (
        ["127.0.0.1", "10.0.0.1"],
        ["10.0.0.1", "127.0.0.1"],
        ["127.0.0.1", "::1"],
        ["127.0.0.1", "nonsense"],
    ):
        with pytest.raises(egress.RefusedError, match="no public address"):
            ask(own, url, resolver=answering(answers)[0])
    assert not receiver.received


def test_who_asks_does_not_learn_what_a_name_of_our_network_leads_to(own: Settings) -> None:
    def nowhere(host: str, port: int) -> Sequence[str]:
        raise OSError(-2, "Name or service not known")

    texts = []
    for resolver in (nowhere, answering(["10.20.30.40"])[0], answering([])[0]):
        with pytest.raises((egress.RefusedError, UnreachableError)) as caught:
            ask(own, "https://db.internal/", resolver=resolver)
        texts.append(str(caught.value))
    assert not any("10.20" in text for text in texts)
    assert all("db.internal leads to no public address" in text for text in texts)


def test_the_next_address_is_tried_where_one_does_not_answer(tmp_path: Path, receiver: Receiver) -> None:
    settings = Settings(home=tmp_path, egress_allow="127.0.0.0/8", egress_ports="1-65535")
    url = f"http://{NAME}:{receiver.server_port}/"
    assert ask(settings, url, resolver=answering(["127.0.0.9", "127.0.0.1"])[0]).status == 200
    with pytest.raises(UnreachableError, match="cannot be asked"):
        ask(settings, f"http://{NAME}:{free_port()}/", resolver=answering(["127.0.0.1"])[0])


def test_a_redirect_is_not_followed_unless_asked_and_each_hop_is_judged(own: Settings, receiver: Receiver) -> None:
    places = {"/there": "/here"}
    receiver.answers = lambda got, _: Reply(302, {"Location": places[got.path]}) if got.path in places else Reply(200)
    url = f"http://{NAME}:{receiver.server_port}"
    names = {NAME: ["127.0.0.1"], "inner.acme.example": ["127.0.0.2"]}
    assert ask(own, f"{url}/there", resolver=lambda h, p: names[h]).status == 302
    assert ask(own, f"{url}/there", resolver=lambda h, p: names[h], follow_redirects=True).status == 200
    before = len(receiver.received)
    for place in (
        f"http://inner.acme.example:{receiver.server_port}/",
        "http://169.254.169.254/latest",
        f"http://[::1]:{receiver.server_port}/",
        "file:///etc/passwd",
    ):
        places["/out"] = place
        with pytest.raises((egress.RefusedError, UnreachableError)):
            ask(own, f"{url}/out", resolver=lambda h, p: names[h], follow_redirects=True)
    assert len(receiver.received) == before + 4


def test_a_redirect_without_end_ends(own: Settings, receiver: Receiver) -> None:
    receiver.answers = lambda *_: Reply(302, {"Location": "/"})
    with pytest.raises(UnreachableError, match="redirects"):
        ask(own, receiver.url + "/", follow_redirects=True)
    assert len(receiver.received) == 4


def _drip(got: Received, handler: BaseHTTPRequestHandler) -> Reply | None:
    """A head, then a byte now and then: no single wait is long."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
    try:
        for _ in range(400):
            handler.wfile.write(b".")
            handler.wfile.flush()
            handler.server.dripping.wait(0.02)  # type: ignore[attr-defined]
    except OSError:
        return None
    return None


def _drip_head(got: Received, handler: BaseHTTPRequestHandler) -> Reply | None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    try:
        for number in range(400):
            handler.wfile.write(f"X-{number}: a\r\n".encode())
            handler.wfile.flush()
            handler.server.dripping.wait(0.02)  # type: ignore[attr-defined]
    except OSError:
        return None
    return None


@pytest.mark.parametrize("answers", [_drip, _drip_head])
def test_an_answer_that_drips_is_ended(own: Settings, receiver: Receiver, answers: Callable[..., Reply | None]) -> None:
    import threading

    receiver.dripping = threading.Event()  # type: ignore[attr-defined]
    receiver.answers = answers
    with pytest.raises(UnreachableError, match="in time"):
        ask(own, receiver.url, within=0.2)
    receiver.dripping.set()  # type: ignore[attr-defined]


def test_a_large_answer_is_not_read_whole(own: Settings, receiver: Receiver) -> None:
    receiver.answers = lambda *_: Reply(200, {}, b"a" * 300_000)
    with pytest.raises(egress.TooLargeError, match="more than 1000 bytes"):
        ask(own, receiver.url, most_bytes=1000)
    assert ask(own, receiver.url, most=10).body == b"a" * 10
    assert ask(own, receiver.url, most=0).body == b""


def test_an_answer_is_never_unpacked(own: Settings, receiver: Receiver) -> None:
    packed = gzip.compress(b"0" * 10_000_000)
    receiver.answers = lambda *_: Reply(200, {"Content-Encoding": "gzip"}, packed)

    async def read() -> bytes:
        async with egress.client(own) as http:
            return (await http.get(receiver.url)).content

    assert asyncio.run(read()) == packed
    assert receiver.received[0].headers["accept-encoding"] == "identity"


def test_no_cookie_is_kept_for_the_next_tenant(own: Settings, receiver: Receiver) -> None:
    receiver.answers = lambda *_: Reply(200, {"Set-Cookie": "who=ann; Path=/"})

    async def twice() -> None:
        async with egress.client(own) as http:
            for _ in range(2):
                assert (await http.get(receiver.url)).status_code == 200

    asyncio.run(twice())
    assert [got.headers.get("cookie") for got in receiver.received] == [None, None]


def test_a_proxy_of_the_environment_is_not_taken(
    own: Settings, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiving() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert ask(own, receiver.url).status == 200
        assert not proxy.received
    assert len(receiver.received) == 1


def test_a_certificate_is_verified_for_the_name_and_not_for_the_address(tmp_path: Path) -> None:
    authority = _certificate(tmp_path, NAME)
    server = Receiver()
    seen: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    context.sni_callback = lambda _, name, __: seen.append(name)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    plain = Settings(home=tmp_path, egress_allow="127.0.0.0/8", egress_ports="1-65535")
    knowing = plain.model_copy(update={"egress_ca_file": authority})
    resolver, _ = answering(["127.0.0.1"])
    with receiving(server):
        for settings, host in ((plain, NAME), (knowing, "other.acme.example"), (knowing, "127.0.0.1")):
            with pytest.raises(UnreachableError, match="certificate"):
                ask(settings, f"https://{host}:{server.server_port}/", resolver=resolver)
        assert not server.received
        assert ask(knowing, f"https://{NAME}:{server.server_port}/", resolver=resolver).status == 200
    assert seen[-1] == NAME
    assert server.received[0].headers["host"] == f"{NAME}:{server.server_port}"


def _certificate(folder: Path, name: str) -> Path:
    """A certificate that vouches for itself, in `cert.pem` with `key.pem`."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "acme test authority")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "cert.pem"


def test_httpx_that_keeps_its_connections_elsewhere_is_noticed(own: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    class Newer(httpx.AsyncHTTPTransport):
        def __init__(self, **_: Any) -> None:
            """As if the attribute had another name."""

    monkeypatch.setattr(httpx, "AsyncHTTPTransport", Newer)
    with pytest.raises(TypeError, match="the guard would not be asked"):
        egress.client(own)
