from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("incidents", "0006_old_password_tried"),
    ]

    operations = [
        migrations.CreateModel(
            name="AppPassword",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("mailbox", models.CharField(db_index=True, max_length=255)),
                ("name", models.CharField(max_length=64)),
                ("scope", models.CharField(max_length=32)),
                ("selector", models.CharField(max_length=4)),
                ("verifier", models.CharField(max_length=64)),
                ("created_at", models.DateTimeField()),
                ("created_by", models.CharField(max_length=255)),
                ("mailbox_made_at", models.DateTimeField()),
                ("disabled_at", models.DateTimeField(null=True)),
                ("disabled_in", models.PositiveIntegerField(null=True)),
                ("revoked_at", models.DateTimeField(null=True)),
                ("last_used_at", models.DateTimeField(null=True)),
                ("last_protocol", models.CharField(blank=True, default="", max_length=16)),
                ("last_ip", models.CharField(blank=True, default="", max_length=45)),
                ("last_country", models.CharField(blank=True, default="", max_length=2)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("revoked_at__isnull", True)),
                        fields=("mailbox", "selector"),
                        name="one_app_password_per_selector",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("revoked_at__isnull", True)),
                        fields=("mailbox", "name"),
                        name="one_app_password_per_name",
                    ),
                ],
            },
        ),
    ]
