import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from sekisho.incidents.audit_seal import chain_hash
from sekisho.incidents.audit_seal import seal as make_triggers


def chain(apps, schema_editor):
    """Rows from before, in the order they were written."""
    alias = schema_editor.connection.alias
    rows = apps.get_model("incidents", "Audit").objects.using(alias)
    number, previous = 0, ""
    for row in rows.order_by("id").iterator():
        number += 1
        words = [row.actor, "", row.verb, row.subject, row.domain]
        digest = chain_hash(number, row.at, words, row.details, row.account_id, previous)
        rows.filter(pk=row.pk).update(number=number, previous=previous, hash=digest)
        previous = digest
    apps.get_model("incidents", "AuditHead").objects.using(alias).create(pk=1, number=number, hash=previous)


def seal(apps, schema_editor):
    make_triggers(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [
        ("incidents", "0013_sign_in_app_password"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="AuditHead",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveBigIntegerField(default=0)),
                ("hash", models.CharField(max_length=64, blank=True, default="")),
            ],
        ),
        migrations.AlterField(
            "audit",
            "account",
            models.ForeignKey(
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField("audit", "via", models.CharField(max_length=6, blank=True, default="")),
        migrations.AddField("audit", "previous", models.CharField(max_length=64, blank=True, default="")),
        migrations.AddField("audit", "hash", models.CharField(max_length=64, default=""), preserve_default=False),
        migrations.AddField("audit", "number", models.PositiveBigIntegerField(null=True)),
        migrations.RunPython(chain, migrations.RunPython.noop),
        migrations.AlterField("audit", "number", models.PositiveBigIntegerField(unique=True)),
        migrations.AddIndex("audit", models.Index(fields=["verb", "at"], name="audit_by_verb")),
        migrations.RunPython(seal, migrations.RunPython.noop),
    ]
