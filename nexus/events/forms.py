"""Released forms of events, and which changes of a form its readers would not survive.

Belongs here: the form of a class, comparing, the snapshot `api/<domain>/events.json`. Does not belong here: upcasting (event.py).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nexus import slices
from nexus.events.event import Event, known

SNAPSHOT = "events.json"
#: Field → its JSON schema without words for people, and whether it must be there.
Form = dict[str, dict[str, Any]]
#: Type → version → form.
Forms = dict[str, dict[str, Form]]
_WORDS = {"title", "description", "examples", "default"}


def form(cls: type[Event]) -> Form:
    schema = cls.model_json_schema()
    defs = schema.get("$defs", {})
    required = set(schema.get("required", ()))
    return {
        name: {"schema": _plain(of, defs), "required": name in required}
        for name, of in sorted(schema.get("properties", {}).items())
    }


def broken(old: Form, new: Form) -> list[str]:
    """What whoever reads or wrote the old form would not survive; fields may be added if they may be absent."""
    found = []
    for name, was in old.items():
        if name not in new:
            found.append(f"field {name} is gone")
        elif new[name]["schema"] != was["schema"]:
            found.append(f"field {name} was {json.dumps(was['schema'])} and is {json.dumps(new[name]['schema'])}")
        elif new[name]["required"] and not was["required"]:
            found.append(f"field {name} has become required")
    found += [f"field {name} is new and required" for name in new if name not in old and new[name]["required"]]
    return found


def compared() -> list[str]:
    """What is wrong between released forms and classes, slice by slice; each line says what to do."""
    return [
        line
        for domain, classes in _by_slice().items()
        for line in differences(released(slices.folders()[domain]), classes, f"api/{domain}")
    ]


def differences(before: Forms, classes: Mapping[str, type[Event]], where: str) -> list[str]:
    """The same for one slice."""
    wrong = []
    for type_, versions in before.items():
        newest = max(map(int, versions))
        cls = classes.get(type_)
        if cls is None or cls.version < newest:
            wrong.append(f"{where}: {type_} version {newest} was released and is gone: the log holds such events")
        elif cls.version == newest and (lines := broken(versions[str(newest)], form(cls))):
            wrong.append(
                f"{where}: {type_}: {'; '.join(lines)}: raise its version and write an upcaster (docs/events.md)"
            )
    wrong += [
        f"{where}: the form of {type_} version {cls.version} is not noted: `nexus events accept`"
        for type_, cls in classes.items()
        if before.get(type_, {}).get(str(cls.version)) != form(cls)
        and not any(f": {type_}: " in line for line in wrong)
    ]
    return wrong


def accept() -> list[Path]:
    """Notes the present forms in the snapshots of slices; those that changed. Refuses nothing: the test does."""
    changed = []
    for domain, classes in _by_slice().items():
        file = slices.folders()[domain] / SNAPSHOT
        forms = released(file.parent)
        for type_, cls in classes.items():
            forms.setdefault(type_, {})[str(cls.version)] = form(cls)
        text = json.dumps(dict(sorted(forms.items())), indent=1) + "\n"
        if not file.exists() or file.read_text() != text:
            file.write_text(text)
            changed.append(file)
    return changed


def released(folder: Path) -> Forms:
    file = folder / SNAPSHOT
    found: Forms = json.loads(file.read_text()) if file.exists() else {}
    return found


def _by_slice() -> dict[str, dict[str, type[Event]]]:
    found: dict[str, dict[str, type[Event]]] = {domain: {} for domain in slices.modules("events")}
    for type_, cls in known().items():
        layer, _, rest = cls.__module__.partition(".")
        if layer == slices.LAYER:
            found[rest.partition(".")[0]][type_] = cls
    return found


def _plain(schema: Any, defs: Mapping[str, Any]) -> Any:
    if isinstance(schema, list):
        return [_plain(one, defs) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _plain(defs[schema["$ref"].rpartition("/")[2]], defs)
    return {name: _plain(value, defs) for name, value in sorted(schema.items()) if name not in _WORDS}
