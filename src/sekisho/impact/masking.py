"""What a reader may see of people's correspondents (通信の秘密, 電気通信事業法 4条).

Counts and domains are what is needed to run a mail server and to help a customer; who wrote to whom is not. Whoever
has given no reason for this incident (impact.disclosures) reads a report without addresses, words of searches, and
names that people gave their folders. Other customers' mailboxes exist only for those who look after them.

What a masked reader may see of an evidence row is listed here by name: a fact that nobody has thought about is hidden.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from msgspec.structs import replace

from sekisho.impact.model import EvidenceRow, Folder, ImpactReport, Read, Search

HIDDEN = "…"
# Folders whose names say nothing of a person (RFC 6154, and what mail programs call them).
_COMMON_FOLDERS = frozenset(
    "inbox sent drafts trash junk spam archive archives templates outbox 送信済み 送信済みトレイ 下書き "
    "ごみ箱 迷惑メール アーカイブ".split()
) | {"sent items", "sent messages", "deleted items", "deleted messages", "junk e-mail"}  # fmt: skip
_ADDRESS = re.compile(r"[^\s<>,;:\"'()\[\]]+@(?P<domain>[^\s<>,;:\"'()\[\]@]+)")
# Facts that tell nothing of a correspondent. Numbers, yes and no, and nothing at all are always shown.
_OPEN_FACTS = frozenset(
    "ip country asn network network_owner protocol protocols device devices app_password host domain relation outcome "
    "state dsn via kind part action why indicator event success status queue_id service command".split()
)
# Among these a folder's name is a person's word, and an address is a correspondent's.
_FOLDERS = frozenset({"folder", "folders", "from_folder", "to_folder"})
# Behind these figures, names and targets are the third party's work, and the incident's page shows them anyway.
_SETTINGS = ("changed", "leaked")
_SETTING_FACTS = _OPEN_FACTS | {"target", "script", "name"}


def domain_only(text: str) -> str:
    """The text with every address in it cut down to its domain: …@mail.example."""
    return _ADDRESS.sub(lambda found: f"{HIDDEN}@{found['domain']}", text)


def folder_name(name: str) -> str:
    """A folder's name where it is one that every mailbox has, else hidden."""
    last = re.split(r"[./]", name)[-1]
    return name if name.lower() in _COMMON_FOLDERS or last.lower() in _COMMON_FOLDERS else HIDDEN


def masked(report: ImpactReport) -> ImpactReport:
    """The report for a reader who has given no reason: the same figures, without people's words and addresses."""
    return replace(report, read=_masked_read(report.read), services=None)


def _masked_read(read: Read) -> Read:
    hidden: list[Folder] = []
    shown: list[Folder] = []
    for folder in read.folders:
        (shown if folder_name(folder.name) != HIDDEN else hidden).append(folder)
    # Each stays a line of its own: their evidence is theirs, and a sum would be a figure without any.
    folders = (*shown, *(_hide(number, folder) for number, folder in enumerate(hidden, 1)))
    searches = tuple(Search(folder_name(one.folder), HIDDEN, one.at, one.evidence) for one in read.searches)
    return replace(read, folders=folders, searches=searches)


def _hide(number: int, folder: Folder) -> Folder:
    """The folder without its name, also in the names of its figures."""
    opened = replace(folder.opened, name=f"read.folder:{HIDDEN}{number}.opened")
    fetched = replace(folder.fetched, name=f"read.folder:{HIDDEN}{number}.fetched")
    return Folder(HIDDEN, opened, fetched)


def real_names(report: ImpactReport) -> dict[str, str]:
    """Names of figures as `masked` tells them, and what they are called in the report itself."""
    hidden = [folder for folder in report.read.folders if folder_name(folder.name) == HIDDEN]
    names = {}
    for number, folder in enumerate(hidden, 1):
        told = _hide(number, folder)
        names[told.opened.name], names[told.fetched.name] = folder.opened.name, folder.fetched.name
    return names


def within(report: ImpactReport, domains: Collection[str] | None) -> ImpactReport:
    """The report without other customers' mailboxes; `domains`: those of the reader, None: all (an operator)."""
    if domains is None:
        return report
    return replace(report, touched=tuple(one for one in report.touched if one.domain in domains))


def count_others(report: ImpactReport, domains: Collection[str] | None) -> int:
    """How many touched mailboxes `within` leaves out: their number says nothing of whose they are."""
    return 0 if domains is None else sum(one.domain not in domains for one in report.touched)


def masked_row(row: EvidenceRow, mailbox: str) -> EvidenceRow:
    """The row for such a reader. The mailbox's own address stays: it is what the incident is about."""
    return replace(row, key=_text(row.key, mailbox), facts={n: _fact(row, n, v, mailbox) for n, v in row.facts.items()})


def _fact(row: EvidenceRow, name: str, value: object, mailbox: str) -> str | int | float | bool | None:
    if value is None or value == "" or isinstance(value, bool | int | float):
        return value
    text = str(value)
    if name in _FOLDERS:
        return folder_name(text)
    if row.figure.startswith(_SETTINGS) and name in _SETTING_FACTS:
        return text
    if "@" in text:
        return _text(text, mailbox)
    return text if name in _OPEN_FACTS else HIDDEN


def _text(text: str, mailbox: str) -> str:
    """Addresses cut down to domains; what holds more than addresses is hidden."""
    if text == mailbox or "@" not in text:
        return text
    cut = domain_only(text)
    rest = re.sub(rf"{HIDDEN}@\S+?(?=[,\s]|$)|[,\s]", "", cut)
    return cut if not rest else HIDDEN
