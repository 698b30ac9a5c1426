"""How Dagster is run: one code server that both others share, the daemon (schedules, queue), the web pages.

Belongs here: command lines. Does not belong here: what the instance is (instance.py).
"""

from __future__ import annotations

import sys

import yaml

from nexus.services import Service
from nexus.settings import PROJECT, Settings


def services(settings: Settings) -> list[Service]:
    from orchestration.instance import code_socket, prepare

    home, socket = prepare(settings), code_socket(settings)
    socket.parent.mkdir(parents=True, exist_ok=True)
    workspace = home / "workspace.yaml"
    where = {"grpc_server": {"socket": str(socket), "location_name": "nexus"}}
    workspace.write_text(yaml.safe_dump({"load_from": [where]}))
    python = (sys.executable, "-m")
    environment = {"DAGSTER_HOME": str(home)}
    return [
        Service(
            name="dagster-code",
            command=(
                *python, "dagster", "api", "grpc", "--socket", str(socket),
                "--module-name", "orchestration.definitions", "--working-directory", str(PROJECT),
                "--location-name", "nexus", "--use-python-environment-entry-point", "--log-level", "warning",
            ),
            purpose="the asset graph, for the two below",
            env=environment,
        ),
        Service(
            name="dagster-daemon",
            command=(*python, "dagster._daemon", "run", "--workspace", str(workspace)),
            purpose="schedules, the run queue, freshness",
            env=environment,
        ),
        Service(
            name="dagster",
            command=(
                *python, "dagster_webserver", "--host", settings.inner_host, "--port", str(settings.dagster_port),
                "--workspace", str(workspace),
            ),
            purpose="the asset graph: what ran, what failed and why, what is stale",
            port=settings.dagster_port,
            health="/server_info",
            page="/asset-groups",
            host=settings.inner_host,
            env=environment,
        ),
    ]  # fmt: skip
