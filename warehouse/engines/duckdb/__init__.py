"""The warehouse in one private DuckDB file."""
