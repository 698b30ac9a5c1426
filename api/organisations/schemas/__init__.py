"""Bodies of organisations, in and out."""
