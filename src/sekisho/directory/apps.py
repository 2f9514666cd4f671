from django.apps import AppConfig


class DirectoryConfig(AppConfig):
    name = "sekisho.directory"
    label = "directory"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Tables of the site's own are read as PostfixAdmin's (directory.mapping)."""
        from django.db.backends.signals import connection_created

        from sekisho.directory import mapping

        connection_created.connect(mapping.watch, dispatch_uid="sekisho.directory.mapping")
