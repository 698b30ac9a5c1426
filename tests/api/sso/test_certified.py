"""A provider that the OpenID Foundation has certified (npm oidc-provider), installed and run here: the protocol as others read it."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest

from nexus.ports import free_port
from tests.api.kernel import TLS
from tests.api.sso.house import House

pytestmark = pytest.mark.integration
CERTIFIED = Path(__file__).with_name("certified")
#: What npm says when nobody answers, and nothing else.
UNREACHABLE = ("ENOTFOUND", "ECONNREFUSED", "EAI_AGAIN", "ETIMEDOUT", "ENETUNREACH")
CLIENT, SECRET = "nexus", "a secret that is between the two of us alone"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the folder with what its lock names, by npm."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("node and npm are not installed; they install and run the certified provider")
    folder = tmp_path_factory.mktemp("certified") / "provider"
    shutil.copytree(CERTIFIED, folder)
    done = subprocess.run(
        [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
    )
    if any(code in done.stderr for code in UNREACHABLE):
        pytest.skip(f"npm reaches no registry: {done.stderr[-300:]}")
    # a lock that does not fit, or a package that is gone, is a failure
    assert done.returncode == 0, done.stderr[-2000:]
    return folder


@pytest.fixture
def process(installed: Path) -> Iterator[list[subprocess.Popen[str]]]:
    """What was started ends with the test."""
    started: list[subprocess.Popen[str]] = []
    yield started
    for one in started:
        one.send_signal(signal.SIGTERM)
        one.communicate(timeout=20)


def _press(browser: httpx.Client, page: httpx.Response, **fields: str) -> httpx.Response:
    """Sends the form of a page, with what it hides."""
    action = re.search(r'<form[^>]*action="([^"]+)"', page.text)
    assert action, page.text
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
    return browser.post(unescape(action[1]), data={**hidden, **fields})


def _through(house: House, made: dict[str, Any], **asked: str) -> tuple[httpx.Client, httpx.Response]:
    """From our page to the provider, where somebody types a name and says yes, and back."""
    down = house.browser()
    answer = down.get(f"/signin/sso/{made['id']}", params=asked)
    assert answer.status_code == 303, answer.text
    back = made["oidc"]["redirect_uri"]
    with httpx.Client(verify=TLS, timeout=20) as up:
        shown = up.get(answer.headers["location"])
        for _ in range(12):
            if shown.is_redirect:
                where = shown.headers["location"]
                if where.startswith(back):
                    return down, down.get(where)
                shown = up.get(httpx.URL(str(shown.url)).join(where))
            else:
                shown = _press(up, shown, login="ada", password="whatever")
    raise AssertionError(f"the provider never sent the browser back: {shown.text[:500]}")


def test_a_certified_provider(house: House, installed: Path, process: list[subprocess.Popen[str]]) -> None:
    port, email = free_port(), house.address("ada")
    issuer = f"http://127.0.0.1:{port}"
    oidc = {"issuer": issuer, "client_id": CLIENT, "client_secret": SECRET}
    made = house.connect(oidc=oidc, is_provisioning=True, default_roles=[{"role": "viewer", "scope": "*"}])
    node = subprocess.Popen(
        ["node", "provider.mjs", str(port), CLIENT, SECRET, made["oidc"]["redirect_uri"], email], cwd=installed, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    process.append(node)
    assert node.stdout
    lines = [node.stdout.readline() for _ in range(1)]
    while lines[-1] and "ready" not in lines[-1]:
        lines.append(node.stdout.readline())
    assert "ready" in lines[-1], lines
    tested = house.owner.post(f"/v1/sso/connections/{made['id']}:test").json()
    assert tested["is_ready"], tested
    browser, answer = _through(house, made, next="/account")
    assert (answer.status_code, answer.headers.get("location")) == (303, "/account"), house.refusals()
    session = house.session(browser)
    assert (session["methods"], session["realm"]) == (["sso"], house.id)
    assert house.roles(session["user_id"]) == {"viewer"}
    # a fresh proof: the provider says when it was given
    again, answer = _through(house, made, again="1")
    assert answer.status_code == 303, house.refusals()
    assert house.session(again)["user_id"] == session["user_id"]
