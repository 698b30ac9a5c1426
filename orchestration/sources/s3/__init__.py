"""Amazon S3 (and what speaks its formats): server access logs and inventory."""
