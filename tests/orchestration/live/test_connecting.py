"""docs/connecting.md: every example is a file of connections that Nexus opens."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nexus.connections import load
from nexus.settings import PROJECT, Settings
from orchestration.live.connections import config, live_sources, shown

GUIDE = PROJECT / "docs" / "connecting.md"
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", GUIDE.read_text(), re.M | re.S)


@pytest.mark.parametrize("text", EXAMPLES, ids=lambda text: text.split(":")[0])
def test_an_example_is_accepted(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = tmp_path / "secret"
    secret.write_text("a secret of the test\n")
    for name in re.findall(r"env:(\w+)", text):
        monkeypatch.setenv(name, "a secret of the test")
    settings = Settings(home=tmp_path)
    (tmp_path / "connections").mkdir()
    (tmp_path / "connections" / "demo.yml").write_text(re.sub(r"file:\S+", f"file:{secret}", text))
    found = load(settings, "demo")
    assert found
    for connection in found:
        assert connection.source in live_sources(), f"{GUIDE.name} connects {connection.source}, which cannot be pulled"
        assert config(connection), connection.name
        assert "a secret of the test" not in str(shown(connection))


def test_every_source_that_can_be_pulled_has_an_example() -> None:
    text = "\n".join(EXAMPLES)
    missing = [s for s in live_sources() if not re.search(rf"^{s}:|^  source: {s}\b", text, re.M)]
    assert not missing, f"{GUIDE.name} shows no connection of {', '.join(missing)}"
