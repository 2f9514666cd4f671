"""Mail that comes back for what the hijacker sent goes into a folder of its own, not into the recovered owner's inbox.

Bounces of a blast wait at the senders' servers and in our own queue as all mail to a suspended mailbox does, and come
in by the hundred on the day the owner returns. None is lost, and none stands between his letters: before the barrier
falls a Sieve script for this one mailbox is written into the directory that Dovecot's `sieve_before` names. It takes
mail from the null sender (RFC 5321, section 4.5.5) in which a queue id of the incident occurs where a report says what
came back (RFC 3464: the report's fields, the returned message's own headers, or its text), and automatic answers (RFC
3834) to one of its Message-IDs. Queue ids are ours and say which message; the hijacker's Message-IDs are his, so they
count only in In-Reply-To and References, and only in a form that is surely one.

Bounces that arrived before the trip are in the inbox already and stay there.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterable
from pathlib import Path

from sekisho.containment.commands import CommandError
from sekisho.containment.postfix import is_queue_id
from sekisho.containment.work import Tools, Work, counted
from sekisho.journal import replace_file

# The longest queue lifetimes are five days, and servers that were down report late; after a month nothing comes.
SCRIPTS_KEPT_S = 30 * 86_400.0
# Messages a script knows, the newest: 500 cost 0.25 s for the largest text looked at (measured, Pigeonhole 2.3.19).
MOST_MESSAGES = 500
# Servers that report in plain text (qmail) quote headers only; longer text is not searched.
TEXT_SEARCHED = "64K"

# Nothing that could end a quoted string; with an "@" inside, as every mail program makes them (RFC 5322, 3.6.4).
_message_id = re.compile(r"<[!#-;=?A-\[\]-~]{1,120}@[!#-;=?A-\[\]-~]{1,120}>").fullmatch
# A mailbox that may name a file: Dovecot puts the same name in place of %u.
_file_name = re.compile(r"[^/\0.][^/\0]{0,200}").fullmatch


def script_path(tools: Tools, mailbox: str) -> Path | None:
    """Where Dovecot looks for this mailbox's script; None when the site has not set that up."""
    directory = tools.settings.dovecot.returned_mail_scripts
    return Path(directory) / f"{mailbox}.sieve" if directory and _file_name(mailbox) else None


def script_text(queue_ids: Collection[str], message_ids: Iterable[str], folder: str) -> str:
    """The script for mail that comes back for these messages; names that could mean something else are left out."""
    ids = _list([queue_id for queue_id in queue_ids if is_queue_id(queue_id)][:MOST_MESSAGES])
    tests = [
        f'body :comparator "i;octet" :content ["message", "text/rfc822-headers"] :contains {ids}',
        f'allof(size :under {TEXT_SEARCHED}, body :comparator "i;octet" :content "text" :contains {ids})',
    ]
    if replied := [message_id for message_id in message_ids if _message_id(message_id)][:MOST_MESSAGES]:
        tests.append(f'header :comparator "i;octet" :contains ["in-reply-to", "references"] {_list(replied)}')
    any_of = ",\n  ".join(tests)
    quoted = folder.replace("\\", "\\\\").replace('"', '\\"')
    return (
        "# Written by Sekisho's agent: mail that comes back for what a hijacker sent.\n"
        'require ["envelope", "body", "fileinto", "mailbox", "comparator-i;octet"];\n'
        f'if allof(envelope :is "from" "", anyof(\n  {any_of})) {{\n'
        f'  fileinto :create "{quoted}";\n  stop;\n}}\n'
    )


def _list(words: Iterable[str]) -> str:
    return "[" + ", ".join(f'"{word}"' for word in words) + "]"


def file_returned(work: Work) -> bool:
    """Writes the script when the order names messages of the incident."""
    entry, tools = work.entry, work.tools
    path = script_path(tools, entry.mailbox)
    if path is None or not entry.sent_ids:
        return False
    text = script_text(entry.sent_ids, entry.sent_message_ids, tools.settings.dovecot.returned_mail_folder)
    data = text.encode()
    with contextlib.suppress(FileNotFoundError):
        if path.read_bytes() == data:
            return False
    _make_directory(path.parent)
    replace_file(path, data, mode=0o644)
    path.chmod(0o644)
    try:
        tools.dovecot.compile_script(path)
    except CommandError:
        # Dovecot then compiles it itself at each delivery, which costs some milliseconds and a line in its log.
        work.notes["uncompiled"] = 1
    return True


def _make_directory(directory: Path) -> None:
    """Makes it passable for the mail server: where it may not look, Dovecot defers the mail of every mailbox (451)."""
    if not directory.is_dir():
        directory.mkdir(parents=True)
        directory.chmod(0o755)


def returned_filed(work: Work) -> str:
    entry, tools = work.entry, work.tools
    path = script_path(tools, entry.mailbox)
    if path is None:
        return "no folder for returned mail is set up (dovecot.returned_mail_scripts)"
    if not entry.sent_ids:
        return "nothing was sent that could come back"
    # Read back as the mail server sees it; a missing file is an OSError, and the step is tried again.
    path.read_bytes()
    number = counted(len(entry.sent_ids), "message")
    return f"what comes back for {number} goes to {tools.settings.dovecot.returned_mail_folder}" + (
        "; not compiled" if work.notes.get("uncompiled") else ""
    )


def prune_scripts(tools: Tools, now: float) -> None:
    """Removes scripts older than SCRIPTS_KEPT_S and what was compiled of them; raises OSError when the disk refuses."""
    directory = tools.settings.dovecot.returned_mail_scripts
    if not directory or not Path(directory).is_dir():
        return
    for path in Path(directory).iterdir():
        with contextlib.suppress(FileNotFoundError):
            if path.suffix in (".sieve", ".svbin") and path.stat().st_mtime < now - SCRIPTS_KEPT_S:
                path.unlink()
