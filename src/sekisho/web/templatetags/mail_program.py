"""What belongs in a mail program, in the viewer's words."""

from __future__ import annotations

from django import template
from django.utils.translation import get_language

from sekisho.recovery.mail_programs import SECURITY_WORDS
from sekisho.recovery.mail_settings import MailSettings

register = template.Library()


@register.filter
def security(settings: MailSettings, port: int) -> str:
    """How a connection to this port is encrypted, as mail programs call it."""
    return SECURITY_WORDS[settings.security(port)][0 if (get_language() or "ja").startswith("ja") else 1]
