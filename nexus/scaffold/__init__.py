"""Scaffolding: a new source, mart, model, page or domain, made of templates that are real pieces of this house.

Belongs here: rendering `templates/<kind>/`, whose tree is that of the project. Does not belong here: the command
(nexus/cli/new.py), what the pieces mean (docs/adding-a-*.md).
"""

from nexus.scaffold.marts import mart_options
from nexus.scaffold.render import KINDS, Piece, make
from nexus.scaffold.snapshots import accept, accept_relation

__all__ = ["KINDS", "Piece", "accept", "accept_relation", "make", "mart_options"]
