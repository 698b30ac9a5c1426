"""How Okta's objects are told apart and memberships flattened: SQL over `documents`.

Belongs here: what a document is, groups with embedded users. Does not belong here: columns (contract.py).
"""

from __future__ import annotations

from orchestration.lib.json_sql import elements

KIND = """case
    when (doc->'$.eventType') is not null and (doc->'$.published') is not null then 'log'
    when (doc->'$.group_id') is not null and (doc->'$.user_id') is not null then 'group_member'
    when (doc->'$.profile.login') is not null then 'user'
    when (doc->'$.profile.name') is not null then 'group' end"""

LOG = "select _line, _text, doc from documents where _kind = 'log'"
USER = f"""
    select _line, _text, doc from documents where _kind = 'user'
    union all
    select _line, _text, {elements("doc._embedded.users")}
    from documents where _kind = 'group'
"""
#: A group's own changes and those of its members are dated apart; the later one is when its document changed.
GROUP = """
    select _line, _text, json_merge_patch(doc, json_object(
        'changed', greatest(doc->>'$.lastUpdated', doc->>'$.lastMembershipUpdated'))) as doc
    from documents where _kind = 'group'
"""
#: Flat rows {"group_id", "user_id"} (and "is_member" of pulls), or groups that hold their users.
GROUP_MEMBER = f"""
    select _line, _text, json_object(
        'id', (doc->>'$.group_id') || '/' || (doc->>'$.user_id'),
        'group_id', doc->'$.group_id', 'user_id', doc->'$.user_id', 'is_member', doc->'$.is_member') as doc
    from documents where _kind = 'group_member'
    union all
    select _line, _text, json_object(
        'id', (doc->>'$.id') || '/' || (member->>'$.id'), 'group_id', doc->'$.id', 'user_id', member->'$.id')
    from (
        select _line, _text, doc, {elements("doc._embedded.users")} as member
        from documents where _kind = 'group'
    )
"""
