"""How the Streamlit pages are run."""

from __future__ import annotations

import sys

from nexus.services import Service
from nexus.settings import Settings


def services(settings: Settings) -> list[Service]:
    return [
        Service(
            name="streamlit",
            command=(sys.executable, "-m", "apps.streamlit.serve"),
            purpose="the business: overview, payments, e-mail, files, access, customers, models, data health",
            port=settings.streamlit_port,
            health="/_stcore/health",
        )
    ]
