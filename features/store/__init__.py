"""The feature store: one folder for each published warehouse version, made whole and then switched to.

Belongs here: exporting a version, Feast's registry and online store over it, reading values, training sets.
Does not belong here: definitions (catalog.py, views.py), what a model does with the values (ml).

`<home>/features/<version>-<definitions>/` holds `offline/*.parquet`, `feature_store.yaml`, `registry.db`, `online.db`
and `manifest.json`; `<home>/features/current` names the folder that answers. A folder never changes once it is named.
"""

from features.store.exporting import export
from features.store.folders import Folder, Manifest, current, folder
from features.store.online import Online, Row
from features.store.repository import Counts, apply, materialize, open_store
from features.store.training import Latest, TrainingSet, latest, training_set

__all__ = [
    "Counts", "Folder", "Latest", "Manifest", "Online", "Row", "TrainingSet",
    "apply", "current", "export", "folder", "latest", "materialize", "open_store", "training_set",
]  # fmt: skip
