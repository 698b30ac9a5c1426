"""The rules of organisations, a module each. No service commits: the edge does."""
