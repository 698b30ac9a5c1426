"""What the text of a URL says already, and what an operator may set."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest

from nexus.egress import Policy
from nexus.errors import InputError
from nexus.settings import Settings

OWN = Policy(allow=(ip_network("127.0.0.0/8"),), ports=((443, 443), (8000, 8999)))


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://hooks.acme.example/in?a=b", None),
        ("https://hooks.acme.example:8443/", None),
        ("https://8.8.8.8/", None),
        ("http://hooks.acme.example/", "https"),
        ("ftp://hooks.acme.example/", "https"),
        ("file:///etc/passwd", "https"),
        ("gopher://127.0.0.1:6379/_x", "https"),
        ("HTTPS:hooks.acme.example", "host"),
        ("//hooks.acme.example/", "https"),
        ("https:///in", "host"),
        ("https://ann:secret@hooks.acme.example/", "name or password"),
        ("https://hooks.acme.example@169.254.169.254/", "name or password"),
        ("https://hooks.acme.example:25/", "port"),
        ("https://hooks.acme.example:0/", "port"),
        ("https://hooks.acme.example:99999/", "address"),
        ("https://[::1/", "address"),
        ("https://hooks.acme.example/#a", "fragment"),
        ("https://hooks.acme.example\\@127.0.0.1/", "characters"),
        ("https://hooks.acme.example/a b", "characters"),
        ("https://hooks.acme.example/\r\nX: y", "characters"),
        ("https://ⓗooks.example/", "characters"),
        ("https://127.0.0.1%2f.acme.example/", "host"),
        ("https://127.0.0.1/", "loopback"),
        ("https://[::ffff:10.0.0.1]/", "private"),
        ("https://169.254.169.254/latest/meta-data", "link-local"),
        ("https://hooks.acme.example/" + "a" * 2000, "longer"),
    ],
)  # fmt: skip
def test_the_text_of_a_url_is_judged(url: str, why: str | None) -> None:
    found = Policy().objection(url)
    assert (found is None) if why is None else (found is not None and why in found), found


def test_own_networks_may_be_called_by_http_and_on_their_ports() -> None:
    assert OWN.objection("http://127.0.0.1:8001/x") is None
    assert OWN.objection("http://hooks.acme.internal:8001/x") is None
    assert "port" in str(OWN.objection("http://127.0.0.1/x"))
    assert "https" in str(OWN.objection("http://8.8.8.8:8001/x"))


def test_settings_make_the_policy(tmp_path: Path) -> None:
    settings = Settings(
        home=tmp_path,
        egress_allow="10.1.0.0/16, fd00:1::/32",
        egress_refuse="8.8.8.0/24",
        egress_ports="443, 8000-8999",
    )
    policy = Policy.of(settings)
    assert [str(n) for n in policy.allow] == ["10.1.0.0/16", "fd00:1::/32"]
    assert [str(n) for n in policy.refuse] == ["8.8.8.0/24"]
    assert policy.described_ports == "443, 8000-8999"
    with pytest.raises(InputError, match=r"NEXUS_EGRESS_ALLOW has '10\.1\.0\.1/16'"):
        Policy.of(Settings(home=tmp_path, egress_allow="10.1.0.1/16"))
