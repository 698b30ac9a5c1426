"""Access reviews: what everybody may against what they have used, and what a tighter policy would have refused."""
