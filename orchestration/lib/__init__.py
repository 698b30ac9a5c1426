"""Factories and helpers that every source or asset definition may use; nothing here knows a single source by name."""
