"""References to secrets: `env:NAME` and `file:PATH` stand in configuration where a secret is needed.

Belongs here: turning a reference into the secret. Does not belong here: keeping secrets, or any configuration's form.
A secret itself never stands in a configuration file: files are copied, shown and committed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, SecretStr

_FORMS = "write env:NAME (an environment variable) or file:PATH (a file that holds it)"


def reveal(reference: object) -> SecretStr:
    """The secret that `reference` names, without the newline that ends a file. Raises ValueError that never shows it."""
    if isinstance(reference, SecretStr):
        return reference
    form, _, name = str(reference).partition(":")
    if form == "env" and name:
        value = os.environ.get(name, "")
        if not value:
            raise ValueError(f"the environment variable {name} is not set")
    elif form == "file" and name:
        try:
            value = Path(name).expanduser().read_text().strip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"the file {name} cannot be read: {error}") from None
        if not value:
            raise ValueError(f"the file {name} is empty")
    else:
        raise ValueError(f"a secret must not stand here itself; {_FORMS}")
    return SecretStr(value)


def files(options: Mapping[str, object]) -> list[Path]:
    """Files that references among the values of `options` name, whether they exist or not."""
    named = (value for value in options.values() if isinstance(value, str))
    return [Path(name).expanduser() for form, _, name in (value.partition(":") for value in named) if form == "file"]


def _reveal(value: Any) -> Any:
    return reveal(value)


#: Type of a configuration field that holds a reference and gives the secret.
Secret = Annotated[SecretStr, BeforeValidator(_reveal)]
