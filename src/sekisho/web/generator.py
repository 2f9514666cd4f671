"""The password generator as a part of a page: a fresh password in both fields and on a card, kept nowhere."""

from __future__ import annotations

import secrets

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.debug import sensitive_variables

from sekisho.detection.password import Style, entropy, generate
from sekisho.recovery import flow

# One of words holds a word of the address a few times in 1,000 (where the address is such a word); five draws leave
# nothing to chance.
DRAWS = 5


@sensitive_variables("password", "context")
def draw(request: HttpRequest, mailbox: str, url: str) -> HttpResponse:
    """The fields with a new password for this mailbox; `url` is where another one is asked for.

    `kind=words` draws one of words, anything else a random one.
    """
    kind: Style = "words" if request.POST.get("kind") == "words" else "random"
    for _attempt in range(DRAWS):
        password = generate(secrets.randbelow, kind)
        if not flow.password_problems(mailbox, password):
            break
    context = {"password": password, "generate_url": url, "kind": kind, "bits": int(entropy(kind))}
    return render(request, "web/parts/new_password.html", context)
