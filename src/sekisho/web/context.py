"""What the frame of every page needs."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from sekisho.directory import access


def signed_in(request: HttpRequest) -> User:
    """The account behind the request; LoginRequiredMiddleware has let nobody else through."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def navigation(request: HttpRequest) -> dict[str, Any]:
    """`is_operator` and `is_read_only`, asked only by pages that look at them."""
    return {
        "is_operator": SimpleLazyObject(lambda: _is_operator(request)),
        "is_read_only": SimpleLazyObject(lambda: _is_read_only(request)),
    }


def _is_read_only(request: HttpRequest) -> bool:
    """Every page looks at it, the error page while the database is away, too: then there is no form to hide."""
    try:
        return request.user.is_authenticated and access.is_read_only(request.user)
    except DatabaseError:
        return False


def _is_operator(request: HttpRequest) -> bool:
    return request.user.is_authenticated and access.is_operator(request.user)
