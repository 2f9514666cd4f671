from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("incidents", "0004_usual_use")]

    operations = [
        migrations.CreateModel(
            name="ScorePoint",
            fields=[
                ("id", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("mailbox", models.CharField(max_length=255)),
                ("generation", models.PositiveIntegerField()),
                ("t", models.DateTimeField(db_index=True)),
                ("score", models.FloatField()),
                ("findings", models.JSONField(default=dict)),
                ("alert", models.FloatField(null=True)),
                ("restrict", models.FloatField(null=True)),
                ("suspend", models.FloatField(null=True)),
                ("action", models.CharField(blank=True, default="", max_length=10)),
            ],
            options={"indexes": [models.Index(fields=["mailbox", "t"], name="score_points_by_time")]},
        ),
    ]
