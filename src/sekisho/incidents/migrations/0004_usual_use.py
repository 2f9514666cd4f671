from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("incidents", "0003_reported_messages")]

    operations = [
        migrations.CreateModel(
            name="UsualUse",
            fields=[
                ("mailbox", models.CharField(max_length=255, primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
                ("facts", models.JSONField(default=dict)),
            ],
        ),
        migrations.CreateModel(
            name="NetworkOwner",
            fields=[
                ("asn", models.PositiveBigIntegerField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=100)),
            ],
        ),
        migrations.AddField(model_name="transition", name="sources", field=models.JSONField(default=None, null=True)),
    ]
