"""What the agent says about itself: alarms, and `agent/status.json` each second."""

from __future__ import annotations

import json
import logging
import os
import time
from pathlib import Path
from typing import Any

from sekisho.journal import replace_file

log = logging.getLogger(__name__)

# The page shows a few; the log has all.
MOST_ALARMS = 50


class Alarms:
    """Standing alarms by key: set while true, cleared by None. Each change is one log line."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def set(self, key: str, text: str | None) -> None:
        known = self._texts.get(key)
        if text is None:
            if known is not None:
                del self._texts[key]
                log.info("alarm over: %s", known)
        elif text != known:
            self._texts[key] = text
            log.error("alarm: %s", text)

    def replace(self, kind: str, texts: dict[str, str]) -> None:
        """Sets exactly these alarms among those whose key begins with `kind`."""
        for key in [key for key in self._texts if key.startswith(kind) and key not in texts]:
            self.set(key, None)
        for key, text in texts.items():
            self.set(key, text)

    def texts(self) -> list[str]:
        return list(self._texts.values())[:MOST_ALARMS]


def guard_status(path: Path) -> tuple[float, dict[str, Any]] | None:
    """The guard's last words about itself and when it wrote them; it has no database to say them in. None: never."""
    try:
        status = json.loads(path.read_bytes())
        facts = {
            "alarms": [str(text) for text in status["alarms"]],
            "mode": str(status["mode"]),
            "address_sources": [
                {"kind": str(row["kind"]), "path": str(row["path"]), "made_at": float(row["made_at"])}
                for row in status.get("address_sources", ())
            ],
        }
        return float(status["at"]), facts
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


class StatusFile:
    """`status.json`: written each second, so its age tells whether the agent lives."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._since = time.time()

    def write(self, facts: dict[str, Any]) -> None:
        content = {"process": "agent", "pid": os.getpid(), "at": time.time(), "since": self._since, **facts}
        replace_file(self._path, json.dumps(content, ensure_ascii=False).encode())
