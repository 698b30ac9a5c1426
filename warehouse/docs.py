"""dbt's documentation as one page: every relation, its columns, tests, lineage and rows.

Belongs here: making the page. Does not belong here: descriptions (they stand beside the models).
"""

from __future__ import annotations

import shutil
from pathlib import Path

from nexus.errors import NotFoundError
from nexus.settings import Settings
from warehouse import dbt
from warehouse.engines.duckdb.connect import build_path


def write(settings: Settings) -> Path:
    """Writes `<home>/docs/warehouse.html`, which needs neither a server nor the network, and returns its path.

    The catalogue (columns and sizes as built) is read from the last build; raises NotFoundError without one.
    """
    if settings.warehouse == "duckdb" and not build_path(settings).exists():
        raise NotFoundError("there is no build to document yet", remedy="nexus build")
    dbt.run("docs", settings, arguments=["generate", "--static", "--no-compile"])
    made = dbt.target_dir(settings, settings.warehouse) / "static_index.html"
    target = settings.home / "docs" / "warehouse.html"
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(made, target)
    return target
