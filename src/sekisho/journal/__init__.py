"""The files between our processes: decisions and events out of the guard, the state back into it.

Who may enter: the guard writes journal and spool and reads the state; agent and worker read journal and spool, the
agent writes the state. What it must never do: judge, talk to a database or a socket. A decision counts only after
`AppendLog.append` has returned with `fsync=True`; a reader never sees half a record; a torn last record is skipped
and said. See docs/flow.md for who writes what.
"""

from sekisho.journal.files import AppendLog, Cursor, Follower, read_cursor, replace_file, write_cursor
from sekisho.journal.records import (
    AttemptSeen,
    ComplaintMade,
    DecisionRecord,
    DeliveryResult,
    Event,
    GuardGap,
    IndicatorRecord,
    LoginSeen,
    MailArrived,
    MessageSubmitted,
    NewRecipientAsked,
    NoticeArrived,
    NoticeSeen,
    QueueIdPaired,
    RecordError,
    ReturnFiled,
    ScoreSampled,
    ScriptChanged,
    SenderDeferred,
    Thresholds,
    UsualSeen,
    format_record,
    parse_complaint,
    parse_decision,
    parse_event,
)
from sekisho.journal.state import MailboxState, OpenCountry, StateFile, read_state, write_state

__all__ = [
    "AppendLog",
    "AttemptSeen",
    "ComplaintMade",
    "Cursor",
    "DecisionRecord",
    "DeliveryResult",
    "Event",
    "Follower",
    "GuardGap",
    "IndicatorRecord",
    "LoginSeen",
    "MailArrived",
    "MailboxState",
    "MessageSubmitted",
    "NewRecipientAsked",
    "NoticeArrived",
    "NoticeSeen",
    "OpenCountry",
    "QueueIdPaired",
    "RecordError",
    "ReturnFiled",
    "ScoreSampled",
    "ScriptChanged",
    "SenderDeferred",
    "StateFile",
    "Thresholds",
    "UsualSeen",
    "format_record",
    "parse_complaint",
    "parse_decision",
    "parse_event",
    "read_cursor",
    "read_state",
    "replace_file",
    "write_cursor",
    "write_state",
]
