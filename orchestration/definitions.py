"""The module that Dagster's code server loads."""

from orchestration.build import build_defs

defs = build_defs()
