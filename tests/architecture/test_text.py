"""What no tracked file may hold: a path of one machine, a registry's host, an unfinished piece."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_HERE = Path(__file__).name

FORBIDDEN = {
    "an absolute path of a machine": r"(?<![\w./-])/(?:work|root|farm|home/\w+)/",
    "a package registry's host": r"py[p]i\.org|pythonhoste[d]\.org|npmj[s]\.(?:org|com)|deb\.debia[n]\.org",
    "something left unfinished": r"\b(?:TO[D]O|FIX[M]E|X[X]X)\b|Not[I]mplementedError",
    "a swallowed error": r"except(?: Exception)?: *pass\b",
}


def _tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    return [ROOT / name for name in listed if name and (ROOT / name).is_file()]


@pytest.mark.parametrize("what", FORBIDDEN)
def test_absent(what: str) -> None:
    found = []
    for path in _tracked():
        if path.name == _HERE or path.suffix in {".png", ".parquet", ".gz", ".lock"}:
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if re.search(FORBIDDEN[what], line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    assert not found, f"{what}:\n" + "\n".join(found)


def test_every_module_says_what_it_is_for() -> None:
    import ast

    silent = [
        str(path.relative_to(ROOT))
        for path in _tracked()
        if path.suffix == ".py" and path.stat().st_size and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert not silent, "modules without a docstring: " + ", ".join(silent)


def test_paths_named_in_documents_exist() -> None:
    """A guide that names a file which was moved sends its reader astray."""
    missing = []
    for document in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        if not document.exists():
            continue
        pattern = (
            r"`((?:nexus|warehouse|orchestration|transforms|features|ml|api|apps|bench|tests|docs|deploy)/[\w./-]+)`"
        )
        for name in re.findall(pattern, document.read_text()):
            if not (ROOT / name).exists():
                missing.append(f"{document.relative_to(ROOT)} names {name}")
    assert not missing, "\n".join(missing)
