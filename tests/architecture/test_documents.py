"""Every `nexus …` that a document tells its reader to type is one that the command line understands."""

from __future__ import annotations

import functools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import typer

from api.app import create_app
from nexus.cli import build
from nexus.settings import PREFIX, Settings

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "orchestration" / "sources").rglob("README.md")),
]
#: What stands for something of the reader's: `<source>`, `…`, and what follows a shell's redirection.
_PLACEHOLDER = re.compile(r"<[\w /.-]+>")
_REST = re.compile(r"\s+(?:\||>|<|&&|;|\\$).*$")


def commands(document: Path) -> Iterator[tuple[int, str, bool]]:
    """(line, command, whether it is whole) of every command line in code blocks, and of those named in a sentence."""
    fenced = False
    for number, line in enumerate(document.read_text().splitlines(), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif fenced:
            if found := re.match(r"\s*(?:\$ )?(?:\w+=\S+ )*nexus\s+(.+)$", line):
                yield number, found[1], True
        else:
            for text in re.findall(r"`(?:\w+=\S+ )*nexus ([^`←]+)`", line):
                yield number, text, False


def understood(text: str, whole: bool = True) -> str | None:
    """What the command line says against `text`; None if it understands it. A sentence may leave arguments out, or write … for them."""
    # of `source|model|page` the first speaks for all
    text = re.sub(r"\b(\w+)(?:\|\w+)+", r"\1", _REST.sub("", _PLACEHOLDER.sub("x", text)))
    words = shlex.split(text, comments=True)
    if words[-1:] == ["…"] and not "".join(words[-2:-1]).startswith("-"):
        words.pop()
    command: Any = typer.main.get_command(build())
    path = ["nexus"]
    while isinstance(command, click.Group) or hasattr(command, "commands"):
        if not words:
            return None if len(path) > 1 else "names no command"
        if words[0].startswith("-"):
            return (
                None if words == ["--help"] or getattr(command, "invoke_without_command", False) else "needs a command"
            )
        name = words.pop(0)
        if name not in command.commands:
            return f"{' '.join(path)} has no command {name!r}; it has {', '.join(command.commands)}"
        command = command.commands[name]
        path.append(name)
    try:
        command.make_context(" ".join(path), words)
    except Exception as error:
        # typer brings a click of its own: its errors are known by their names
        if not whole and type(error).__name__ in {"MissingParameter", "BadParameter"}:
            return None
        return error.format_message() if hasattr(error, "format_message") else str(error)
    return None


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_commands_named_in_documents_are_understood(document: Path) -> None:
    wrong = [
        f"{document.relative_to(ROOT)}:{number}: nexus {text}: {said}"
        for number, text, whole in commands(document)
        if (said := understood(text, whole))
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "text",
    [
        "buidl",
        "build --fast",
        "ingest",
        "ingest x",
        "sql 'select 1' --as-of",
        "logs a b",
        "quarantine lits",
        "new source",
    ],
)
def test_what_is_wrong_is_noticed(text: str) -> None:
    assert understood(text)


def test_a_sentence_may_leave_arguments_out() -> None:
    assert understood("ingest", whole=False) is None
    assert understood("ingest --fast", whole=False)


def test_documents_name_commands() -> None:
    assert sum(1 for document in DOCUMENTS for _ in commands(document)) > 40


#: Guides of Nexus itself; those of sources name paths of their providers.
GUIDES = [document for document in DOCUMENTS if "sources" not in document.parts]
_PATH = re.compile(
    r"(?<![\w.])/(?:v1|scim|oidc|signin|signout|account|docs|healthz|readyz|metrics|\.well-known)\b(?:[\w/:.<>…-]|\{[^}]*\})*"
)
#: Endpoints that an example makes up.
MADE_UP = {"/v1/bills"}


@functools.cache
def offered() -> list[str]:
    """Paths that the application answers."""
    app = create_app()
    return sorted({*(route.path for route in app.state.routes if hasattr(route, "path")), *app.openapi()["paths"]})


def leads_somewhere(path: str) -> bool:
    """Whether there is such an endpoint, or one below it; `…`, `{id}` and `mem_…` stand for a parameter, as a value does."""
    said = re.sub(r"(?:[a-z]+_)?…|\{[^}]*\}|<[^>]*>", "x", path.rstrip(".:/"))
    patterns = (re.sub(r"\\\{[^}]*\}", "[^/:]+", re.escape(one)) for one in offered())
    return any(re.fullmatch(one, said) for one in patterns) or any(one.startswith(f"{said}/") for one in offered())


@pytest.mark.parametrize("document", GUIDES, ids=lambda p: str(p.relative_to(ROOT)))
def test_endpoints_and_settings_named_in_documents_are_there(document: Path) -> None:
    settings = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} | {"NEXUS_TEST_SEED"}
    wrong = []
    for number, line in enumerate(document.read_text().splitlines(), 1):
        said = {path for path in _PATH.findall(line) if not leads_somewhere(path)} - MADE_UP
        said |= set(re.findall(rf"\b{PREFIX}[A-Z0-9_]*[A-Z0-9]\b", line)) - settings
        wrong += [f"{document.relative_to(ROOT)}:{number}: there is no {one}" for one in sorted(said)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "path", ["/v1/member", "/v1/members/mem_…/role", "/v1/webhooks/endpoints/{id}:rotate", "/oidc/logoff"]
)
def test_an_endpoint_that_is_not_there_is_noticed(path: str) -> None:
    assert not leads_somewhere(path)
    assert leads_somewhere("/v1/groups/…/roles")
