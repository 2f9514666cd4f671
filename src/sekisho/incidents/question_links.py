"""The link in a notice that asks: made when the mail leaves, known again by its hash.

A link may lie in a mailbox for days, and scanners open it. So its token opens one page and lets one answer be given:
a yes lifts the restriction under an allowance, a no suspends. Both are bounded, told and can be undone in the panel;
no link opens a suspended mailbox. The token is HMAC of a random seed under the installation's key: the outbox can
write the same link again after a kill, and whoever reads our database alone cannot.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta

from django.utils.crypto import salted_hmac

from sekisho.config import settings
from sekisho.incidents.models import Notice, QuestionLink

# Half a working day: the admin of a small company reads his mail by then; a mailing that is stopped costs him the day.
ESCALATE_AFTER = timedelta(hours=4)
# 128 bits (RFC 6749 10.10 asks for a chance of guessing below 2^-128).
TOKEN_BYTES = 16


def token_of(seed: str) -> str:
    """The token of a seed, in hex."""
    return salted_hmac("sekisho.question-link", seed, algorithm="sha256").digest()[:TOKEN_BYTES].hex()


def hash_token(token: str) -> str:
    """What the database keeps of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def link_address(notice: Notice) -> str:
    """The address of the page that a notice's link opens, "" for a notice without one. A secret of its reader."""
    link = QuestionLink.objects.filter(notice=notice).first()
    return f"{settings().web.panel_url}/question/{token_of(link.seed)}" if link else ""


def find_link(token: str) -> QuestionLink | None:
    """The link of a token, whether its question is still open or not; None for one that we never made."""
    rows = QuestionLink.objects.select_related("question__incident", "notice")
    return rows.filter(token_hash=hash_token(token)).first()
