"""From templates to files of the project: all of them, or none.

Belongs here: the placeholders, refusing what is taken, writing. Does not belong here: what a template says.

A template is the file it becomes, with `@@name` where a name goes, in its text and in its path. Neither Python, SQL,
Jinja nor Markdown means anything by `@@`, so a template reads as what it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template

from nexus.errors import ConflictError
from nexus.names import word
from nexus.scaffold.imports import in_order
from nexus.settings import PROJECT

TEMPLATES = Path(__file__).with_name("templates")
KINDS = tuple(sorted(path.name for path in TEMPLATES.iterdir() if path.is_dir()))
_SUFFIX = ".tpl"


class _Marked(Template):
    """`@@name` and `@@{name}` are placeholders; an unknown one is an error."""

    delimiter = "@@"


@dataclass(frozen=True, slots=True)
class Piece:
    """What is made: `kind` is a folder of `templates/`, `options` are further placeholders of that kind."""

    kind: str
    name: str
    title: str | None = None
    options: Mapping[str, str] | None = None

    @property
    def values(self) -> dict[str, str]:
        """Every placeholder. Raises InputError for a name outside the grammar."""
        options = dict(self.options or {})
        entity = word(options.pop("entity", "record"), "table")
        words = entity.replace("_", " ")
        return {
            **options,
            "name": word(self.name, self.kind),
            "title": self.title or self.name.replace("_", " ").capitalize(),
            "entity": entity,
            "words": words,
            "words_capital": words.capitalize(),
            "CONSTANT": entity.upper(),
            "Entity": "".join(part.capitalize() for part in entity.split("_")),
        }


def make(piece: Piece, root: Path = PROJECT) -> list[Path]:
    """Writes the files of `piece` below `root`; returns their paths, relative to it.

    Raises InputError for a name outside the grammar, ConflictError if any of its files is there already. Nothing is
    ever overwritten, and a failure leaves nothing behind.
    """
    values = piece.values
    base = TEMPLATES / piece.kind
    texts = {
        Path(_Marked(template.relative_to(base).as_posix()).substitute(values).removesuffix(_SUFFIX)): _Marked(
            template.read_text()
        ).substitute(values)
        for template in sorted(base.rglob(f"*{_SUFFIX}"))
    }
    texts = {path: in_order(text) if path.suffix == ".py" else text for path, text in texts.items()}
    taken = [path for path in texts if (root / path).exists()]
    if taken:
        raise ConflictError(
            f"a {piece.kind} {piece.name!r} is there already: {taken[0]}",
            remedy=f"choose another name, or edit that one; `nexus new {piece.kind}` never overwrites",
        )
    written: list[Path] = []
    try:
        for path, text in texts.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            with (root / path).open("x") as handle:
                written.append(path)
                handle.write(text)
    except BaseException:
        remove(written, root)
        raise
    return written


def remove(paths: list[Path], root: Path = PROJECT) -> None:
    """Takes back what `make` has written, and folders that are empty then."""
    for path in paths:
        (root / path).unlink(missing_ok=True)
    folders = {folder for path in paths for folder in path.parents if folder != Path()}
    for folder in sorted((root / f for f in folders), key=lambda f: -len(f.parts)):
        if folder.exists() and not any(folder.iterdir()):
            folder.rmdir()
