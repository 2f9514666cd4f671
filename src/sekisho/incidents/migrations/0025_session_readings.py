from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("incidents", "0024_sent_elsewhere"),
    ]

    operations = [
        migrations.CreateModel(
            name="SessionReading",
            fields=[
                ("id", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("mailbox", models.CharField(max_length=255)),
                ("session", models.CharField(max_length=128)),
                ("protocol", models.CharField(max_length=8)),
                ("ip", models.CharField(max_length=45)),
                ("country", models.CharField(blank=True, default="", max_length=2)),
                ("asn", models.PositiveBigIntegerField(default=0)),
                ("since", models.DateTimeField()),
                ("until", models.DateTimeField(db_index=True)),
                ("told_at", models.DateTimeField()),
                ("ended", models.BooleanField(default=False)),
                ("folders", models.JSONField(default=list)),
                ("searches", models.JSONField(default=list)),
                ("octets", models.PositiveBigIntegerField(null=True)),
                ("logged_fetches", models.PositiveBigIntegerField(null=True)),
                ("more", models.BooleanField(default=False)),
            ],
            options={
                "indexes": [models.Index(fields=["mailbox", "until"], name="session_readings_by_time")],
            },
        ),
    ]
