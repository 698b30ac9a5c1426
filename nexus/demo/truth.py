"""What the world knows, for tests alone: never read by the product.

Computed from the world (nexus/demo/world), not from the files written for the providers.
"""

from __future__ import annotations

from pathlib import Path

from nexus.demo.world.company import Company


def write_truth(company: Company, folder: Path) -> None:
    folder.mkdir(parents=True)
