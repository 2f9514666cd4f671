from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("directory", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="CountryPin",
            fields=[
                ("mailbox", models.CharField(max_length=255, primary_key=True, serialize=False)),
                ("countries", models.JSONField()),
                ("only_on_probation", models.BooleanField(default=False)),
                ("made_at", models.DateTimeField()),
                ("actor", models.CharField(max_length=255)),
            ],
        ),
        migrations.CreateModel(
            name="TravelPass",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("mailbox", models.CharField(db_index=True, max_length=255)),
                ("country", models.CharField(max_length=2)),
                ("since", models.DateTimeField()),
                ("until", models.DateTimeField()),
                ("made_at", models.DateTimeField()),
                ("actor", models.CharField(max_length=255)),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("mailbox", "country"), name="one_pass_per_country")],
            },
        ),
    ]
