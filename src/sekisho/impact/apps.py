from django.apps import AppConfig


class ImpactConfig(AppConfig):
    name = "sekisho.impact"
    label = "impact"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from sekisho.impact import apologies, listing_texts
        from sekisho.incidents import letters

        letters.compose_by([apologies.KIND], apologies.compose, from_owner_an_hour=apologies.AN_HOUR)
        letters.compose_by(listing_texts.KINDS, listing_texts.compose)
