"""The settings test's words in templates."""

from __future__ import annotations

from typing import Any

from django import template

from sekisho.web import settings_words, words

register = template.Library()


@register.filter
def fault(key: str) -> settings_words.Fault:
    """What is wrong and what to do; a key nobody knows is another password."""
    return settings_words.FAULTS.get(key, settings_words.FAULTS["wrong"])


@register.filter
def protocol_words(protocol: str) -> Any:
    return settings_words.PROTOCOLS.get(protocol, protocol)


@register.filter
def door_words(state: str) -> Any:
    return words.word(settings_words.DOORS, state)
