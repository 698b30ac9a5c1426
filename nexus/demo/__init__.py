"""The demo company: a whole invented software business, written as its providers would export it.

    from nexus.demo import Options, generate
    report = generate(Options(customers=50, months=4), folder)

`world/` decides what happens (causes before effects, no provider's format), `wire/` writes it in the providers' own
formats, `truth.py` writes what the world knows. Depends on the kernel, numpy, polars and orjson alone; nothing in
Nexus reads the truth except tests.
"""

from nexus.demo.build import Report, generate
from nexus.demo.options import Options

__all__ = ["Options", "Report", "generate"]
