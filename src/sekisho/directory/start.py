"""The one place where Django starts: agent, worker and command line call it before they import a model."""

from __future__ import annotations

import os


def start_django() -> None:
    """Loads Django's settings and models; a second call does nothing. Raises ConfigError without a configuration."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sekisho.web.settings")
    import django

    django.setup()
