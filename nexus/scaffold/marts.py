"""What a new mart is made of: the domain it belongs to and the relation that it reads, both there already.

Belongs here: refusing what is not there. Does not belong here: names, templates (render.py).
"""

from __future__ import annotations

from pathlib import Path

import yaml

from nexus.errors import InputError, NotFoundError
from nexus.settings import PROJECT

_DBT = PROJECT / "transforms" / "dbt"


def mart_options(domain: str, of: str) -> dict[str, str]:
    """Placeholders of the templates. Raises NotFoundError with what there is, InputError for a relation a mart must not read."""
    domains = sorted(path.name for path in (_DBT / "models" / "marts").iterdir() if path.is_dir())
    if domain not in domains:
        raise NotFoundError(
            f"there is no domain {domain!r} of marts: there are {', '.join(domains)}",
            remedy="choose one of them, or make the folder and give it a group and an owner in dbt_project.yml",
        )
    if not of.startswith(("stg_", "int_")):
        raise InputError(
            f"a mart does not read {of!r}", remedy="a layer reads one layer down: name a relation stg_… or int_…"
        )
    if not _relation(of):
        raise NotFoundError(
            f"there is no relation {of!r}", remedy="transforms/dbt/models/{staging,intermediate} has them"
        )
    told = yaml.safe_load((_DBT / "dbt_project.yml").read_text())["models"]["nexus"]["marts"].get(domain, {})
    return {"domain": domain, "of": of, "group": told.get("+group", domain)}


def _relation(name: str) -> Path | None:
    return next((_DBT / "models").rglob(f"{name}.sql"), None)
