"""What the sections of a configuration file are made of."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[int, Field(gt=0)]


class Settings(BaseModel):
    """A section of the file: unknown keys are refused, values do not change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def ip_of(key: str, text: str) -> IPv4Address | IPv6Address:
    """Raises ValueError that names the key."""
    try:
        return ip_address(text)
    except ValueError:
        raise ValueError(f"{key}: expected an IP address, got {text!r}") from None


def on_or_off(value: Any) -> Any:
    """YAML reads a bare `on` or `off` as true or false."""
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else value
