"""Who will have left within sixty days: see card.md."""
