"""The single checks of `sekisho verify`. Each reads one pair of places and returns one finding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from django.utils import timezone

from sekisho.config import Settings
from sekisho.containment.barrier_look import look
from sekisho.containment.commands import CommandError, Runner
from sekisho.containment.dovecot import Dovecot
from sekisho.containment.ledger import Entry
from sekisho.containment.postfix import Postfix
from sekisho.deploy.doctor import Finding, Verdict
from sekisho.incidents.containing import OPEN_PHASES
from sekisho.journal import MailboxState

SHUT = ("suspended", "restricted")
STRENGTH = {"active": 0, "probation": 0, "released": 0, "restricted": 1, "suspended": 2}
# Names in one sentence; --json has them all.
MOST_NAMED = 5


class Scene(NamedTuple):
    """What was read once for all checks."""

    settings: Settings
    runner: Runner
    record: dict[str, MailboxState]
    # Live entries of this host's ledger, and finished ones that still hold mail.
    entries: Sequence[Entry]
    holding: Sequence[Entry]
    # Whether agent, worker and guard are supposed to run: what they do by themselves is not missed otherwise.
    running: bool


def some(names: Sequence[str]) -> str:
    """The first few and how many there are."""
    more = f" … ({len(names)})" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def finding(
    name: str,
    wrong: Sequence[str],
    well: tuple[str, str],
    bad: tuple[str, str],
    repair: tuple[str, str],
    verdict: Verdict = Verdict.FAIL,
) -> Finding:
    """OK with `well` when nothing is wrong; else `bad` with the names behind it."""
    if not wrong:
        return Finding(name, Verdict.OK, well)
    told = some(wrong)
    return Finding(name, verdict, (f"{bad[0]}: {told}", f"{bad[1]}: {told}"), repair)


REPAIR = ("sekisho verify --repair", "sekisho verify --repair")


def held_shut(scene: Scene) -> dict[str, str]:
    """What the ledger holds shut: mailbox -> the strictest status of its entries that nobody ordered open."""
    found: dict[str, str] = {}
    for entry in scene.entries:
        if entry.is_shut and entry.opening is None:
            found[entry.mailbox] = max(entry.status, found.get(entry.mailbox, "active"), key=STRENGTH.__getitem__)
    return found


def record_in_ledger(scene: Scene) -> Finding:
    """Everything the record calls shut is held here; the agent follows the record by itself within seconds."""
    held = held_shut(scene)
    wrong = [
        mailbox
        for mailbox, state in scene.record.items()
        if state.status in SHUT and STRENGTH[held.get(mailbox, "active")] < STRENGTH[state.status]
    ]
    shut = sum(state.status in SHUT for state in scene.record.values())
    return finding(
        "record.ledger",
        wrong,
        (
            f"all {shut} mailboxes the record calls shut are in this host's ledger",
            f"停止・送信制限中の {shut} 件はすべてこのホストの台帳にあります",
        ),
        (
            "the record calls them shut, this host's ledger does not",
            "記録では停止・送信制限中ですが、このホストの台帳にありません",
        ),
        ("start the agent: it follows the record", "agent を起動してください(記録に従います)"),
    )


def ledger_in_record(scene: Scene) -> Finding:
    """Everything held shut here is shut in the record: else no panel shows it and nobody can open it."""
    wrong = [
        mailbox
        for mailbox, status in held_shut(scene).items()
        if mailbox not in scene.record or STRENGTH[scene.record[mailbox].status] < STRENGTH[status]
    ]
    return finding(
        "ledger.record",
        wrong,
        ("the record knows of everything this host holds shut", "このホストで停止しているものはすべて記録にあります"),
        ("held shut here, open in the record", "このホストでは停止していますが、記録では停止していません"),
        REPAIR,
    )


def incidents(scene: Scene) -> Finding:
    """A shut mailbox has an open incident of its generation: that is where an operator decides."""
    from sekisho.incidents.models import Incident

    held = Incident.objects.filter(phase__in=OPEN_PHASES).values_list("mailbox", "generation")
    known = set(held)
    wrong = [m for m, s in scene.record.items() if s.status in SHUT and (m, s.generation) not in known]
    return finding(
        "record.incidents",
        wrong,
        ("every shut mailbox has an open incident", "停止・送信制限中のものにはすべて対応中のインシデントがあります"),
        ("shut without an open incident", "対応中のインシデントがないまま停止・送信制限中です"),
        REPAIR,
    )


def barrier(scene: Scene) -> list[Finding]:
    """The files hold what the ledger asks for, and nothing that nobody can explain."""
    found = look(scene.settings, scene.entries, scene.runner)
    standing = finding(
        "barrier.rows",
        [*found.unreadable, *found.missing],
        (f"{found.rows} rows, as the ledger asks", f"{found.rows} 行、台帳のとおりです"),
        ("missing or not as the ledger asks", "行がないか、台帳と異なります"),
        REPAIR,
    )
    stray = finding(
        "barrier.unexplained",
        found.unexplained,
        ("no row that nobody can explain", "説明のつかない行はありません"),
        ("rows that no ledger entry explains", "台帳で説明のつかない行"),
        (
            "look why before taking one away: postmap -d KEY lmdb:FILE, or its line in deny or lmtp",
            "理由を確かめてから取り除いてください: postmap -d KEY lmdb:FILE、または deny・lmtp の行を削除",
        ),
        Verdict.WARN,
    )
    return [standing, stray]


def sessions(scene: Scene) -> Finding:
    """A suspended mailbox has no session at Dovecot."""
    dovecot, wrong, failed = Dovecot(scene.settings.dovecot.config_file, scene.runner), [], ""
    for entry in scene.entries:
        if entry.status == "suspended" and entry.opening is None:
            try:
                wrong += [name for name in entry.login_names if dovecot.sessions(name)]
            except CommandError as error:
                failed = str(error)
    if failed and not wrong:
        verdict = Verdict.FAIL if scene.running else Verdict.WARN
        evidence = (
            f"Dovecot does not answer, so open sessions cannot be seen: {failed}",
            f"Dovecot が応答しないため、セッションを確認できません: {failed}",
        )
        again = ("start Dovecot, then run sekisho verify", "Dovecot を起動してから sekisho verify を実行してください")
        return Finding("dovecot.sessions", verdict, evidence, again)
    return finding(
        "dovecot.sessions",
        wrong,
        ("no suspended mailbox has a session", "停止中のメールアドレスのセッションはありません"),
        ("suspended, and somebody is in", "停止中なのにセッションがあります"),
        REPAIR,
    )


def queue(scene: Scene) -> Finding:
    """What the ledger says is on hold is on hold."""
    try:
        names = {
            m.queue_id: m.queue_name for m in Postfix(scene.settings.postfix.config_directory, scene.runner).queue()
        }
    except CommandError as error:
        verdict = Verdict.FAIL if scene.running else Verdict.WARN
        evidence = (f"the queue cannot be read: {error}", f"キューを読めません: {error}")
        again = (
            "see what postqueue -p says (Postfix runs, called as root?), then run sekisho verify",
            "postqueue -p を確認し(Postfix の起動、root での実行)、sekisho verify を実行してください",
        )
        return Finding("queue.held", verdict, evidence, again)
    wrong = [f"{i} ({e.mailbox})" for e in scene.holding for i in e.held if names.get(i, "") not in ("", "hold")]
    gone = [f"{i} ({e.mailbox})" for e in scene.holding for i in e.held if i not in names]
    if gone and not wrong:
        return finding(
            "queue.held",
            gone,
            ("", ""),
            ("said to be on hold, not in the queue", "保留中のはずですが、キューにありません"),
            ("sekisho incident queue NUMBER (the agent notes it within a minute)", "sekisho incident queue 番号"),
            Verdict.WARN,
        )
    count = sum(len(entry.held) for entry in scene.holding)
    return finding(
        "queue.held",
        wrong,
        (f"{count} messages on hold, as the ledger says", f"保留中 {count} 通、台帳のとおりです"),
        ("should be on hold and are not", "保留中のはずですが、保留されていません"),
        REPAIR,
    )


def held_rows(scene: Scene) -> Finding:
    """What the record calls held is held by an entry of this host's ledger, or nobody could let it go."""
    from sekisho.incidents.models import HeldMessage

    known = {i for entry in scene.holding for i in (*entry.held, *entry.requeued)}
    rows = HeldMessage.objects.filter(host=scene.settings.host, state="held").values_list("queue_id", flat=True)
    return finding(
        "record.held",
        sorted(set(rows) - known),
        ("the ledger holds all the mail that the record shows as held", "記録で保留中のメールはすべて台帳にあります"),
        ("held in the record, unknown to the ledger", "記録では保留中ですが、台帳にありません"),
        ("postqueue -p; postsuper -H ID lets one go", "postqueue -p で確認。postsuper -H ID で配送できます"),
        Verdict.WARN,
    )


def site(scene: Scene) -> list[Finding]:
    """The site's table shows what we decided, and has the mailboxes we hold shut."""
    from sekisho.directory.models import SiteMailbox

    suspended = [mailbox for mailbox, state in scene.record.items() if state.status == "suspended"]
    active: dict[str, bool] = {}
    for start in range(0, len(suspended), 500):
        rows = SiteMailbox.objects.filter(username__in=suspended[start : start + 500])
        active.update(rows.values_list("username", "active"))
    shown = finding(
        "site.active",
        [mailbox for mailbox in suspended if active.get(mailbox)],
        (
            "the site's table shows suspended mailboxes as such",
            "停止中のメールアドレスは元の管理表にも反映されています",
        ),
        (
            "suspended, but mailbox.active is 1 (opens nothing)",
            "停止中ですが、mailbox.active が 1 です(開く効果はありません)",
        ),
        REPAIR,
        Verdict.WARN,
    )
    there = finding(
        "site.mailboxes",
        [mailbox for mailbox in suspended if mailbox not in active],
        ("all suspended mailboxes exist", "停止中のメールアドレスはすべて存在します"),
        ("suspended, but the site has no such mailbox", "停止中ですが、元の管理表にありません"),
        (
            "sekisho incident dismiss NUMBER takes the barrier away",
            "sekisho incident dismiss 番号 で遮断を解除できます",
        ),
        Verdict.WARN,
    )
    return [shown, there]


def orders(scene: Scene) -> Finding:
    """No order waits for an agent that should have carried it out."""
    from datetime import timedelta

    from sekisho.incidents.models import Order

    before = timezone.now() - timedelta(minutes=2)
    late = Order.objects.filter(host=scene.settings.host, state__in=["open", "claimed"], created_at__lt=before)
    late = late.exclude(not_before__gt=before)
    failed = Order.objects.filter(host=scene.settings.host, state="failed")
    rows = [*late, *failed] if scene.running else list(failed)
    return finding(
        "record.orders",
        [f"{row.kind} {row.mailbox} ({row.state})" for row in rows],
        ("no order waits or has failed", "待ったままの指示、失敗した指示はありません"),
        ("orders that are not carried out", "実行されていない指示"),
        ("sekisho status", "sekisho status"),
        Verdict.WARN,
    )


def audit_chain(scene: Scene) -> Finding:
    """The audit log is as it was written."""
    from sekisho.incidents import audit

    verdict = audit.verify()
    gone = (
        (f", from entry {verdict.removed + 1} on", f"({verdict.removed + 1} 番以降)") if verdict.removed else ("", "")
    )
    broken = [] if verdict.broken is None else [f"row {verdict.broken.row}: {verdict.broken.why}"]
    return finding(
        "audit",
        broken,
        (
            f"{verdict.rows} rows, all as they were written{gone[0]}",
            f"{verdict.rows} 行、すべて記録時のままです{gone[1]}",
        ),
        ("the audit log is broken", "監査ログが壊れています"),
        ("sekisho audit verify", "sekisho audit verify"),
    )
