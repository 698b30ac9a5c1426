"""The warehouse in a PostgreSQL database of its own (or in the one of NEXUS_DATABASE_URL, in schemas of its own)."""
