"""How often somebody may do something: rules, and where the counting is done.

Belongs here: token bucket and sliding window, in this process or in Redis. Does not belong here: HTTP (api/kernel/limits.py).
"""

from nexus.limits.addresses import network
from nexus.limits.rules import Decision, Rule, SlidingWindow, TokenBucket
from nexus.limits.stores import Limiter, limiter

__all__ = ["Decision", "Limiter", "Rule", "SlidingWindow", "TokenBucket", "limiter", "network"]
