import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("incidents", "0011_rescue"),
    ]

    operations = [
        migrations.CreateModel(
            name="HeldMessage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("host", models.CharField(max_length=255)),
                ("queue_id", models.CharField(max_length=40)),
                ("state", models.CharField(max_length=8)),
                ("at", models.DateTimeField()),
                ("arrived_at", models.DateTimeField(null=True)),
                ("sender", models.CharField(blank=True, default="", max_length=320)),
                ("size", models.PositiveBigIntegerField(default=0)),
                ("recipients", models.PositiveIntegerField(default=0)),
                ("addresses", models.JSONField(default=list)),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="order",
            name="one_order_per_host",
        ),
        migrations.RemoveField(
            model_name="queueidlogin",
            name="held",
        ),
        migrations.AddField(
            model_name="order",
            name="not_before",
            field=models.DateTimeField(null=True),
        ),
        migrations.AlterField(
            model_name="order",
            name="kind",
            field=models.CharField(max_length=16),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind__in", ["purge_held", "requeue_held", "hold_held"]), _negated=True),
                fields=("incident", "kind", "generation", "host"),
                name="one_order_per_host",
            ),
        ),
        migrations.AddField(
            model_name="heldmessage",
            name="incident",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="held_messages", to="incidents.incident"
            ),
        ),
        migrations.AddField(
            model_name="heldmessage",
            name="order",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="incidents.order"
            ),
        ),
        migrations.AddIndex(
            model_name="heldmessage",
            index=models.Index(fields=["incident", "state"], name="held_by_state"),
        ),
        migrations.AddConstraint(
            model_name="heldmessage",
            constraint=models.UniqueConstraint(
                fields=("incident", "host", "queue_id"), name="one_row_per_held_message"
            ),
        ),
    ]
