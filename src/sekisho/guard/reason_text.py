"""Whether clients of a suspended mailbox may be told a reason: never where fail2ban would ban the owner for it.

Dovecot logs a refusal with a text as a failed login ("auth failed"), and a phone tries every few minutes.
"""

from __future__ import annotations

from pathlib import Path

from sekisho.config import GuardSettings

# What `sekisho fail2ban-ignore --jail` prints calls it; our own name for it or the site's, it is in one of these.
_COMMAND = "fail2ban-ignore"
_PLACES = ("jail.d/*.conf", "jail.d/*.local", "jail.local")


def told_reason(guard: GuardSettings) -> tuple[str, str]:
    """The text for clients and the alarm about it, each "" for none; looked at once, when the guard starts."""
    if not guard.reason_text:
        return "", ""
    directory = Path(guard.fail2ban_directory)
    if not directory.is_dir() or _is_spared(directory):
        return guard.reason_text, ""
    return "", (
        "guard.reason_text is not shown: fail2ban would ban owners for it; "
        f"put `sekisho fail2ban-ignore --jail` into {directory}/jail.d/sekisho.local and restart the guard"
    )


def _is_spared(directory: Path) -> bool:
    for pattern in _PLACES:
        for file in directory.glob(pattern):
            try:
                if _COMMAND in file.read_text(errors="replace"):
                    return True
            except OSError:
                continue
    return False
