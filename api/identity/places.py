"""Where somebody signs in from, coarsely: what may be kept when who they are may not.

Belongs here: from an address to its network, from a user agent to a browser's name. Does not belong here: sessions.
"""

from __future__ import annotations

import ipaddress

#: Bits that are kept: enough to tell networks and countries apart, too few to tell homes apart.
BITS = {4: 24, 6: 48}


def network(address: str) -> str:
    """`203.0.113.7` → `203.0.113.0`; empty for what is no address."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return ""
    return str(ipaddress.ip_network(f"{ip}/{BITS[ip.version]}", strict=False).network_address)


def browser_name(user_agent: str) -> str:
    """`Firefox on Linux`: enough to know one's own again."""
    browsers = {"Edg/": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "Chrome/": "Chrome", "Safari/": "Safari"}
    systems = {
        "Android": "Android",
        "iPhone": "iPhone",
        "iPad": "iPad",
        "Windows": "Windows",
        "Mac OS": "macOS",
        "Linux": "Linux",
    }
    browser = next((name for mark, name in browsers.items() if mark in user_agent), None)
    system = next((name for mark, name in systems.items() if mark in user_agent), None)
    if browser is None:
        return user_agent.split("/")[0][:40] or "A program"
    return f"{browser} on {system}" if system else browser
