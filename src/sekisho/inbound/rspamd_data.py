"""What rspamd's plugin reads: the catalogue and the two tables of characters, as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import resources
from typing import Any

import msgspec

from sekisho.inbound.brands import Brand, BrandRow, Catalogue, brand, catalogue
from sekisho.inbound.fold import character_table, confusables


def catalogue_data(more: Iterable[BrandRow] = ()) -> dict[str, Any]:
    """Catalogue (with an operator's own rows) and tables; `companions` as an object, since Lua has no sets."""
    base = catalogue()
    base = msgspec.structs.replace(base, brands=(*base.brands, *(brand(row) for row in more)))
    return {"plain": character_table(), "looks": confusables(), "catalogue": _plain_data(base)}


def _plain_data(base: Catalogue) -> dict[str, Any]:
    data: dict[str, Any] = msgspec.to_builtins(base)
    return data | {"companions": {word: True for word in sorted(base.companions)}}


def brand_data(own: Brand) -> dict[str, Any]:
    """One brand, such as the tenant itself."""
    data: dict[str, Any] = msgspec.to_builtins(own)
    return data


def program(name: str) -> str:
    """A Lua or configuration file as it is stored here; raises FileNotFoundError."""
    return resources.files("sekisho.inbound").joinpath("rspamd", name).read_text(encoding="utf-8")
