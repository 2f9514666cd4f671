"""Who calls: a bearer key, and nothing else. A session cookie counts for nothing here, so no page of another site can
make a signed-in browser act (CSRF)."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest
from django.utils import timezone
from ninja.security import HttpBearer

from sekisho.directory import access, api_keys
from sekisho.directory.models import ApiKey, SiteMailbox
from sekisho.directory.names import canonical
from sekisho.incidents.access import access_incident
from sekisho.incidents.models import Incident
from sekisho.web.api.refusals import Refusal

# Five requests a second all the time is far above what keeps two systems in step, and far below what one of the panel's
# processes can answer. Counted in each process by itself: no request waits for a row that counts it.
WINDOW_S, MOST_REQUESTS = 60, 300


@dataclass(frozen=True)
class Caller:
    """The account behind a key, narrowed to the key's domains, and how the audit log names it."""

    account: AbstractBaseUser
    actor: str

    def mailbox(self, address: str) -> SiteMailbox:
        """The mailbox an address means (any case, extension or alias-domain form); raises NotFound."""
        return access.access_mailbox(self.account, canonical(address) or address)

    def incident(self, number: int) -> Incident:
        """The incident; raises NotFound."""
        return access_incident(self.account, number)

    def operator_only(self) -> None:
        """Raises NotFound unless an operator's account is behind the key: as in the panel, others learn nothing."""
        if not access.may_contain(self.account):
            raise access.NotFound("operators")


class _Rate:
    """Requests of each key in the present window; memory is bounded by the keys there are."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._window = 0
        self._seen: dict[str, int] = {}

    def allows(self, prefix: str, now: float) -> bool:
        window = int(now // WINDOW_S)
        with self._lock:
            if window != self._window:
                self._window, self._seen = window, {}
            self._seen[prefix] = self._seen.get(prefix, 0) + 1
            return self._seen[prefix] <= MOST_REQUESTS


rate = _Rate()


class ApiKeyBearer(HttpBearer):
    """Lets in a valid key that has the scope an operation needs."""

    def __init__(self, scope: str) -> None:
        super().__init__()
        self.scope = scope

    def authenticate(self, request: HttpRequest, token: str) -> Caller | None:
        """The caller; None (401) for anything but a valid key. Raises Refusal for a lacking scope and too many."""
        now = timezone.now()
        key = api_keys.find(token, now)
        if key is None:
            return None
        if not rate.allows(key.prefix, now.timestamp()):
            raise Refusal(429, "too_many", f"At most {MOST_REQUESTS} requests in {WINDOW_S} s.", WINDOW_S)
        if self.scope not in key.scopes:
            raise Refusal(403, "scope", f"This key lacks the scope {self.scope}.")
        # The interface tells who writes to whom, which a login that only looks does not see.
        if access.is_read_only(key.account):
            raise Refusal(403, "read_only", "This key's account only looks.")
        return _caller(key)


def _caller(key: ApiKey) -> Caller:
    account = key.account
    return Caller(access.narrow(account, key.domains), f"{account.get_username()} (key {key.prefix})")


def caller(request: HttpRequest) -> Caller:
    """The caller of a request that was let in."""
    found: Caller = request.auth  # type: ignore[attr-defined]
    return found


READ, CONTAIN, RECOVER, ADMIN = (ApiKeyBearer(scope) for scope in api_keys.SCOPES)
