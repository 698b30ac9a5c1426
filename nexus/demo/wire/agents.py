"""User agents that appear in logs and mail events: people's browsers, mail clients and link scanners."""

from __future__ import annotations

BROWSERS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.5 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:129.0) Gecko/20100101 Firefox/129.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:129.0) Gecko/20100101 Firefox/129.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.5 Mobile/15E148 Safari/604.1",
)
BROWSER_NAMES = ("CHROME", "SAFARI", "FIREFOX", "FIREFOX", "SAFARI")
SYSTEMS = ("Windows 10", "Mac OS X", "Linux", "Windows 10", "iOS")
DEVICES = ("Computer", "Computer", "Computer", "Computer", "Mobile")
ATTACKER = "python-requests/2.31.0"
#: A privacy proxy of a mail client: nothing but the product token.
PRIVACY_PROXY = "Mozilla/5.0"
IMAGE_PROXY = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
SCANNERS = (
    "Mozilla/5.0 (compatible; Barracuda Sentinel)",
    "Mozilla/5.0 (compatible; Proofpoint URL Defense)",
    "Mozilla/5.0 (compatible; Mimecast URL Protect)",
    "Mozilla/5.0 (compatible; Microsoft SafeLinks)",
)
S3_CLIENT = "quillhaven-files/4.2 aws-sdk-java/2.25.11 Linux/5.15 OpenJDK_64-Bit_Server_VM/17.0.10"
S3_SYNC = "aws-cli/2.15.30 Python/3.11.8 Linux/6.1 exe/x86_64 prompt/off command/s3.sync"
