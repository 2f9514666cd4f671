from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("directory", "0004_api_keys")]

    operations = [
        migrations.AlterField(
            model_name="role",
            name="role",
            field=models.CharField(
                choices=[
                    ("operator", "operator"),
                    ("reseller", "reseller"),
                    ("domain_admin", "domain_admin"),
                    ("helpdesk", "helpdesk"),
                ],
                max_length=16,
            ),
        ),
    ]
