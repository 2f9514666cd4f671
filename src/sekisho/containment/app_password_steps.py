"""The steps on app passwords: off with a suspension, and brought to what the record says after a change."""

from __future__ import annotations

from sekisho.containment.work import StepFailed, Work, counted

# Dovecot looks at a passwd-file at most once a second: a program that is kicked sooner might come back with what was
# taken away.
SEEN_S = 1.1


def revoke_app_passwords(work: Work) -> bool:
    """Takes the suspended mailbox's lines away; the ledger alone decides, no database is asked."""
    return work.tools.app_passwords.write()


def fetch_app_passwords(work: Work) -> bool:
    """Asks the record anew and writes what it says; raises StepFailed while a database does not answer."""
    work.tools.app_passwords.take(work.tools.site.app_passwords())
    changed = work.tools.app_passwords.write()
    if changed:
        work.tools.sleep(SEEN_S)
    return changed


def app_passwords_stand(work: Work) -> str:
    """Reads the mailbox's lines back; raises StepFailed when they are not what they must be."""
    file = work.tools.app_passwords
    standing = file.standing(work.entry.mailbox)
    if standing != file.wanted(work.entry.mailbox):
        raise StepFailed(f"{counted(len(_numbers(standing)), 'app password')} in Dovecot's file, not as wanted")
    if work.entry.status == "suspended":
        return "no app password is left in Dovecot's file"
    return f"{counted(len(_numbers(standing)), 'app password')} in force"


def _numbers(lines: list[str]) -> set[str]:
    return {line.rpartition("=")[2] for line in lines}
