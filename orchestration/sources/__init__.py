"""The sources that Nexus can read: one folder each, and the folder's name is the source's name.

Belongs here: finding them. Does not belong here: any source (its folder has a `contract.py` with `SOURCE`).
A source whose records depend on how its files are to be understood (tabular) also has `choose` in `choice.py`.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from nexus.contracts import Source
from nexus.errors import InputError, NotFoundError


@lru_cache(maxsize=1)
def discover() -> MappingProxyType[str, Source]:
    """Every source by name, in alphabetical order."""
    names = sorted(m.name for m in pkgutil.iter_modules(__path__) if m.ispkg)
    found: dict[str, Source] = {}
    for name in names:
        source = importlib.import_module(f"{__name__}.{name}.contract").SOURCE
        if source.name != name:
            raise InputError(
                f"orchestration/sources/{name}/contract.py calls its source {source.name!r}",
                remedy="give the folder and the source the same name",
            )
        found[name] = source
    return MappingProxyType(found)


def get(name: str) -> Source:
    """The source called `name`; raises NotFoundError listing those that exist."""
    sources = discover()
    if name not in sources:
        raise NotFoundError(
            f"there is no source {name!r}",
            remedy=f"known sources: {', '.join(sources)}; a new one is a folder in orchestration/sources",
        )
    return sources[name]


def choose(
    name: str, paths: Sequence[Path], mapping: str | None = None, encoding: str | None = None
) -> tuple[Source, str]:
    """The source to land `paths` with, and the name of the mapping that made it ('' where there is none).

    `mapping` is the name of a known mapping or the path of a YAML file; without it a source that needs one
    recognises it by the columns of the files. `encoding` is that of text which is no UTF-8.
    Raises InputError when none or several fit.
    """
    chosen, found = _choose(get(name), paths, mapping, encoding)
    return (_encoded(chosen, encoding) if encoding else chosen), found


def mapped(name: str, mapping: str) -> tuple[Source, str]:
    """The source as a mapping makes it, and the mapping's name; '' is the source's own form.

    `mapping` is the name of a known one or the path of a YAML file. Raises NotFoundError for one that is not there.
    """
    source = get(name)
    if not mapping:
        return source, ""
    if (module := _choice(name)) is None:
        raise _takes_none(name)
    made: tuple[Source, str] = importlib.import_module(module).mapped(mapping)
    return made


def _choice(name: str) -> str | None:
    """The module of a source whose files can be understood in several ways."""
    module = f"{__name__}.{name}.choice"
    return module if importlib.util.find_spec(module) is not None else None


def _takes_none(name: str) -> InputError:
    return InputError(
        f"source {name!r} takes no mapping: its records have the provider's own form",
        remedy="leave out --mapping, or use source 'tabular' for a table of your own",
    )


def _encoded(source: Source, encoding: str) -> Source:
    return replace(source, dialect=replace(source.dialect, encoding=encoding))


def _choose(source: Source, paths: Sequence[Path], mapping: str | None, encoding: str | None) -> tuple[Source, str]:
    if (module := _choice(source.name)) is not None:
        chosen: tuple[Source, str] = importlib.import_module(module).choose(paths, mapping, encoding)
        return chosen
    if mapping is not None:
        raise _takes_none(source.name)
    return source, ""
