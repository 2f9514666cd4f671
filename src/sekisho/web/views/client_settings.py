"""A domain's mail settings for mail programs that ask by themselves. No sign-in, no session, no mailbox looked up.

Answered by domain, so nobody learns which mailboxes exist or are stopped. In no cache (PrivatePageMiddleware): a
program asks when an account is made, and a wrong server name must be gone as soon as it is corrected.
"""

from __future__ import annotations

import ipaddress
import json
import logging
from collections.abc import Callable
from functools import wraps
from urllib.parse import urlencode, urlsplit

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods

from sekisho.config import settings
from sekisho.recovery import apple_profile as profiles
from sekisho.recovery import client_formats, mail_settings
from sekisho.recovery.mail_settings import MailSettings
from sekisho.web import throttle

log = logging.getLogger("sekisho.web")

# A program asks up to four addresses for an account, and one office sits behind one address: 75 new accounts in a
# quarter of an hour.
TRIES_PER_ADDRESS = 300
# Names under which programs ask (docs/mail-programs.md); what follows is the domain.
_PREFIXES = ("autoconfig.", "autodiscover.", "ua-auto-config.")

View = Callable[..., HttpResponse]


def _limited(view: View) -> View:
    """429 for a client that asks and asks."""

    @wraps(view)
    def counted(request: HttpRequest, *arguments: str, **named: str) -> HttpResponse:
        now = timezone.now()
        if throttle.reserve_for("client settings", throttle.client_address(request), TRIES_PER_ADDRESS, now):
            return view(request, *arguments, **named)
        return HttpResponse(status=429, headers={"Retry-After": str(throttle.seconds_left(now))})

    return counted


def provider_of(found: MailSettings) -> str:
    """What a mail program calls the provider."""
    return settings().mail_server.provider or found.server_name


def panel_host() -> str:
    """The host name of the panel, for DNS records; "" for one that is reached by its address only."""
    name = urlsplit(settings().web.panel_url).hostname or ""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name
    return ""


def help_url(domain: str) -> str:
    """The help page of a domain; never made of the request's own Host header."""
    return f"{settings().web.panel_url}/help/mail-program/?{urlencode({'domain': domain})}"


def _wanted(request: HttpRequest) -> MailSettings:
    """The settings of the domain asked for; Http404 for one that is not hosted here.

    First the address's domain, since a program that found us by the domain's MX (autoconfig.mx01…) asks under the MX'
    name; then `domain`, which the web server before us adds from the name; then the name itself.
    """
    address = request.GET.get("emailaddress") or request.GET.get("Email") or ""
    candidates = [mail_settings.domain_of(address), request.GET.get("domain", "")[:255]]
    host = urlsplit(f"//{request.get_host()}").hostname or ""
    candidates += [host.removeprefix(prefix) for prefix in _PREFIXES if host.startswith(prefix)]
    for domain in candidates:
        if found := mail_settings.of_hosted(domain):
            return found
    raise Http404


@login_not_required
@require_GET
@_limited
def autoconfig(request: HttpRequest) -> HttpResponse:
    """Thunderbird and others: `?emailaddress=` or `?domain=`."""
    found = _wanted(request)
    document = client_formats.autoconfig(found, provider_of(found), help_url(found.domain))
    return HttpResponse(document, content_type="application/xml; charset=utf-8")


@login_not_required
@csrf_exempt  # A program's request: no session, and nothing changes.
@require_http_methods(["GET", "POST"])
@_limited
def autodiscover(request: HttpRequest) -> HttpResponse:
    """Outlook: an address in a posted XML document. A GET is answered as the request without one that it is."""
    try:
        address = client_formats.requested_address(request.body)
    except client_formats.NotARequest:
        return _outlook_error(400, 600, "Invalid Request")
    found = mail_settings.of_hosted(mail_settings.domain_of(address))
    if found is None:
        return _outlook_error(404, 500, "The e-mail address is not hosted here")
    return HttpResponse(client_formats.autodiscover(found, address), content_type="application/xml; charset=utf-8")


def _outlook_error(status: int, code: int, message: str) -> HttpResponse:
    document = client_formats.autodiscover_error(code, message)
    return HttpResponse(document, content_type="application/xml; charset=utf-8", status=status)


@login_not_required
@require_GET
@_limited
def autodiscover_json(request: HttpRequest, address: str | None = None) -> HttpResponse:
    """Outlook's newer question: where is the service of this protocol? Ours is the XML one."""
    wanted = request.GET.get("Protocol", "")
    if wanted.lower() != "autodiscoverv1":
        error = {"ErrorCode": "InvalidProtocol", "ErrorMessage": "Only AutodiscoverV1 is offered."}
        return HttpResponse(json.dumps(error), content_type="application/json", status=400)
    if address and not request.GET.get("Email"):
        found = mail_settings.of_hosted(mail_settings.domain_of(address))
        if found is None:
            raise Http404
    else:
        _wanted(request)
    answer = {"Protocol": "AutodiscoverV1", "Url": f"{settings().web.panel_url}/autodiscover/autodiscover.xml"}
    return HttpResponse(json.dumps(answer), content_type="application/json")


@login_not_required
@require_GET
@_limited
def pacc(request: HttpRequest) -> HttpResponse:
    """The experimental JSON format; 404 where it cannot say what our ports are."""
    found = _wanted(request)
    document = client_formats.pacc(found, provider_of(found))
    if not document:
        raise Http404
    return HttpResponse(document, content_type="application/json")


@login_not_required
@require_GET
@_limited
def apple_profile(request: HttpRequest) -> HttpResponse:
    """The profile for `?address=`, whether there is such a mailbox or not; signed where a certificate is configured."""
    address = request.GET.get("address", "").strip()
    found = mail_settings.of_hosted(mail_settings.domain_of(address))
    if found is None:
        raise Http404
    explanation = _("Sets up this mail address on the device. The password is not in it; the device asks for it.")
    document = profiles.profile(found, address, provider_of(found), address, explanation)
    files = settings().mail_server
    if files.profile_certificate:
        try:
            document = profiles.sign(document, files.profile_certificate, files.profile_key)
        except profiles.CannotSign as error:
            # Unsigned it works as well, and the owner is not to blame.
            log.error("a configuration profile could not be signed: %s", error)
    name = reverse("apple_profile").rpartition("/")[2]
    disposition = f'attachment; filename="{name}"'
    return HttpResponse(document, content_type=profiles.CONTENT_TYPE, headers={"Content-Disposition": disposition})
