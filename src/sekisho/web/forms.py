"""The 編集 form of one mailbox. What it accepts as a password is decided by `recovery.flow`; here nothing is cut."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

# PostfixAdmin's form has no bound; 512 characters is far above the rules' own and keeps a pasted novel out.
LONGEST_PASSWORD = 512


class NewPasswordInput(forms.PasswordInput):
    """A password field that programs for passwords recognise as a new one, and that no keyboard "corrects"."""

    def __init__(self) -> None:
        super().__init__(
            attrs={
                "autocomplete": "new-password",
                "autocapitalize": "none",
                "autocorrect": "off",
                "spellcheck": "false",
                "lang": "en",
            }
        )


class MailboxForm(forms.Form):
    """新しいパスワード, 新しいパスワード (確認), アクティブ: the words of the site's own mail administration."""

    password = forms.CharField(
        label=_("New password"), widget=NewPasswordInput, strip=False, required=False, max_length=LONGEST_PASSWORD
    )
    confirmation = forms.CharField(
        label=_("New password (confirm)"),
        widget=NewPasswordInput,
        strip=False,
        required=False,
        max_length=LONGEST_PASSWORD,
    )
    active = forms.BooleanField(label=pgettext_lazy("column", "Active"), required=False)

    def __init__(self, *arguments: Any, suspended: bool, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.suspended = suspended

    def clean(self) -> dict[str, Any]:
        """All that can be said without looking at the password's strength, at once, each at its field."""
        values = super().clean() or {}
        password, confirmation = values.get("password", ""), values.get("confirmation", "")
        if self.errors:
            return values
        if self.suspended and values.get("active") and not password:
            self.add_error(
                "active",
                _(
                    "This mailbox cannot be switched on without a new password: a third party knows the present "
                    "one and would be back at once. Enter a new password above, tick Active and save."
                ),
            )
        if self.suspended and password and not values.get("active"):
            self.add_error("active", _("To open the mailbox again, tick Active as well. Nothing has been saved yet."))
        if not password and not confirmation and not (self.suspended and values.get("active")):
            self.add_error("password", _("Nothing to save: no new password was entered."))
        if password != confirmation:
            self.add_error("confirmation", _("The two passwords do not match. Enter the same one in both fields."))
        return values
