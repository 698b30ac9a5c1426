"""How files of CloudTrail are opened into records: SQL over `documents`.

Belongs here: the forms in which records come. Does not belong here: columns (contract.py).
"""

from __future__ import annotations

from orchestration.lib.json_sql import elements

#: A log file is {"Records": [...]}; `aws cloudtrail lookup-events` answers {"Events": [...]}, each with the record as
#: text in `CloudTrailEvent`. What is neither, or an event without its record, stays as it is.
UNWRAP = f"""
    select _line, _text, doc from documents
    where (doc->'$.Records') is null and (doc->'$.Events') is null
    union all
    select _line, _text, {elements("doc.Records")} as doc from documents
    union all
    select _line, _text, coalesce(try_cast(found->>'$.CloudTrailEvent' as json), found) as doc
    from (select _line, _text, {elements("doc.Events")} as found from documents)
"""

#: Digests lie in the same bucket: they prove that log files are whole, and hold no records.
KIND = """case
    when (doc->'$.eventID') is not null or (doc->'$.eventName') is not null then 'event'
    when (doc->'$.digestStartTime') is not null then 'digest' end"""

EVENT = "select _line, _text, doc from documents where _kind = 'event'"
