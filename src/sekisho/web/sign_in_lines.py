"""A mailbox's logins with the names of countries, networks and ways in, in the viewer's language."""

from __future__ import annotations

from typing import Any

from django.utils.translation import get_language

from sekisho.incidents import sign_ins
from sekisho.incidents.usual import country_names, owner_names
from sekisho.web import words


def named_lines(mailbox: str, *, success: bool = True) -> list[dict[str, Any]]:
    """As `sign_ins.lines`, each with `place`, `network` and `ways` in words."""
    found = sign_ins.lines(mailbox, success=success)
    countries = country_names((get_language() or "ja")[:2])
    owners = owner_names({line.asn for line in found})
    return [
        {
            **line._asdict(),
            "place": countries.get(line.country, line.country),
            "network": owners.get(line.asn) or (f"AS{line.asn}" if line.asn else ""),
            "ways": [words.word(words.WAYS_IN, name) for name in line.protocols],
            "several": line.first != line.last,
        }
        for line in found
    ]
