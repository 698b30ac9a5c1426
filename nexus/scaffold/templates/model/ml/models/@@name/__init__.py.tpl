"""@@title: see card.md."""
