"""`python -m api`: the API as a service, with its logs as JSON lines."""

from api.serving import run
from nexus.settings import get_settings

if __name__ == "__main__":
    run(get_settings())
