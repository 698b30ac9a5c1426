"""What every source at AWS (or at a store that speaks its protocols) shares: options, clients, errors in words.

Belongs here: credentials, endpoints, what a refusal means. Does not belong here: listing (bucket.py), messages (queue.py).
`boto3` finds credentials as it always does (environment, profile, instance role), unless a connection names its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydantic import Field, model_validator

from nexus.errors import InputError, ProviderError
from orchestration.live.spec import LiveConfig, Secret

#: Refusals that pass by themselves; whatever else AWS answers below 500 does not.
_AGAIN = {
    "SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "RequestTimeout", "RequestTimeTooSkewed",
    "InternalError", "ServiceUnavailable", "503", "500", "OperationAborted", "RequestThrottled",
}  # fmt: skip
_MEANING = {
    "NoSuchBucket": "there is no such bucket",
    "AccessDenied": "access is denied",
    "AllAccessDisabled": "access is denied",
    "403": "access is denied",
    "404": "there is no such bucket or object",
    "AWS.SimpleQueueService.NonExistentQueue": "there is no such queue",
    "QueueDoesNotExist": "there is no such queue",
    "InvalidAccessKeyId": "AWS does not know the key id",
    "SignatureDoesNotMatch": "the secret does not belong to the key id",
    "ExpiredToken": "the session token has expired",
    "PermanentRedirect": "the bucket is in another region",
    "AuthorizationHeaderMalformed": "the bucket is in another region",
}


class AwsConfig(LiveConfig):
    """Options of a connection to AWS. Without a key, boto3's own chain of credentials is asked."""

    region: str = Field(default="us-east-1", description="region of bucket and queue")
    endpoint_url: str | None = Field(
        default=None, description="address of an S3-compatible store; AWS where none is named"
    )
    access_key_id: str | None = Field(default=None, description="key id; not a secret")
    secret_access_key: Secret | None = None
    session_token: Secret | None = None

    @model_validator(mode="after")
    def _whole_key(self) -> AwsConfig:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("access_key_id and secret_access_key belong together: give both or neither")
        return self


def client(service: str, config: AwsConfig) -> Any:
    """A client of `s3` or `sqs`. Asks a failing service again, as AWS advises, and safe to share between threads."""
    import boto3
    from botocore.config import Config

    key = config.secret_access_key
    token = config.session_token
    return boto3.session.Session().client(
        service,
        region_name=config.region,
        endpoint_url=config.endpoint_url,
        aws_access_key_id=config.access_key_id,
        aws_secret_access_key=key.get_secret_value() if key else None,
        aws_session_token=token.get_secret_value() if token else None,
        config=Config(
            retries={"mode": "standard", "total_max_attempts": 6}, connect_timeout=10, read_timeout=60,
            max_pool_connections=16,
            # a store that is not Amazon's may not know names of buckets as names of hosts
            s3={"addressing_style": "path"} if config.endpoint_url else None,
        ),
    )  # fmt: skip


@contextmanager
def told(what: str, remedy: str) -> Iterator[None]:
    """Turns what boto3 raises into ProviderError (may pass) or InputError (will not), which say `what` was tried."""
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

    try:
        yield
    except ClientError as error:
        code, status = code_of(error), error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        said = _MEANING.get(code) or error.response.get("Error", {}).get("Message") or "no explanation"
        message = f"AWS refused to {what}: {said} ({code})"
        if code in _AGAIN or status >= 500:
            raise ProviderError(message, remedy="the next pull goes on from what has landed") from error
        raise InputError(message, remedy=remedy) from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise InputError(
            f"cannot {what}: no AWS credentials were found",
            remedy="give access_key_id and secret_access_key, or set what boto3 looks for (environment, profile, role)",
        ) from error
    except (BotoCoreError, OSError) as error:
        raise ProviderError(
            f"cannot {what}: {error}",
            remedy="check endpoint_url and region; the next pull goes on from what has landed",
        ) from error


def code_of(error: Any) -> str:
    """AWS's word for what went wrong."""
    return str(error.response.get("Error", {}).get("Code", ""))
