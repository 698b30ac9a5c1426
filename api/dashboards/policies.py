"""Who may look at which pages. A page names one of these (`apps/streamlit/components/page.py`); nothing here checks them."""

from __future__ import annotations

from api.kernel.permissions import permission

READ = permission("dashboards.read", "See the figures of a workspace", least="viewer")
PEOPLE = permission("dashboards.people", "See customers and their people by name", least="analyst")
SECURITY = permission("dashboards.security", "See who signs in, and who should not", least="admin")

ALL = (READ, PEOPLE, SECURITY)
