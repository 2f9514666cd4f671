from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "sekisho.web"
    label = "web"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from sekisho.web import sign_in_audit

        sign_in_audit.connect()
