"""Quality gates: what must hold of a candidate before anybody may read it.

Belongs here: gates on raw tables (from contracts), on marts (business rules) and on volume, and their results.
Does not belong here: when they run and what they block (orchestration), dbt's own tests (transforms).
"""

from warehouse.quality.contract import check_contract
from warehouse.quality.result import GateResult, Reads
from warehouse.quality.rules import Rule, check_rules
from warehouse.quality.rules import discover as discover_rules
from warehouse.quality.volume import check_volume

__all__ = ["GateResult", "Reads", "Rule", "check_contract", "check_rules", "check_volume", "discover_rules"]
