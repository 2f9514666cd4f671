"""Version N and the one before it run side by side: a migration only adds, and each side says which one is older."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from click.testing import CliRunner
from django.db import connection, migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.recorder import MigrationRecorder
from django.db.migrations.state import ProjectState

from sekisho.cli import processes, sekisho, status
from sekisho.cli.output import Refused
from sekisho.directory import schema

pytestmark = pytest.mark.django_db(databases=["default", "site"])

# The newest migration of each app that is in no release yet without a version before it: there is no N-1 to break.
FIRST_RELEASE = {"directory": 5, "incidents": 22, "recovery": 2, "impact": 1, "web": 3}
# A migration that takes something away (`contract_` in its name) -> the release in which nobody uses it any more.
CONTRACTS: dict[str, str] = {}


def breaks(operation: Operation, before: ProjectState, app: str, made_here: set[str]) -> str:
    """Why the version before could not work on the tables after this operation; "" for one that only adds."""
    model = str(getattr(operation, "model_name", "") or getattr(operation, "name", "")).lower()
    if isinstance(operation, migrations.CreateModel):
        made_here.add(model)
        return ""
    if isinstance(operation, migrations.RemoveField | migrations.RenameField):
        return "the version before still reads that column"
    if isinstance(operation, migrations.DeleteModel | migrations.RenameModel | migrations.AlterModelTable):
        return "the version before still reads that table"
    if isinstance(operation, migrations.RunSQL):
        return "nobody can tell what SQL does to it"
    if model in made_here:
        return ""
    if isinstance(operation, migrations.AddField):
        field = operation.field
        if field.null or field.has_db_default() or field.many_to_many:
            return "" if not field.unique else "the version before writes rows that are not unique"
        return "the version before leaves it out: null=True, or db_default="
    if isinstance(operation, migrations.AddConstraint | migrations.AlterUniqueTogether):
        return "the version before may write rows that it forbids"
    if isinstance(operation, migrations.AlterField):
        return narrower(before.models[app, model].fields[operation.name], operation.field)
    return ""


def narrower(old: models.Field, new: models.Field) -> str:
    if old.null and not new.null and not new.has_db_default():
        return "the version before writes NULL"
    if (old.max_length or 0) > (new.max_length or 0):
        return "the version before writes longer values"
    if new.unique and not old.unique:
        return "the version before writes rows that are not unique"
    return "" if old.get_internal_type() == new.get_internal_type() else "the version before writes another type"


def ours() -> Iterator[tuple[str, str]]:
    for app, name in MigrationLoader(None).disk_migrations:
        if app in schema.OUR_APPS:
            yield app, name


def later() -> list[tuple[str, str]]:
    return sorted(key for key in ours() if int(key[1][:4]) > FIRST_RELEASE[key[0]])


def test_no_migration_breaks_the_version_before() -> None:
    loader = MigrationLoader(None)
    for key in later():
        migration, made_here = loader.disk_migrations[key], set[str]()
        state = loader.project_state(migration.dependencies or None)
        for operation in migration.operations:
            why = breaks(operation, state, key[0], made_here)
            operation.state_forwards(key[0], state)
            if why:
                named = ".".join(key)
                assert schema.CONTRACT in key[1] and named in CONTRACTS, f"{named}, {operation.describe()}: {why}"


def test_the_first_release_names_migrations_that_are_there() -> None:
    newest = {app: max(int(name[:4]) for of, name in ours() if of == app) for app in schema.OUR_APPS}
    assert all(newest[app] >= number for app, number in FIRST_RELEASE.items())
    assert set(CONTRACTS) <= {".".join(key) for key in ours()}


TEXT = models.CharField(max_length=10)


@pytest.mark.parametrize(
    ("operation", "is_harmless"),
    [
        (migrations.AddField("thing", "more", models.CharField(max_length=5, null=True)), True),
        (migrations.AddField("thing", "more", models.CharField(max_length=5, db_default="")), True),
        (migrations.AddField("thing", "more", models.CharField(max_length=5, default="")), False),
        (migrations.AddField("thing", "more", models.CharField(max_length=5, null=True, unique=True)), False),
        (migrations.RemoveField("thing", "text"), False),
        (migrations.RenameField("thing", "text", "words"), False),
        (migrations.DeleteModel("thing"), False),
        (migrations.RenameModel("thing", "item"), False),
        (migrations.AlterModelTable("thing", "items"), False),
        (migrations.RunSQL("DROP TABLE things"), False),
        (migrations.AddConstraint("thing", models.UniqueConstraint(fields=["text"], name="one")), False),
        (migrations.AlterField("thing", "text", models.CharField(max_length=20)), True),
        (migrations.AlterField("thing", "text", models.CharField(max_length=9)), False),
        (migrations.AlterField("thing", "text", models.CharField(max_length=10, unique=True)), False),
        (migrations.AlterField("thing", "text", models.IntegerField()), False),
        (migrations.AlterField("thing", "maybe", models.IntegerField()), False),
        (migrations.AlterField("thing", "maybe", models.IntegerField(db_default=0)), True),
        (migrations.AddIndex("thing", models.Index(fields=["text"], name="by_text")), True),
        (migrations.RunPython(migrations.RunPython.noop), True),
    ],
    ids=lambda value: value.describe()[:60] if isinstance(value, Operation) else "",
)
def test_what_breaks_the_version_before_is_told_from_what_only_adds(operation: Operation, is_harmless: bool) -> None:
    state = ProjectState()
    fields = [("id", models.BigAutoField(primary_key=True)), ("text", TEXT), ("maybe", models.IntegerField(null=True))]
    create = migrations.CreateModel("Thing", fields)
    create.state_forwards("incidents", state)
    assert (breaks(operation, state, "incidents", set()) == "") is is_harmless
    made_here: set[str] = set()
    assert breaks(create, state, "incidents", made_here) == "" and made_here == {"thing"}


# --- which side is older


def newer_program_was_here(name: str) -> None:
    MigrationRecorder(connection).record_applied("incidents", name)


def older_program_was_here() -> None:
    app, name = max(key for key in ours() if key[0] == "recovery")
    MigrationRecorder(connection).record_unapplied(app, name)


def run(*arguments: str) -> object:
    return CliRunner().invoke(sekisho, list(arguments), env={"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}).exception


def test_one_version_on_both_sides_is_no_alarm() -> None:
    assert schema.look() == schema.Schema([], [])
    assert schema.alarm(schema.look()) is None and processes._tables_fit()


def test_tables_that_are_ahead_serve_on_with_an_alarm() -> None:
    newer_program_was_here("9001_more_columns")
    assert processes._tables_fit()
    assert "newer" in status._schema_alarm()
    refused = run("migrate")
    assert isinstance(refused, Refused) and "9001_more_columns" in str(refused)


def test_tables_that_lost_what_this_version_uses_end_it(caplog: pytest.LogCaptureFixture) -> None:
    newer_program_was_here("9002_contract_old_limit")
    assert not processes._tables_fit()
    assert "9002_contract_old_limit" in caplog.text and "install the newer version" in caplog.text
    assert "cannot work" in status._schema_alarm()


def test_tables_that_are_behind_end_it(caplog: pytest.LogCaptureFixture) -> None:
    older_program_was_here()
    assert not processes._tables_fit()
    assert "sekisho migrate" in caplog.text and "older" in status._schema_alarm()
