"""The audit log: every administrative act, chained by hashes so that no entry changes or goes unnoticed (docs/audit.md)."""
