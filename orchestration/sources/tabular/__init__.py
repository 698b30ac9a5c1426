"""Any table (CSV, Parquet, JSON lines), understood through a mapping in YAML."""
