from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("incidents", "0007_app_passwords")]

    operations = [
        migrations.AddField(
            model_name="notice",
            name="about",
            field=models.CharField(blank=True, default="", max_length=64),
        ),
        migrations.AddField(
            model_name="notice",
            name="mailbox",
            field=models.CharField(blank=True, default="", max_length=255),
        ),
        migrations.AlterField(
            model_name="notice",
            name="incident",
            field=models.ForeignKey(
                null=True, on_delete=models.deletion.CASCADE, related_name="notices", to="incidents.incident"
            ),
        ),
        migrations.AddConstraint(
            model_name="notice",
            constraint=models.UniqueConstraint(
                condition=Q(incident=None), fields=("kind", "about", "recipient"), name="one_letter_per_contact"
            ),
        ),
    ]
