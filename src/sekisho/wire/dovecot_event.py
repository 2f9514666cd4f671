"""Dovecot's exported events, one JSON object per HTTP POST (event_exporter; captured from 2.3.19.1 and 2.4.1).

Read here: `managesieve_command_finished` (PUTSCRIPT, SETACTIVE), `sieve_action_finished` (redirect, fileinto),
`mail_user_session_finished` of a person's session, and what was done in it (wire.dovecot_reading): `mail_opened`,
`mail_expunge_requested`, `imap_command_finished`. Every other event is None. ManageSieve events carry no client
address: join them with the login by `session`. `user` is set by Dovecot after authentication; texts such as the
message id, the script's name, a folder's name or a search come from outside. Not supported: time formats other than
rfc3339.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from sekisho.wire.dovecot_reading import (
    FolderOpened,
    FolderRemoved,
    FolderSearched,
    MessageOpened,
    MessageRemoved,
    MessagesStored,
    Who,
    command,
    is_fetched,
    removal,
)
from sekisho.wire.errors import WireError

# Largest captured: 940 octets; a subject may be long.
MAX_BODY = 64 * 1024


class ScriptStored(msgspec.Struct, frozen=True):
    """A Sieve script was uploaded (PUTSCRIPT); its text must be fetched with doveadm."""

    # Epoch seconds at which the command ended; 0 when the event names no time.
    t: float
    user: str
    session: str
    script: str


class ScriptActivated(msgspec.Struct, frozen=True):
    """A Sieve script was made the active one (SETACTIVE); an empty name: none is active any more."""

    t: float
    user: str
    session: str
    script: str


class RedirectSent(msgspec.Struct, frozen=True):
    """A message was redirected by the mailbox's script: a copy left the house."""

    t: float
    user: str
    target: str
    message_id: str


class MessageFiled(msgspec.Struct, frozen=True):
    """A script put a message into a folder other than the inbox."""

    t: float
    user: str
    folder: str
    message_id: str


class SessionFinished(msgspec.Struct, frozen=True):
    """A person's IMAP, POP3 or ManageSieve session ended. Octets are 0 when Dovecot (2.3) does not say."""

    t: float
    user: str
    session: str
    protocol: str
    ip: str
    seconds: float
    bytes_in: int
    bytes_out: int


SessionAct = FolderOpened | MessageOpened | FolderSearched | MessageRemoved | MessagesStored | FolderRemoved
ParsedEvent = ScriptStored | ScriptActivated | RedirectSent | MessageFiled | SessionFinished | SessionAct


class _Fields(msgspec.Struct):
    user: str = ""
    session: str = ""
    remote_ip: str = ""
    protocol: str = ""
    error: str = ""
    cmd_name: str = ""
    cmd_args: str = ""
    tagged_reply: str = ""
    # A list of words, `imap:fetch_body` among them.
    reason_code: list[str] = []
    mailbox: str = ""
    uid: int = 0
    script_name: str = ""
    action_name: str = ""
    redirect_target: str = ""
    fileinto_mailbox_name: str = ""
    message_id: str = ""
    # Microseconds.
    duration: int = 0
    net_in_bytes: int = 0
    net_out_bytes: int = 0


class _Event(msgspec.Struct):
    event: str
    end_time: str = ""
    categories: list[str] = []
    fields: msgspec.Raw = msgspec.Raw(b"{}")


_event = msgspec.json.Decoder(_Event)
_fields = msgspec.json.Decoder(_Fields)


def parse_event(body: bytes) -> ParsedEvent | None:
    """What the event says, None if it says nothing we use; raises WireError."""
    if len(body) > MAX_BODY:
        raise WireError("Dovecot event is longer than 64 KiB")
    event: _Event = _decode(_event, body)
    reader = _READERS.get(event.event)
    if reader is None:
        return None
    fields: _Fields = _decode(_fields, bytes(event.fields))
    found: ParsedEvent | None = reader(_moment(event.end_time), fields, event.categories)
    return found


def _decode(decoder: msgspec.json.Decoder[Any], body: bytes) -> Any:
    try:
        return decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WireError("Dovecot event is not the JSON Dovecot sends") from error


def _moment(text: str) -> float:
    if not text:
        return 0.0
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise WireError("Dovecot event: end_time has no zone; set format_args=time-rfc3339")
        return moment.timestamp()
    except (ValueError, OverflowError) as error:
        raise WireError("Dovecot event: end_time is not RFC 3339; set format_args=time-rfc3339") from error


def _managesieve(t: float, fields: _Fields, _categories: list[str]) -> ScriptStored | ScriptActivated | None:
    # A refused command (syntax error in the script, quota) changed nothing.
    if not fields.user or fields.error:
        return None
    if fields.cmd_name == "PUTSCRIPT":
        return ScriptStored(t, fields.user, fields.session, fields.script_name)
    if fields.cmd_name == "SETACTIVE":
        return ScriptActivated(t, fields.user, fields.session, fields.script_name)
    return None


def _sieve_action(t: float, fields: _Fields, _categories: list[str]) -> RedirectSent | MessageFiled | None:
    if not fields.user or fields.error:
        return None
    if fields.action_name == "redirect":
        return RedirectSent(t, fields.user, fields.redirect_target, fields.message_id)
    if fields.action_name == "fileinto":
        return MessageFiled(t, fields.user, fields.fileinto_mailbox_name, fields.message_id)
    return None


# Categories of a person's session; lmtp, doveadm and indexer sessions have the same event and are nobody's reading.
_SERVICES = {"service:imap": "imap", "service:pop3": "pop3", "service:managesieve": "sieve"}


def _protocol(categories: list[str]) -> str:
    return next((_SERVICES[name] for name in categories if name in _SERVICES), "")


def _who(t: float, fields: _Fields, categories: list[str]) -> Who | None:
    """The person's session in which it happened; None for deliveries, doveadm and the indexer."""
    protocol = _protocol(categories)
    if not protocol or not fields.user or not fields.session:
        return None
    return Who(t, fields.user, fields.session, protocol, fields.remote_ip)


def _opened(t: float, fields: _Fields, categories: list[str]) -> MessageOpened | None:
    who = _who(t, fields, categories)
    if who is None or not is_fetched(fields.reason_code):
        return None
    return MessageOpened(who, fields.mailbox, fields.uid)


def _removed(t: float, fields: _Fields, categories: list[str]) -> MessageRemoved | None:
    who = _who(t, fields, categories)
    return None if who is None else removal(who, fields.mailbox, fields.uid, fields.cmd_name, fields.reason_code)


def _command(t: float, fields: _Fields, categories: list[str]) -> SessionAct | None:
    who = _who(t, fields, categories)
    if who is None:
        return None
    return command(who, fields.cmd_name, fields.cmd_args, fields.mailbox, fields.tagged_reply)


def _session(t: float, fields: _Fields, categories: list[str]) -> SessionFinished | None:
    protocol = _protocol(categories)
    if not protocol or not fields.user or not fields.remote_ip:
        return None
    return SessionFinished(
        t=t,
        user=fields.user,
        session=fields.session,
        protocol=protocol,
        ip=fields.remote_ip,
        seconds=fields.duration / 1e6,
        bytes_in=fields.net_in_bytes,
        bytes_out=fields.net_out_bytes,
    )


_READERS: dict[str, Any] = {
    "managesieve_command_finished": _managesieve,
    "sieve_action_finished": _sieve_action,
    "mail_user_session_finished": _session,
    "mail_opened": _opened,
    "mail_expunge_requested": _removed,
    "imap_command_finished": _command,
}
