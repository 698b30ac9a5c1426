"""Personal data: what Nexus holds of a person, handed over or erased (docs/personal-data.md)."""
