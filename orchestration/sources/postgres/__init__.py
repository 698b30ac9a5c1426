"""Tables of any PostgreSQL."""
