from datetime import timedelta

from django.db import migrations, models
from django.db.models import F


def estimate(apps, schema_editor):
    """Pairs from before: the cautious default (incidents.giving_up.CAUTIOUS)."""
    pairs = apps.get_model("incidents", "DeferredPair").objects.using(schema_editor.connection.alias)
    pairs.filter(where="sender").update(give_up_at=F("first_at") + timedelta(days=2))


class Migration(migrations.Migration):
    dependencies = [("incidents", "0010_question")]

    operations = [
        migrations.AddField("mailboxstatus", "rescue_since", models.DateTimeField(null=True)),
        migrations.CreateModel(
            name="RescueRule",
            fields=[
                ("domain", models.CharField(max_length=255, primary_key=True, serialize=False)),
                ("hours_before", models.PositiveIntegerField()),
            ],
        ),
        migrations.AddField("deferredpair", "gaps", models.JSONField(default=list)),
        migrations.AddField("deferredpair", "give_up_at", models.DateTimeField(null=True)),
        migrations.RunPython(estimate, migrations.RunPython.noop),
    ]
