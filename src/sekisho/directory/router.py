"""Which database a model lives in: PostfixAdmin's tables in `site`, everything else in `default`."""

from __future__ import annotations

from typing import Any

from django.db.models import Model


class SiteRouter:
    def _database(self, model: type[Model] | Model) -> str:
        return "default" if model._meta.managed else "site"

    def db_for_read(self, model: type[Model], **hints: Any) -> str:
        return self._database(model)

    def db_for_write(self, model: type[Model], **hints: Any) -> str:
        return self._database(model)

    def allow_relation(self, one: Model, other: Model, **hints: Any) -> bool:
        # The rows themselves: `request.user` is a lazy object whose type has no _meta.
        return self._database(one) == self._database(other)

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db == "default"
