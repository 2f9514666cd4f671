from django.db import migrations

from sekisho.incidents.audit_seal import seal as make_triggers


def seal(apps, schema_editor):
    """The triggers anew: rows that an anchor covers may be deleted."""
    make_triggers(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [
        ("incidents", "0025_session_readings"),
    ]

    operations = [
        migrations.RunPython(seal, migrations.RunPython.noop),
    ]
