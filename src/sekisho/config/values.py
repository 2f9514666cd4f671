"""Kinds of values that several settings share, each with its unit and bounds."""

from __future__ import annotations

from typing import Annotated

import msgspec

# Countries, owners, and one of each for a region; more is a mistake.
AddressDataFiles = Annotated[tuple[str, ...], msgspec.Meta(max_length=4)]
Port = Annotated[int, msgspec.Meta(ge=1, le=65535, extra={"unit": "port"})]
# A list of everywhere is no rule.
Country = Annotated[str, msgspec.Meta(pattern="^[A-Z]{2}$")]
Countries = Annotated[tuple[Country, ...], msgspec.Meta(max_length=20)]
# Each is compared with the address of each session from elsewhere.
Networks = Annotated[tuple[str, ...], msgspec.Meta(max_length=50)]
# 0: the usual one of what is asked there.
PortOrUsual = Annotated[int, msgspec.Meta(ge=0, le=65535, extra={"unit": "port"})]
# 0: not listened there at all.
PortOrNone = Annotated[int, msgspec.Meta(ge=0, le=65535, extra={"unit": "port"})]
# A secret itself: never shown, neither in an error nor by `sekisho config show`.
Secret = Annotated[str, msgspec.Meta(extra={"secret": "text"})]
# A file with a secret in it, or "credential:NAME" (sekisho.config.secret_files).
SecretFile = Annotated[str, msgspec.Meta(extra={"secret": "file"})]
