"""Long work says that it goes on, and a device without a network loses nothing that was typed."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from conftest import Opener, Panel, sign_in

CSV = b"address,name\nlong-work@hana.example,Work\n"
TYPED = "someone-new"


@pytest.fixture
def page(panel: Panel, visit: Opener) -> Page:
    opened = visit(panel.url, language="en", width=390)
    sign_in(opened, "operator")
    return opened


def look_at_a_file(page: Page) -> Locator:
    page.goto("/admin/system/mail/import/")
    page.set_input_files("#id_file", {"name": "list.csv", "mimeType": "text/csv", "buffer": CSV})
    button = page.get_by_role("button", name="Look at it first")
    expect(page.locator(".busy progress")).to_be_hidden()
    button.click()
    return button


def test_an_import_shows_that_it_is_worked_on_and_can_be_sent_once(page: Page) -> None:
    # A page that waits for its answer cannot be looked at: this one's form is kept from leaving, after our script.
    page.add_init_script("window.addEventListener('submit', (event) => event.preventDefault())")
    button = look_at_a_file(page)
    expect(page.locator(".busy progress")).to_be_visible()
    expect(button).to_be_disabled()


def test_the_buttons_own_value_goes_along_although_it_is_switched_off(page: Page) -> None:
    look_at_a_file(page)
    expect(page.get_by_role("heading", name="What each line would do")).to_be_visible(timeout=30_000)
    expect(page.locator("td .address", has_text="long-work@hana.example")).to_be_visible()


def test_offline_a_form_keeps_what_was_typed(page: Page) -> None:
    page.goto("/admin/system/mail/new-mailbox/")
    field = page.locator("input[name=address]")
    field.fill(TYPED)
    page.context.set_offline(True)
    expect(page.locator("#offline")).to_be_visible()
    page.get_by_role("button", name="Make the mailbox").click()
    expect(page.locator("#offline")).to_be_visible()
    expect(field).to_have_value(TYPED)
    page.context.set_offline(False)
    expect(page.locator("#offline")).to_be_hidden()
