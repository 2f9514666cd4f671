from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("incidents", "0012_held_mail")]

    operations = [
        migrations.AddField("signin", "app_password", models.CharField(blank=True, default="", max_length=18)),
    ]
