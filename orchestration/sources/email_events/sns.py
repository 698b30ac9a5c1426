"""SNS, by which SES posts its events: whose message it is, and agreeing to a subscription.

Belongs here: the signature, the certificate, confirmations. Does not belong here: events (extract.py).
https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html

Nothing that a message names is asked for: certificate and confirmation come from the host of the region that the
connection's own `topic_arn` names, so a message cannot send us anywhere else.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

import httpx
import orjson

from nexus.errors import InputError, ProviderError
from orchestration.live.hook import Delivery, SignatureError
from orchestration.live.http import Client

_ARN = re.compile(r"arn:(aws|aws-cn|aws-us-gov):sns:([a-z0-9-]+):\d{12}:[A-Za-z0-9_.-]+")
_CERTIFICATE = re.compile(r"/SimpleNotificationService-[0-9a-f]{8,64}\.pem")
#: What is signed, in this order; Subject only where there is one.
_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
_KEPT = 8


def region_of(topic_arn: str) -> tuple[str, str]:
    """Partition and region of a topic. Raises ValueError for what is no ARN of one."""
    match = _ARN.fullmatch(topic_arn)
    if match is None:
        raise ValueError("must be the ARN of an SNS topic, such as arn:aws:sns:eu-west-1:111122223333:mail")
    return match[1], match[2]


class Topic:
    """Messages of one topic."""

    def __init__(self, topic_arn: str, transport: httpx.BaseTransport | None = None) -> None:
        partition, region = region_of(topic_arn)
        self._arn = topic_arn
        self._host = f"sns.{region}.amazonaws.com" + (".cn" if partition == "aws-cn" else "")
        self._client = Client(
            "SNS", f"https://{self._host}", hint="the subscription must be of the connection's topic",
            transport=transport, timeout=10, is_json=False,
        )  # fmt: skip
        self._keys: dict[str, Any] = {}

    def accept(self, headers: Mapping[str, str], body: bytes) -> Delivery:
        message = self._verified(body)
        if message["Type"] == "SubscriptionConfirmation":
            query = {"Action": "ConfirmSubscription", "TopicArn": self._arn, "Token": message["Token"]}
            self._client.get("/", query)
            return Delivery(())
        if message["Type"] == "UnsubscribeConfirmation" or not message["Message"].lstrip().startswith("{"):
            return Delivery(())  # the greeting of SES to a new topic is a sentence
        # the contract opens envelopes
        return Delivery([{"Type": "Notification", "Message": message["Message"]}])

    def _verified(self, body: bytes) -> dict[str, Any]:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric import padding
        from cryptography.hazmat.primitives.hashes import SHA1, SHA256

        refusal = SignatureError("the message is not signed by the topic of this connection")
        try:
            message = orjson.loads(body)
            names = _SIGNED[message["Type"]]
            text = "".join(f"{n}\n{message[n]}\n" for n in names if n != "Subject" or message.get(n) is not None)
            signature = base64.b64decode(message["Signature"], validate=True)
            digest = {"1": SHA1, "2": SHA256}[message["SignatureVersion"]]()
            url = httpx.URL(message["SigningCertURL"])
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, binascii.Error, httpx.InvalidURL):
            raise refusal from None
        if message["TopicArn"] != self._arn or not all(isinstance(message[n], str) for n in ("Message", "MessageId")):
            raise refusal
        trusted = (url.scheme, url.host, url.port, url.query) == ("https", self._host, None, b"")
        if not trusted or not _CERTIFICATE.fullmatch(url.path):
            raise refusal
        try:
            self._key(url.path).verify(signature, text.encode(), padding.PKCS1v15(), digest)
        except InvalidSignature:
            raise refusal from None
        return dict(message)

    def _key(self, path: str) -> Any:
        """The public key of the certificate; asked for once."""
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
        from cryptography.x509 import load_pem_x509_certificate

        if path not in self._keys:
            try:
                content = self._client.get(path).content
            except InputError as error:
                raise SignatureError("the certificate that the message names does not exist") from error
            try:
                key = load_pem_x509_certificate(content).public_key()
            except ValueError as error:
                raise ProviderError("SNS gave something else than a certificate") from error
            if not isinstance(key, RSAPublicKey):
                raise SignatureError("the certificate that the message names has no key of RSA")
            if len(self._keys) >= _KEPT:
                self._keys.clear()
            self._keys[path] = key
        return self._keys[path]
