"""How the Streamlit pages are run."""

from __future__ import annotations

import sys

from nexus.services import Service
from nexus.settings import PROJECT, Settings


def services(settings: Settings) -> list[Service]:
    return [
        Service(
            name="streamlit",
            command=(
                sys.executable, "-m", "streamlit", "run", str(PROJECT / "apps" / "streamlit" / "app.py"),
                "--server.port", str(settings.streamlit_port), "--server.address", settings.host,
                "--server.headless", "true", "--browser.gatherUsageStats", "false",
            ),
            purpose="the business: overview, payments, e-mail, files, access, customers, models, data health",
            port=settings.streamlit_port,
            health="/_stcore/health",
        )
    ]  # fmt: skip
