"""Landing: files of a source become immutable Parquet batches in the lake, each record exactly once.

Belongs here: reading files, checking records against their contract, merging, writing, committing.
Does not belong here: what the fields mean, and anything that reads the lake later.
"""

from warehouse.land.driver import land
from warehouse.land.records import land_records
from warehouse.land.report import Counts, LandingReport, Progress

__all__ = ["Counts", "LandingReport", "Progress", "land", "land_records"]
