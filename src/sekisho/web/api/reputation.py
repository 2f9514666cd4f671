"""/reputation: blocklists, as the operator sees them."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Router

from sekisho.directory import access
from sekisho.impact.reputation import reputation_facts
from sekisho.web.api import shapes
from sekisho.web.api.keys import READ, caller
from sekisho.web.api.refusals import reply

router = Router(tags=["reputation"])


@router.get("", auth=READ, response={200: shapes.Reputation, **shapes.PROBLEMS}, operation_id="reputation_show")
def show(request: HttpRequest) -> HttpResponse:
    """Show how others see this host: listings on blocklists, and whether the lists work. Operators' keys only."""
    if not access.is_operator(caller(request).account):
        raise access.NotFound("reputation")
    return reply(reputation_facts(timezone.now()))
