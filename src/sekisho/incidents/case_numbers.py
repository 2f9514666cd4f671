"""Case numbers: `SK-1042-7F3K9Q`, said in every notice, so that its reader can check in the panel that it is genuine.

The last part is 30 bits of an HMAC under the installation's key: whoever counts up numbers finds none, and a page that
knows a number says only that it exists and since when.
"""

from __future__ import annotations

import re

from django.utils.crypto import constant_time_compare, salted_hmac

from sekisho.incidents.models import Incident

# Crockford's base 32: no I, L, O and U, so a number read out on the telephone is typed right.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_MISREAD = str.maketrans("OIL", "011")
# 30 bits; the page allows 20 tries in a quarter of an hour for an address (web.views.case).
_LETTERS = 6
# Sign, number, check; people leave out hyphens or type blanks.
_FORM = re.compile(r"\s*SK\s*-?\s*([0-9]{1,18})\s*-\s*([0-9A-Z]{6})\s*")


def _check(number: int, mailbox: str, generation: int) -> str:
    key = f"{number}\0{mailbox}\0{generation}"
    bits = int.from_bytes(salted_hmac("sekisho.case", key, algorithm="sha256").digest()[:4], "big") >> 2
    return "".join(_ALPHABET[bits >> 5 * place & 31] for place in reversed(range(_LETTERS)))


def case_number(incident: Incident) -> str:
    """The incident's case number, the same at every call."""
    return f"SK-{incident.pk}-{_check(incident.pk, incident.mailbox, incident.generation)}"


def find_case(typed: str) -> Incident | None:
    """The incident of a case number as somebody typed it; None for one that we never gave."""
    # Full-width letters and digits come from Japanese keyboards; the form is short, the text is cut.
    text = typed[:64].translate(_FULL_WIDTH).upper()
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    number, check = int(found[1]), found[2].translate(_MISREAD)
    incident = Incident.objects.filter(pk=number).first()
    mailbox, generation = (incident.mailbox, incident.generation) if incident else ("", 0)
    # Computed also where there is no such incident: the time tells nothing.
    genuine = constant_time_compare(_check(number, mailbox, generation), check)
    return incident if genuine and incident else None


_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20, 0x2212: 0x2D, 0x30FC: 0x2D}
