"""Where a feature store lives on disk, what is in it, and which one answers.

Belongs here: paths, the manifest, the switch of `current`, retention, the lock of writers.
Does not belong here: what is written into the folder.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from features import catalog
from nexus.errors import NotFoundError
from nexus.settings import Settings

#: Stores kept on disk besides the current one.
KEEP = 2


@dataclass(frozen=True, slots=True)
class Manifest:
    """What was exported: files by relation with rows and sha256, and the last snapshot of each workspace (UTC, ISO)."""

    version: str
    definitions: str
    relations: dict[str, dict[str, object]] = field(default_factory=dict)
    as_of: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Folder:
    """One feature store on disk."""

    path: Path

    @property
    def offline(self) -> Path:
        return self.path / "offline"

    @property
    def online(self) -> Path:
        return self.path / "online.db"

    @property
    def registry(self) -> Path:
        """What Feast knows of the definitions; it names files by their place in this folder."""
        return self.path / "registry.db"

    @property
    def config(self) -> Path:
        return self.path / "feature_store.yaml"

    @property
    def version(self) -> str:
        """The warehouse version that this store was made of."""
        return self.path.name.rsplit("-", 1)[0]

    def parquet(self, relation: str) -> Path:
        return self.offline / f"{relation}.parquet"

    def manifest(self) -> Manifest:
        return Manifest(**json.loads((self.path / "manifest.json").read_text()))

    def write(self, manifest: Manifest) -> None:
        (self.path / "manifest.json").write_text(json.dumps(asdict(manifest), indent=2, sort_keys=True) + "\n")


def root(settings: Settings) -> Path:
    return settings.home / "features"


def folder(settings: Settings, version: str) -> Folder:
    """The store of a warehouse version under the present definitions; it need not exist yet."""
    return Folder(root(settings) / f"{version}-{catalog.fingerprint()}")


def current(settings: Settings) -> Folder:
    """The store that answers now; raises NotFoundError if none has been materialised."""
    try:
        name = (root(settings) / "current").read_text().strip()
    except FileNotFoundError:
        raise NotFoundError(
            f"no features have been materialised under {settings.home}",
            remedy="nexus build, or nexus features materialize once a warehouse version is published",
        ) from None
    return Folder(root(settings) / name)


def answering(settings: Settings) -> Folder | None:
    """The same, None if there is none or its folder is gone."""
    try:
        found = current(settings)
    except NotFoundError:
        return None
    return found if (found.path / "manifest.json").exists() else None


def switch(settings: Settings, to: Folder) -> None:
    """Makes `to` the store that answers, atomically, and removes stores that nobody should need any more."""
    pointer = root(settings) / "current"
    scratch = pointer.with_name(f".current.{os.getpid()}")
    scratch.write_text(to.path.name + "\n")
    scratch.replace(pointer)
    others = sorted(
        (p for p in root(settings).iterdir() if (p / "manifest.json").exists() and p != to.path),
        key=lambda p: p.stat().st_mtime,
        reverse=True,
    )
    for old in others[KEEP:]:
        shutil.rmtree(old, ignore_errors=True)  # whoever still has its files open goes on reading them


@contextlib.contextmanager
def writing(settings: Settings) -> Iterator[None]:
    """Held while a store is written: one writer at a time; the kernel frees it if the process dies."""
    root(settings).mkdir(parents=True, exist_ok=True)
    with (root(settings) / ".writing").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
