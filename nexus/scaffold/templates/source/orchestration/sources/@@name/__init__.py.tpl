"""@@title: see README.md."""
