from django.apps import AppConfig


class RecoveryConfig(AppConfig):
    name = "sekisho.recovery"
    label = "recovery"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from sekisho.incidents import letters, questions, renewal
        from sekisho.recovery import renewals
        from sekisho.recovery.contacts import to_be_asked
        from sekisho.recovery.texts import KINDS, compose

        letters.compose_by(KINDS, compose)
        letters.compose_by((renewal.KIND,), renewals.compose)
        questions.ask_owners_found_by(to_be_asked)
