"""Whether somebody may, and why: the answer with what led to it, or with what is missing.

Belongs here: deciding over an `Access` that was read before. Does not belong here: reading it, HTTP.
"""

from __future__ import annotations

from dataclasses import dataclass

from api.kernel.principal import EVERYTHING, EVERYWHERE, Principal
from api.organisations import conditions, roles
from api.organisations.access import Access
from api.organisations.conditions import Circumstances
from api.organisations.grants import Grants, allows
from api.organisations.repository.access import Given


@dataclass(frozen=True, slots=True)
class Decision:
    """`because`: assignments that allow it; or those that would, were their condition fulfilled. `missing` says the rest."""

    allowed: bool
    because: tuple[Given, ...] = ()
    by_membership: bool = False
    missing: str | None = None


def decide(
    access: Access | None,
    permission: str,
    workspace: str | None,
    circumstances: Circumstances,
    *,
    cap: Grants | None = None,
) -> Decision:
    """Whether `access` allows `permission` in `workspace` (None: in the organisation). `cap` is what the credential may at most."""
    if access is None:
        return Decision(False, missing="does not belong to the organisation")
    if not access.subject.is_active:
        return Decision(False, missing="is suspended or disabled")
    scope = workspace or EVERYWHERE
    if workspace is not None and workspace not in access.known_workspaces:
        return Decision(False, missing="the organisation has no such workspace")
    if cap is not None and not allows(cap, permission, scope):
        return Decision(False, missing="the credential's scopes do not have it")
    reaching = [g for g in access.by_scope.get(EVERYWHERE, ()) if _has(g, permission)]
    if workspace is not None:
        reaching += [g for g in access.by_scope.get(workspace, ()) if _has(g, permission)]
    holding = tuple(g for g in reaching if _holds(access, g, permission, circumstances))
    baseline = access.subject.kind == "member" and permission in roles.permissions("member")
    if holding or baseline:
        return Decision(True, holding, baseline)
    if reaching:
        return Decision(False, tuple(reaching), missing="a condition is not fulfilled")
    elsewhere = sorted({g.scope for g in access.given if _has(g, permission)})
    if elsewhere:
        return Decision(False, missing=f"has it in {', '.join(elsewhere)} only")
    return Decision(False, missing="no role has it")


def _has(given: Given, permission: str) -> bool:
    if EVERYTHING in given.permissions:
        return True
    return permission in given.permissions and (given.scope == EVERYWHERE or permission in roles.of_workspaces())


def _holds(access: Access, given: Given, permission: str, circumstances: Circumstances) -> bool:
    return given.condition is None or conditions.holds(given.condition, access.subject.id, permission, circumstances)


def of_principal(caller: Principal, permission: str, workspace: str | None) -> Decision:
    """For whom no assignments exist: a token of this machine, an application in its own name. They carry their grants themselves."""
    here = workspace is None or workspace in caller.workspaces
    allowed = here and allows(caller.grants, permission, workspace or EVERYWHERE)
    return Decision(allowed, missing=None if allowed else "the credential does not carry it")
