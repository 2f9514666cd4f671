from django.apps import AppConfig


class RecoveryConfig(AppConfig):
    name = "sekisho.recovery"
    label = "recovery"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from sekisho.incidents import letters
        from sekisho.recovery.texts import KINDS, compose

        letters.compose_by(KINDS, compose)
