from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "sekisho.web"
    label = "web"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.contrib.auth.signals import user_logged_in, user_logged_out

        from sekisho.web import factors, own_sessions, sign_in_audit
        from sekisho.web.confirmation import note_sign_in

        sign_in_audit.connect()
        factors.connect()
        user_logged_in.connect(note_sign_in, dispatch_uid="sekisho.confirmation.signed_in")
        user_logged_in.connect(own_sessions.note, dispatch_uid="sekisho.own_sessions.signed_in")
        user_logged_out.connect(own_sessions.forget, dispatch_uid="sekisho.own_sessions.signed_out")
