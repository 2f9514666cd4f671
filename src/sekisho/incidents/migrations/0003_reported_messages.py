from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("incidents", "0002_refresh_orders"),
    ]

    operations = [
        migrations.AddField(
            model_name="queueidlogin",
            name="message_id",
            field=models.CharField(blank=True, db_index=True, default="", max_length=255),
        ),
        migrations.CreateModel(
            name="ReportedMessage",
            fields=[
                ("key", models.CharField(max_length=48, primary_key=True, serialize=False)),
                ("mailbox", models.CharField(blank=True, db_index=True, default="", max_length=255)),
                ("submitted_at", models.DateTimeField(null=True)),
                ("first_at", models.DateTimeField()),
                ("last_at", models.DateTimeField(db_index=True)),
                ("reports", models.PositiveIntegerField(default=1)),
                ("vouched_by", models.CharField(blank=True, default="", max_length=255)),
            ],
        ),
    ]
