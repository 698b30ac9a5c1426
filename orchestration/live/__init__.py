"""Live sources: pulling from a provider what has happened since the last time, and landing it as exports are landed.

Belongs here: what a live source offers (spec.py), its HTTP client (http.py), its connections (connections.py), the pull
itself (pull.py). Does not belong here: any provider (`orchestration/sources/<source>/live.py`), Dagster.
"""
