"""The algebra of grants, as properties: what is handed on is never more than what is had."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from api.kernel.permissions import catalogue
from api.kernel.principal import EVERYTHING, EVERYWHERE, Principal
from api.organisations import roles
from api.organisations.grants import Grants, allows, at, intersection, missing, normal, union

SCOPES = (EVERYWHERE, "one", "two", "three")
PERMISSIONS = ("a.read", "a.write", "b.read", EVERYTHING)
some = st.dictionaries(st.sampled_from(SCOPES), st.frozensets(st.sampled_from(PERMISSIONS))).map(normal)
questions = st.tuples(st.sampled_from(PERMISSIONS[:3]), st.sampled_from(SCOPES))


@given(some, some, questions)
def test_a_union_allows_what_either_does(one: Grants, other: Grants, question: tuple[str, str]) -> None:
    assert allows(union(one, other), *question) == (allows(one, *question) or allows(other, *question))


@given(some, some, questions)
def test_an_intersection_allows_what_both_do(one: Grants, other: Grants, question: tuple[str, str]) -> None:
    assert allows(intersection(one, other), *question) == (allows(one, *question) and allows(other, *question))


@given(some, some)
def test_nothing_is_missing_exactly_where_nothing_new_is_allowed(holder: Grants, wanted: Grants) -> None:
    """The rule of escalation: what passes it, given to somebody, lets them do nothing that the giver could not."""
    lacking = missing(holder, wanted)
    gained = [
        (p, s)
        for s in SCOPES
        for p in [*PERMISSIONS[:3], "of.tomorrow"]
        if allows(wanted, p, s) and not allows(holder, p, s)
    ]
    # everywhere is also every workspace that is made tomorrow: having it in each of today's is not having it everywhere
    assert bool(gained) == bool(lacking)
    assert missing(union(holder, lacking), wanted) == {}


@given(some, some, some)
def test_handing_on_what_was_handed_on(first: Grants, second: Grants, third: Grants) -> None:
    if not missing(first, second) and not missing(second, third):
        assert not missing(first, third)


@given(some, questions)
def test_grants_mean_to_a_principal_what_they_mean_here(grants: Grants, question: tuple[str, str]) -> None:
    permission, scope = question
    principal = Principal("user", "usr", "org", frozenset(), grants)
    assert principal.allows(permission, None if scope == EVERYWHERE else scope) == allows(grants, permission, scope)


@given(some, some)
def test_the_order_says_nothing(one: Grants, other: Grants) -> None:
    assert union(one, other) == union(other, one)
    assert union(one, one) == one
    for scope in SCOPES:
        assert at(intersection(one, other), scope) == at(intersection(other, one), scope)


@given(st.sampled_from(roles.BUILT_IN), st.sampled_from(SCOPES))
def test_a_role_in_a_workspace_never_reaches_the_organisation(role: str, scope: str) -> None:
    found = roles.granted(roles.permissions(role), scope)
    assert set(found) <= {scope}
    if scope != EVERYWHERE and role != roles.OWNER:
        assert all(catalogue()[p].scope == "workspace" for p in found.get(scope, ()))
