"""References to secrets: which files they name."""

from __future__ import annotations

from pathlib import Path

from nexus import secrets


def test_files_are_those_that_references_name() -> None:
    options = {
        "api_key": "env:KEY",
        "password": "file:/run/secrets/p:w",
        "other": "file:~/key",
        "n": 3,
        "l": ["file:x"],
    }
    assert secrets.files(options) == [Path("/run/secrets/p:w"), Path("~/key").expanduser()]
