"""The list's states and its CSV, new mailboxes one by one and by the file."""

from __future__ import annotations

import csv
import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

import casting
from casting import BYSTANDER, DOMAIN, FOREIGN, OTHER_DOMAIN, VICTIM
from sekisho.directory.models import SiteAlias, SiteDomain, SiteMailbox
from sekisho.directory.passwords import verify_password
from sekisho.incidents import burned
from sekisho.incidents.models import Audit, MailboxStatus
from sekisho.recovery import new_mailboxes

pytestmark = pytest.mark.django_db(databases=["default", "site"])


def shown(client, **query) -> set[str]:
    text = client.get(reverse("mailboxes"), query).content.decode()
    return {name for name in (VICTIM, BYSTANDER, FOREIGN) if f">{name}<" in text}


def exported(client, **query) -> list[dict[str, str]]:
    answer = client.get(reverse("mailboxes_csv"), query)
    return list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))


def look(client, text: str, step: str = "look"):
    return client.post(reverse("mailbox_import"), {"text": text, "step": step})


def outcomes(answer) -> list[tuple[str, str]]:
    return [(one.outcome, one.reason) for one, _badge, _reason in answer.context["verdicts"]]


def test_the_list_is_filtered_by_each_of_the_four_states(incident, sign_in):
    casting.status(BYSTANDER, "probation")
    client = sign_in("operator")
    assert shown(client, state="suspended") == {VICTIM}
    assert shown(client, state="probation") == {BYSTANDER}
    assert shown(client, state="active") == {FOREIGN}
    assert shown(client, state="restricted") == set()
    assert shown(client, state="<b>") == {VICTIM, BYSTANDER, FOREIGN}


def test_the_csv_holds_what_the_account_may_see_and_the_filters_let_through(incident, sign_in):
    rows = exported(sign_in("owner"))
    assert {row["address"].partition("@")[2] for row in rows} == {DOMAIN} and len(rows) == 4
    assert exported(sign_in("owner"), state="suspended")[0]["active"] == "no"
    assert sign_in("stranger").get(reverse("mailboxes_csv"), {"domain": DOMAIN}).status_code == 404


def test_no_cell_of_the_csv_is_a_formula_and_importing_it_again_changes_nothing(cast, sign_in):
    SiteMailbox.objects.filter(username=BYSTANDER).update(name="=HYPERLINK(1)")
    client = sign_in("owner")
    answer = client.get(reverse("mailboxes_csv"))
    text = b"".join(answer.streaming_content).decode("utf-8")
    assert "'=HYPERLINK(1)" in text
    assert set(outcomes(look(client, text))) == {("same", "")}


def test_a_new_mailbox_gets_a_strong_password_that_is_shown_once(cast, sign_in):
    client = sign_in("owner")
    answer = client.post(reverse("mailbox_new"), {"address": "shin", "domain": DOMAIN, "name": "新"})
    password = answer.context["made"].generated
    assert password in answer.content.decode()
    row = SiteMailbox.objects.get(username=f"shin@{DOMAIN}")
    assert verify_password(password, row.password) and row.maildir == f"{DOMAIN}/shin/"
    assert password not in client.get(reverse("mailbox_new")).content.decode()
    line = Audit.objects.get(verb="mailbox_add")
    assert line.subject == f"shin@{DOMAIN}" and password not in str(line.details)


@pytest.mark.parametrize(
    "given,reason",
    [
        ({"address": "shin", "domain": OTHER_DOMAIN}, "domain"),
        ({"address": f"shin@{OTHER_DOMAIN}"}, "domain"),
        ({"address": "../shin", "domain": DOMAIN}, "address"),
        ({"address": "info", "domain": DOMAIN}, "alias"),
        ({"address": "shin", "domain": DOMAIN, "password": "shin"}, "password"),
        ({"address": "shin", "domain": DOMAIN, "quota_mb": "viel"}, "quota"),
    ],
)
def test_a_mailbox_that_may_not_be_is_refused_with_its_reason(given, reason, cast, sign_in):
    from sekisho.web import words

    before = SiteMailbox.objects.count()
    answer = sign_in("owner").post(reverse("mailbox_new"), given)
    assert answer.status_code == 422
    assert str(words.ROW_REASONS[reason]) in answer.content.decode()
    assert SiteMailbox.objects.count() == before


def test_a_file_is_judged_line_by_line_before_anything_happens(incident, sign_in):
    client, before = sign_in("owner"), SiteMailbox.objects.count()
    text = (
        "address,name,quota_mb,password\n"
        f"shin@{DOMAIN},新,100,\n{VICTIM},佐藤,,\n{VICTIM.upper()},x,,\n{BYSTANDER},,,secret-of-mine\n"
        f"shin@{OTHER_DOMAIN},,,\n tanaka@{DOMAIN} ,田中 健一,50,\nx@nowhere.example,,,\n"
    )
    found = outcomes(look(client, text))
    assert found == [
        ("create", ""), ("refuse", "twice"), ("refuse", "twice"), ("refuse", "password_given"), ("refuse", "domain"),
        ("update", ""), ("refuse", "domain"),
    ]  # fmt: skip
    assert SiteMailbox.objects.count() == before and not Audit.objects.filter(verb="mailbox_add").exists()
    look(client, text, "apply")
    assert SiteMailbox.objects.get(username=f"shin@{DOMAIN}").quota == 100 * new_mailboxes.MB
    assert SiteMailbox.objects.get(username=f"tanaka@{DOMAIN}").name == "田中 健一"
    assert SiteMailbox.objects.filter(domain=OTHER_DOMAIN).count() == 1


def test_an_import_opens_no_suspended_mailbox(incident, sign_in):
    client = sign_in("owner")
    look(client, f"address,name\n{VICTIM},佐藤 花\n", "apply")
    row = SiteMailbox.objects.get(username=VICTIM)
    assert (row.name, row.active) == ("佐藤 花", False)
    assert MailboxStatus.objects.get(mailbox=VICTIM).status == "suspended"
    row.delete()
    SiteAlias.objects.filter(address=VICTIM).delete()
    assert outcomes(look(client, f"address\n{VICTIM}\n", "apply")) == [("refuse", "suspended")]


def test_a_burned_password_is_refused_for_a_mailbox_made_anew(cast, sign_in):
    from django.utils import timezone

    burned.burn_password(f"shin@{DOMAIN}", casting.NEW_PASSWORD, timezone.now())
    answer = look(sign_in("owner"), f"address,password\nshin@{DOMAIN},{casting.NEW_PASSWORD}\n", "apply")
    assert outcomes(answer) == [("refuse", "password")]


def test_limits_of_the_domain_hold(cast, sign_in):
    SiteDomain.objects.filter(domain=DOMAIN).update(maxquota=100, mailboxes=5)
    client = sign_in("owner")
    text = f"address,quota_mb\na@{DOMAIN},101\nb@{DOMAIN},\nc@{DOMAIN},100\nd@{DOMAIN},100\n"
    assert [reason for _, reason in outcomes(look(client, text, "apply"))] == ["quota", "quota", "", "too_many"]


def test_a_file_from_a_japanese_spreadsheet_is_read(cast, sign_in):
    file = SimpleUploadedFile("box.csv", f"Address,Name\r\nshin@{DOMAIN},新\r\n".encode("cp932"))
    answer = sign_in("owner").post(reverse("mailbox_import"), {"file": file, "step": "look"})
    assert answer.context["verdicts"][0][0].row.name == "新"


@pytest.mark.parametrize("text", ["", "name\nx\n", "address\n", "address\n" + "x\n" * 201, "address\n" + "x" * 30_000])
def test_what_is_no_table_or_too_long_is_refused_whole(text, cast, sign_in):
    assert look(sign_in("owner"), text).status_code == 422
