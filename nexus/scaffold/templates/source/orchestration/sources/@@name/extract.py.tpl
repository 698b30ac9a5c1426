"""How the documents of @@title are told apart: SQL over `documents`.

Belongs here: what a document is, and which of them are records of a table. Does not belong here: columns (contract.py).
"""

from __future__ import annotations

KIND = """
    case when (doc->'$.id') is not null and (doc->'$.created') is not null then '@@entity' end
"""

@@CONSTANT = """
    select _line, _text, doc from documents where _kind = '@@entity'
"""
