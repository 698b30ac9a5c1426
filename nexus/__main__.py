"""`python -m nexus` is the command `nexus`."""

from nexus import lean
from nexus.cli import main


def run() -> None:
    """The command as a process of its own."""
    lean.own()
    main()


if __name__ == "__main__":
    run()
