import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("incidents", "0009_planted_settings"),
    ]

    operations = [
        migrations.CreateModel(
            name="Allowance",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("mailbox", models.CharField(max_length=255)),
                ("generation", models.PositiveIntegerField()),
                ("granted_at", models.DateTimeField()),
                ("until", models.DateTimeField()),
                ("recipients", models.PositiveIntegerField()),
                ("actor", models.CharField(max_length=255)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("mailbox", "generation"), name="one_allowance_per_generation")
                ],
            },
        ),
        migrations.CreateModel(
            name="NewRecipient",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("mailbox", models.CharField(max_length=255)),
                ("generation", models.PositiveIntegerField()),
                ("at", models.DateTimeField()),
                ("allowed", models.BooleanField()),
            ],
            options={
                "indexes": [models.Index(fields=["mailbox", "at"], name="new_recipients_by_time")],
            },
        ),
        migrations.CreateModel(
            name="Question",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("asked_at", models.DateTimeField()),
                ("level", models.CharField(default="domain", max_length=8)),
                ("escalated_at", models.DateTimeField(null=True)),
                ("state", models.CharField(default="open", max_length=4)),
                ("answered_at", models.DateTimeField(null=True)),
                ("answered_by", models.CharField(blank=True, default="", max_length=255)),
                (
                    "incident",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="question",
                        to="incidents.incident",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="QuestionLink",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("seed", models.CharField(max_length=32)),
                ("token_hash", models.CharField(max_length=64, unique=True)),
                (
                    "notice",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="link", to="incidents.notice"
                    ),
                ),
                (
                    "question",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="links", to="incidents.question"
                    ),
                ),
            ],
        ),
    ]
