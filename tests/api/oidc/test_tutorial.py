"""docs/tutorial-people.md, as its reader goes through it: its commands, then every line of its Python."""

from __future__ import annotations

import re
import shlex
import threading
import webbrowser
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from api.identity import directory
from nexus.cli import build
from tests.api.identity import people
from tests.api.oidc.house import Browser, House

TUTORIAL = Path(__file__).resolve().parents[3] / "docs" / "tutorial-people.md"


def test_the_tutorial(house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    kernel, text = house.kernel, TUTORIAL.read_text()
    monkeypatch.setattr("nexus.settings.get_settings", lambda: kernel.settings)

    def nexus(line: str) -> str:
        done = CliRunner().invoke(build(), shlex.split(line, comments=True)[1:])
        assert done.exit_code == 0, f"{line}: {done.output} {done.exception}"
        return done.output

    def printed(pattern: str, where: str = f" --organisation {house.company.id}") -> str:
        lines = re.findall(rf"^(nexus {pattern}.*?)(?:  #.*)?$", text, re.MULTILINE)
        assert len(lines) == 1, lines
        return nexus(lines[0] + where).split()[-1]

    printed("domains prove")
    said = {
        'DIRECTORY_KEY = "nxk_…"': f'DIRECTORY_KEY = "{printed("keys add Directory")}"',
        'SETUP_KEY = "nxk_…"': f'SETUP_KEY = "{printed("keys add Setup")}"',
        "client_…": printed("clients add"),
        "http://127.0.0.1:3000": kernel.address,
        '"scope": "demo"': f'"scope": "{house.company.one}"',
    }
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    for placeholder, value in said.items():
        assert any(placeholder in block for block in blocks), placeholder
        blocks = [block.replace(placeholder, value) for block in blocks]
    names: dict[str, Any] = {}

    def run(block: str) -> None:
        exec(compile(block, str(TUTORIAL), "exec"), names)

    run(blocks[0])
    run(blocks[1])
    assert "/signin/reset?" in printed("users reset-link", "")
    somebody = people.within(kernel.settings, lambda s: directory.by_email(s, "analyst@example.test"))
    assert somebody
    browser = Browser(kernel, somebody)

    def opened(address: str) -> None:
        """What the user does, meanwhile."""
        threading.Thread(target=lambda: browser.get(house.allowed(address, browser))).start()

    monkeypatch.setattr(webbrowser, "open", opened)
    for block in blocks[2:]:
        run(block)
    for client in ("client", "directory", "setup"):
        names[client].close()
    told = capsys.readouterr().out
    assert f"may in {{'{house.company.one}': [" in told
    assert "models.predict" in told
    assert "models: 200\nmembers: 403 forbidden\nafter leaving: 401\n" in told
