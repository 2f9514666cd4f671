from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("incidents", "0005_score_points")]

    operations = [
        migrations.AddField("signin", "pwhash", models.CharField(blank=True, default="", max_length=16)),
        migrations.AddField("signin", "old_password", models.BooleanField(default=False)),
    ]
