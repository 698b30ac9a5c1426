"""docs/sign-in-with-nexus.md, as its reader runs it: the commands, then every line of its Python."""

from __future__ import annotations

import re
import threading
import webbrowser
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from nexus.cli import build
from nexus.tenancy import LOCAL_ORGANISATION
from tests.api.identity import people
from tests.api.kernel import Kernel
from tests.api.oidc.house import Browser, House

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "sign-in-with-nexus.md"


@pytest.fixture
def nexus(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`nexus …` over the kernel's database."""
    monkeypatch.setattr("nexus.settings.get_settings", lambda: kernel.settings)

    def run(*words: str) -> Any:
        return CliRunner().invoke(build(), list(words))

    return run


def test_the_guide(
    house: House, nexus: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = GUIDE.read_text()
    words = re.search(r"^nexus (clients add .*)$", text, re.MULTILINE)
    assert words
    import shlex

    added = nexus(*shlex.split(words[1]), "--organisation", house.company.id)
    assert added.exit_code == 0, added.output
    client_id = added.output.split()[1]
    assert client_id in nexus("clients", "list", "--organisation", house.company.id).output
    browser = Browser(house.kernel, house.person)

    def opened(address: str) -> None:
        """What the user does, meanwhile."""

        def go() -> None:
            browser.get(house.allowed(address, browser))

        threading.Thread(target=go).start()

    monkeypatch.setattr(webbrowser, "open", opened)
    # a user who does not come back is an error here, and no reason to wait for ever
    monkeypatch.setattr("http.server.HTTPServer.timeout", 60)
    code = "\n".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL))
    code = code.replace("http://127.0.0.1:3000", house.kernel.address).replace("client_…", client_id)
    names: dict[str, Any] = {}
    exec(compile(code, str(GUIDE), "exec"), names)
    names["client"].close()
    assert f"signed in as {house.person.email}\n200\n" in capsys.readouterr().out
    assert nexus("clients", "remove", client_id, "--organisation", house.company.id).exit_code == 0
    assert nexus("clients", "remove", client_id, "--organisation", house.company.id).exit_code != 0


@pytest.mark.parametrize("uri", ["http://elsewhere.example/cb", "javascript:alert(1)", "https://a.example/#x"])
def test_an_address_that_cannot_be_registered_is_told(nexus: Any, uri: str) -> None:
    refused = nexus("clients", "add", "X", "--redirect-uri", uri)
    assert refused.exit_code != 0
    assert "redirect_uris" in f"{refused.output}{refused.exception}"


def test_keys_are_rotated_by_hand(house: House, nexus: Any) -> None:
    before = {k["kid"] for k in people.within(house.kernel.settings, _keys)}
    assert nexus("clients", "rotate-keys").exit_code == 0
    after = {k["kid"] for k in people.within(house.kernel.settings, _keys)}
    assert before < after
    house.kernel.app.state.oidc.keys.forget()
    assert nexus("clients", "list", "--organisation", LOCAL_ORGANISATION).exit_code == 0


async def _keys(session: Any) -> list[dict[str, Any]]:
    from datetime import UTC, datetime

    from api.oidc.repository import keys

    return [row.public for row in await keys.published(session, datetime(2000, 1, 1, tzinfo=UTC))]
