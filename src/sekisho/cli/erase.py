"""`domain erase`: a tenant has left, and what is known of its people goes."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from sekisho.cli.mailbox import as_json_option
from sekisho.cli.output import Refused, actor, databases, print_json, print_table, say, tell
from sekisho.config import settings


@click.command("erase")
@click.argument("name", metavar="DOMAIN")
@click.option("--dry-run", is_flag=True, help="Erase nothing; show how much would go.")
@click.option(
    "--yes-erase", "confirmed", metavar="DOMAIN", default="", help="Its name once more, instead of typing it."
)
@as_json_option
def domain_erase(name: str, dry_run: bool, confirmed: str, as_json: bool) -> None:
    """Erase what is known of the people of DOMAIN, which has left. This cannot be undone.

    Stop guard, agent and worker first, and run it on every mail host: their files are each host's own. In the audit
    log the rows stay without their persons; `sekisho audit verify` says how many.
    """
    with databases():
        from sekisho.keeping import erase

        domain = name.strip().lower()
        rows = erase.count(domain)
        if not dry_run:
            _confirm(domain, confirmed, rows)
            rows = erase.erase(domain, actor())
        files, trouble = _files(domain, dry_run)
        if as_json:
            print_json({"domain": domain, "dry_run": dry_run, "rows": rows, "files": files, "trouble": trouble})
        else:
            _tell(domain, rows, files, dry_run)
        if trouble and not dry_run:
            raise Refused(trouble)


def _confirm(domain: str, confirmed: str, rows: dict[str, int]) -> None:
    if not confirmed:
        total = sum(rows.values())
        tell(
            f"{total} rows about {domain} go for ever; --dry-run shows which.",
            f"{domain} に関する {total} 行を完全に消去します。内訳は --dry-run で確認できます。",
        )
        confirmed = click.prompt(say("Type the domain's name to erase it", "消去するにはドメイン名を入力してください"))
    if confirmed.strip().lower() != domain:
        raise Refused(say("that is another name; nothing was erased", "ドメイン名が異なります。消去していません"))


def _files(domain: str, dry_run: bool) -> tuple[dict[str, Any], str]:
    """What went from this host's files, and why they could not be touched ("" where they could)."""
    from sekisho.guard.main import AlreadyRunning
    from sekisho.keeping import erase_files

    try:
        return asdict((erase_files.count if dry_run else erase_files.remove)(settings(), domain)), ""
    except AlreadyRunning:
        why = say(
            "the guard runs, so its profiles and files stay: stop guard and agent and run this once more",
            "guard が動作中のため、ファイルは消去していません。guard と agent を停止して再実行してください",
        )
    except OSError as error:
        why = say(f"this host's files cannot be read or removed: {error}", f"ファイルを消去できません: {error}")
    return {}, why


def _tell(domain: str, rows: dict[str, int], files: dict[str, Any], dry_run: bool) -> None:
    titles = [say("what", "対象"), say("would go", "消去予定") if dry_run else say("erased", "消去")]
    left = files.pop("left", 0)
    print_table(titles, [*sorted(rows.items()), *((f"files: {what}", number) for what, number in files.items())])
    if left:
        tell(
            f"{left} files of journal and spool that are still in use name {domain}: stop guard, agent and worker and "
            "run this once more, or they go with [retention].",
            f"使用中のジャーナル・スプール {left} ファイルに {domain} の記録が残ります。"
            "guard・agent・worker を停止して再実行するか、[retention] の期限後に消去されます。",
        )
