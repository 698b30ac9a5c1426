"""Starts the process of the pages: all that a first visitor would wait for is done before the port opens.

Belongs here: the order of start, the server's options. Does not belong here: what is warmed (components/warm.py), or any
page. Run with: python -m apps.streamlit.serve
"""

from __future__ import annotations

from pathlib import Path

from nexus.settings import Settings, get_settings

APP = Path(__file__).with_name("app.py")


def main() -> None:
    """Serves until a signal ends it. Whoever finds the port open can open a page at once."""
    from streamlit import logger
    from streamlit.web import bootstrap, cli

    options = _options(get_settings())
    # before anything of Streamlit's reads them, or it says that they changed
    bootstrap.load_config_options({name.replace(".", "_"): value for name, value in options.items()})
    # drawing without a server and a visitor, it warns of both at every page
    logger.set_log_level("ERROR")
    from apps.streamlit.components import warm

    warm.up()
    logger.set_log_level("INFO")
    cli.main(["run", str(APP), *(f"--{name}={_argument(value)}" for name, value in options.items())])


def _options(settings: Settings) -> dict[str, str | int | bool | list[str]]:
    return {
        # the registration with which they sign people in; read when somebody comes, so it may come later than this process
        "secrets.files": [str(settings.dashboards_secrets)],
        "server.port": settings.streamlit_port,
        "server.address": settings.host,
        "server.headless": True,
        # watching walks every imported module at each run of a page; code changes come with a restart
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": False,
    }


def _argument(value: str | int | bool | list[str]) -> object:
    """As the command line takes it: several values would be an option given several times."""
    return value[0] if isinstance(value, list) else value


if __name__ == "__main__":
    main()
