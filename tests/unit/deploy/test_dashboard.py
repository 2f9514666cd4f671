"""packaging/grafana: every metric named there is one that a process tells."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest
import yaml
from django.utils import timezone
from guard.test_memory import site

from sekisho.guard.measures import GuardMeasures
from sekisho.guard.memory import restore
from sekisho.incidents.measures import WorkerMeasures
from sekisho.web import measures as web

GRAFANA = Path(__file__).resolve().parents[3] / "packaging" / "grafana"
# What Prometheus adds to a counter's or histogram's name.
ENDINGS = ("_total", "_bucket", "_sum", "_count")


def told(tmp_path: Path) -> set[str]:
    memory = restore(site(tmp_path), time.time())
    memory.last_status = memory.status({})
    # With address data, which this guard has not.
    memory.last_status = type(memory.last_status)(
        **{name: getattr(memory.last_status, name) for name in memory.last_status.__struct_fields__}
        | {"address_networks": 1, "address_data_at": time.time()}
    )
    guard = GuardMeasures(lambda: memory.last_status, lambda: 0)
    worker = WorkerMeasures()
    worker.take({}, 0, timezone.now())
    families = [*guard.families(), *worker.families(), *web.REQUESTS.collect(), *web.SECONDS.collect()]
    memory.close()
    return {family.name for family in families}


def named() -> dict[str, list[str]]:
    board = json.loads((GRAFANA / "sekisho.json").read_text(encoding="utf-8"))
    expressions = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    rules = yaml.safe_load((GRAFANA / "alerts.yaml").read_text(encoding="utf-8"))
    expressions += [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    return {expression: re.findall(r"\bsekisho_\w+", expression) for expression in expressions}


@pytest.mark.django_db(databases=["default", "site"])
def test_every_metric_of_dashboard_and_rules_exists(tmp_path: Path) -> None:
    known = told(tmp_path)
    expressions = named()
    assert len(expressions) > 15 and all(expressions.values())
    for expression, names in expressions.items():
        for name in names:
            plain = next((name.removesuffix(end) for end in ENDINGS if name.endswith(end)), name)
            assert plain in known or name in known, expression


def test_panels_do_not_overlap_and_have_titles() -> None:
    board = json.loads((GRAFANA / "sekisho.json").read_text(encoding="utf-8"))
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in board["panels"]]
    assert len(set(places)) == len(places)
    titles = [panel["title"] for panel in board["panels"]]
    assert all(titles) and len(set(titles)) == len(titles)
