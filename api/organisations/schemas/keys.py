"""Bodies of API keys."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from api.kernel.ids import id_field, path_id, pattern
from api.organisations.schemas.access import Scope
from api.organisations.schemas.organisation import Name

KeyId = Annotated[str, path_id("key")]
LONGEST_DAYS = 366
_Permission = Annotated[str, Field(max_length=100, examples=["models.predict"])]


class KeyIn(BaseModel):
    """What a key may do: at most what its maker and its holder may."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    scopes: dict[Scope, list[_Permission]] = Field(
        min_length=1, max_length=200, examples=[{"demo": ["models.read", "models.predict"]}],
        description="where (a workspace, or `*`) → permissions; `*` is everything",
    )  # fmt: skip
    expires_in_days: int = Field(ge=1, le=LONGEST_DAYS, examples=[90])
    service_account_id: str | None = Field(
        default=None, pattern=pattern("sva"), description="whose key it is; one's own without it"
    )


class RotateIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    overlap_seconds: int = Field(
        default=3600, ge=0, le=30 * 86400, description="for so long the old key goes on working, unless it ends before"
    )
    expires_in_days: int = Field(ge=1, le=LONGEST_DAYS, examples=[90])


class KeyOut(BaseModel):
    id: str = id_field("key")
    name: str = Field(examples=["Nightly report"])
    prefix: str = Field(description="how the key begins", examples=["nxk_4f7c2k9q"])
    member_id: str | None = None
    service_account_id: str | None = None
    scopes: dict[str, list[str]]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None = Field(default=None, description="exact to a minute")
    revoked_at: datetime | None = None
    rotated_from: str | None = None


class NewKeyOut(KeyOut):
    key: str = Field(description="the key itself: shown this once, kept by nobody", examples=["nxk_4f7c2k9q_…"])
