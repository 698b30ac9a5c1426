"""Finding what the slices of the API offer: `api/<domain>/<module>.py`, by the folder's name and no list.

Belongs here: discovery by name, because the kernel imports no layer. Does not belong here: what a module of a slice
means; whoever asks for `models`, `events`, `policies`, `consumers` or `migrations` knows.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from functools import lru_cache
from pathlib import Path
from types import ModuleType

from nexus.settings import Settings

LAYER = "api"


@lru_cache(maxsize=1)
def folders() -> dict[str, Path]:
    """Domain → folder, by name. A slice is a package of `api` that has endpoints or permissions."""
    spec = importlib.util.find_spec(LAYER)
    places = list(spec.submodule_search_locations or []) if spec else []
    found = {m.name: Path(m.module_finder.path) / m.name for m in pkgutil.iter_modules(places) if m.ispkg}  # type: ignore[union-attr]
    return {
        name: folder
        for name, folder in sorted(found.items())
        if offers(folder, "endpoints") or offers(folder, "policies")
    }


def offers(folder: Path, module: str) -> bool:
    return (folder / f"{module}.py").exists() or (folder / module / "__init__.py").exists()


def modules(name: str) -> dict[str, ModuleType]:
    """Domain → its module `name`, imported, of every slice that has one."""
    return {
        domain: importlib.import_module(f"{LAYER}.{domain}.{name}")
        for domain, folder in folders().items()
        if offers(folder, name)
    }


def first_start(settings: Settings) -> list[str]:
    """Lets every slice make what must be there before the first request (`api/<domain>/first_start.py`: `run(settings)`).

    Returns what is to be shown to whoever starts Nexus, and to nobody else: it may hold a first password.
    """
    return [line for module in modules("first_start").values() for line in module.run(settings)]
