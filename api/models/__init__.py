"""The models there are, and their predictions."""
