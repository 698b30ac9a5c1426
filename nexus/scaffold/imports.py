"""Imports in the order that the house's style asks for, whatever name a template was filled with.

Belongs here: sorting them. Does not belong here: anything else of style, in which a template is written already.
"""

from __future__ import annotations

import ast
from itertools import pairwise


def in_order(text: str) -> str:
    """Python source whose neighbouring `from … import` statements stand in the order of their modules."""
    lines = text.splitlines(keepends=True)
    nodes = [n for n in ast.parse(text).body if isinstance(n, ast.ImportFrom)]
    blocks: list[list[ast.ImportFrom]] = [[n] for n in nodes[:1]]
    for before, node in pairwise(nodes):
        if node.lineno == (before.end_lineno or 0) + 1:
            blocks[-1].append(node)
        else:
            blocks.append([node])
    for block in blocks:
        parts = {n.module or "": lines[n.lineno - 1 : n.end_lineno] for n in block}
        lines[block[0].lineno - 1 : block[-1].end_lineno] = [line for _, part in sorted(parts.items()) for line in part]
    return "".join(lines)
