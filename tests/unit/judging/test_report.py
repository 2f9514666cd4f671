"""The page and its pictures say what the scorer found, and can be read by everybody."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from evals import comparison, plots, prevalence, report, world
from evals.score import Healthy, Scored, Takeovers

SVG = "{http://www.w3.org/2000/svg}"


def scored() -> Scored:
    found = Scored()
    found.takeovers["all"] = Takeovers(10, 6, 8, 9, 1000, [1, 2, 3, 100])
    found.takeovers["blast"] = Takeovers(4, 4, 4, 4, 1000, [1, 2, 3, 100])
    found.healthy["all"] = Healthy(2000.0, {"suspend": 1, "throttle": 4, "alert": 40})
    found.healthy["traveller"] = Healthy(1000.0, {"suspend": 1, "throttle": 4, "alert": 40})
    found.healthy["office"] = Healthy(1000.0)
    return found


def test_the_comparison_has_a_line_per_judge_with_bounds() -> None:
    lines = comparison.table({"Sekisho": scored(), "none": Scored()})
    cells = [cell.strip() for cell in lines[2].split("|")][1:-1]
    assert cells[:6] == ["Sekisho", "0.80 (≥ 0.49)", "0.90", "3", "100", "10.6 %"]
    # One in 2,000 months is 5 in 10,000; at most 4.74 in 2,000 (Poisson, one-sided).
    assert cells[6] == "5.0 (≤ 23.7)"
    assert "–" in lines[3]


def test_an_ordinary_mix_weighs_rare_behaviour_little() -> None:
    mix = {"traveller": 0.01, "office": 0.98, "first_newsletter": 0.01}
    rate, upper = prevalence.weighted(scored().healthy, mix)["alert"]
    # 40 in 1,000 months of travellers, who are one in 99 of those met.
    assert rate == pytest.approx(0.04 / 99)
    assert rate < upper < 0.02
    # Unweighted the bound is the Poisson one: none in 1,000 months is at most 3.0 in 1,000.
    alone = {"office": Healthy(1000.0)}
    assert prevalence.weighted(alone, {"office": 1.0})["suspend"][1] == pytest.approx(2.996e-3, rel=1e-3)


@pytest.mark.parametrize(("shape", "share", "known"), [(1, 0.95, 2.9957), (5, 0.95, 9.1535), (200, 0.95, 223.8806)])
def test_quantiles_of_the_gamma_distribution_are_the_tables_ones(shape: float, share: float, known: float) -> None:
    # Half of the chi-square quantiles 5.9915 (2), 18.3070 (10) and 447.63 (400) of the printed tables.
    assert prevalence._gamma_quantile(shape, share) == pytest.approx(known, rel=1e-3)


@pytest.mark.parametrize("name", sorted(world.WORLDS))
def test_the_ordinary_mix_adds_up_and_knows_every_trait(name: str) -> None:
    mix = prevalence.shares(world.WORLDS[name].travellers)
    assert sum(mix.values()) == pytest.approx(1.0)
    assert min(mix.values()) > 0
    assert set(mix) == {*world.people.SHARES, "office"}


def test_the_aims_are_marked_reached_or_not() -> None:
    lines = comparison.aims(scored(), {"traveller": 0.01, "office": 0.99})
    assert next(line for line in lines if "all takeovers contained" in line).endswith("| ≥ 0.90 | 0.80 | **no** |")
    assert next(line for line in lines if "blast contained" in line).endswith("| ≥ 0.97 | 1.00 | yes |")
    alerts = next(line for line in lines if "alerts /10k, ordinary mix" in line)
    assert "| ≤ 300 | 4.0 (≤ " in alerts
    assert alerts.endswith(" | yes |")
    few = scored()
    few.healthy["all"].hurt["suspend"] = 0
    said = comparison.aims(few, {"traveller": 0.01, "office": 0.99})
    assert next(line for line in said if "suspensions /10k, traits" in line).endswith("| 0.0 (≤ 15.0) | not shown |")


def test_pictures_are_well_formed_named_and_described() -> None:
    found = {"Sekisho": scored(), "500 recipients an hour": Scored()}
    for _, _, make in comparison._PICTURES:
        picture = ElementTree.fromstring(make("base", found))
        assert picture.get("role") == "img"
        named = {element.get("id"): element.text for element in picture if element.get("id")}
        assert picture.get("aria-labelledby", "").split() == list(named) == ["title", "description"]
        assert all(named.values())
        style = picture.findtext(f"{SVG}style") or ""
        light, dark = (set(re.findall(r"\.(\w+)\{(?:fill|stroke)", part)) for part in style.split("@media"))
        # Whatever is ink or ground in the light has its other colour in the dark.
        assert light - dark <= {"suspend", "throttle", "alert"}
        used = {name for element in picture.iter() for name in (element.get("class") or "").split()}
        assert used <= light | {"bold", "head"}


def test_a_grid_shows_each_share_and_escapes_names() -> None:
    drawn = plots.grid("a < b", "d", ["one & two", "three"], [("row", [0.25, 1.0])])
    texts = [element.text for element in ElementTree.fromstring(drawn).iter(f"{SVG}text")]
    assert texts == ["a < b", "one & two", "three", "row", "0.25", "1.00"]


def test_boxes_lie_in_order_on_the_axis() -> None:
    drawn = plots.boxes("t", "d", "u", [plots.Box("x", 3, (0, 9, 99, 499, 999))])
    line = next(e for e in ElementTree.fromstring(drawn).iter(f"{SVG}line") if e.get("class") == "edge")
    median = next(e for e in ElementTree.fromstring(drawn).iter(f"{SVG}line") if e.get("class") == "median")
    low, high, middle = (float(line.get("x1", 0)), float(line.get("x2", 0)), float(median.get("x1", 0)))
    # Two of three powers of ten.
    assert (middle - low) / (high - low) == pytest.approx(2 / 3, abs=0.01)


def test_a_small_report_is_written_with_its_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world, "WORLDS", {"base": world.WORLDS["base"]})
    page = tmp_path / "evaluation.md"
    said = report.write(page, seeds=(3,), mailboxes=40, days=45)
    text = page.read_text(encoding="utf-8")
    judges = [line.split("|")[1].strip() for line in said.splitlines() if line.startswith("| ")][2:]
    assert judges[0] == "Sekisho"
    assert len(judges) == 1 + len(report.baselines.RULES)
    pictures = re.findall(r"!\[[^]]+]\((images/[^)]+)\)", text)
    assert len(pictures) == 3
    for picture in pictures:
        ElementTree.parse(tmp_path / picture)
    # 40 mailboxes over 45 days, a few takeovers in it: Sekisho contained some of them.
    contained = next(line for line in said.splitlines() if line.startswith("| Sekisho |")).split("|")[2]
    assert float(contained.split()[0]) > 0.5
