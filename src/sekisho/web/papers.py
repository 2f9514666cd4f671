"""Pages as PDF by WeasyPrint, where the extra `pdf` is installed. It fetches nothing, from nowhere.

What is printed holds names that strangers have chosen (folders, searches): an address among them must not make this
server ask for it. Fonts are the system's; for Japanese there must be one (Debian: fonts-noto-cjk).
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import Any, NoReturn

from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

STYLE = "sekisho/paper.css"


class NoPdf(Exception):
    """WeasyPrint, or a library of the system's that it needs, is not installed; the text says which."""


def pdf(request: HttpRequest, template: str, context: dict[str, Any]) -> bytes:
    """The template as a PDF; raises NoPdf."""
    try:
        from weasyprint import CSS, HTML
        from weasyprint.urls import URLFetcher
    except (ImportError, OSError) as error:
        raise NoPdf(str(error)) from error

    class Refuser(URLFetcher):  # type: ignore[misc]
        """Refuses every address, also a file's."""

        def fetch(self, url: str, headers: Any = None) -> NoReturn:
            raise ValueError("papers fetch nothing")

    text = render_to_string(template, context, request)
    made = HTML(string=text, base_url=None, url_fetcher=Refuser())
    result: bytes = made.write_pdf(stylesheets=[CSS(string=_style(), url_fetcher=Refuser())])
    return result


def response(request: HttpRequest, template: str, context: dict[str, Any], name: str) -> HttpResponse:
    """The PDF as a download; raises NoPdf."""
    return HttpResponse(
        pdf(request, template, context),
        content_type="application/pdf",
        headers={"Content-Disposition": f'attachment; filename="{name}.pdf"'},
    )


@cache
def is_there() -> bool:
    """Whether WeasyPrint is installed; not loaded for that, since it takes a second and a page must not wait."""
    return find_spec("weasyprint") is not None


@cache
def _style() -> str:
    path = finders.find(STYLE)
    if not isinstance(path, str):
        raise NoPdf(f"{STYLE} is not installed")
    with open(path, encoding="utf-8") as file:
        return file.read()
