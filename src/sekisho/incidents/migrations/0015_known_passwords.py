from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("incidents", "0014_audit_chain"),
    ]

    operations = [
        migrations.CreateModel(
            name="KnownPassword",
            fields=[
                ("mailbox", models.CharField(max_length=255, primary_key=True, serialize=False)),
                ("mark", models.CharField(max_length=16)),
                ("at", models.DateTimeField()),
            ],
        ),
    ]
