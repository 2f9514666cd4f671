from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("incidents", "0021_sign_in_by_address"),
    ]

    operations = [
        migrations.CreateModel(
            name="RetentionRule",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("domain", models.CharField(max_length=255)),
                ("kind", models.CharField(max_length=20)),
                ("days", models.PositiveIntegerField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("domain", "kind"), name="one_rule_per_domain_and_kind")
                ],
            },
        ),
    ]
