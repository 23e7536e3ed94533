import math
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import matplotlib
import numpy as np
import pytest

from tuner.reporting.report import report
from tuner.results.estimate import Estimate
from tuner.results.promotion import Interval
from tuner.results.spent import Spent, Use
from tuner.results.standing import Standing
from tuner.results.verdict import Verdict

NOTHING = Estimate(math.nan, math.nan, math.nan)
SVG = "http://www.w3.org/2000/svg"


class Page(HTMLParser):
    """What a page consists of; its tags are nested as they should be."""

    EMPTY = ("meta", "br")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.headings: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in self.EMPTY:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] in ("h2", "h3"):
            self.headings.append(data)


def page_of(sample: Any, **changes: Any) -> str:
    return report(replace(sample.verdict, **changes), sample.entries, sample.manifest, sample.data, "this")


@pytest.fixture(scope="module")
def page(sample: Any) -> str:
    return page_of(sample)


def test_the_page_loads_nothing(page: str) -> None:
    found = Page(page)
    assert not {"script", "link", "img", "iframe", "object", "image"} & set(found.tags)
    assert [(name, value) for name, value in found.attributes if "//" in value and name != "xmlns"] == []
    assert {value for name, value in found.attributes if name == "xmlns"} == {SVG}
    assert "//" not in page.replace(SVG, "")
    assert "@import" not in page
    assert {value[:1] for name, value in found.attributes if name in ("src", "href")} == {"#"}


def test_every_reference_leads_to_the_one_element_of_that_id(page: str) -> None:
    attributes = Page(page).attributes
    ids = Counter(value for name, value in attributes if name == "id")
    assert ids.most_common(1)[0][1] == 1
    links = [value[1:] for name, value in attributes if name == "href"]
    clips = [value for _, values in attributes for value in re.findall(r"url\(#([^)]*)\)", values)]
    assert len(clips) > 0
    assert set(links) | set(clips) <= set(ids)


def test_the_sections_come_in_their_order(page: str) -> None:
    headings = [heading for heading in Page(page).headings if heading[0].isdigit()]
    assert [heading[0] for heading in headings] == list("12345678")
    assert page.count("<figure>") == page.count("<figcaption>") == page.count('role="img"') == 6


def test_a_population_has_its_section_in_place_of_what_would_mislead(bred: Any) -> None:
    text = page_of(bred)
    found = Page(text)
    headings = [heading for heading in found.headings if heading[0].isdigit()]
    assert [heading[0] for heading in headings] == list("12345678")
    assert headings[2] == "3 How the population evolved"
    assert 'id="population-figure_1"' in text
    assert not any(f'id="{name}-figure_1"' in text for name in ("effects", "neuron-effects", "parallel", "importances"))
    assert "What a single mutation did is not told" in text
    assert f"<summary>{len(bred.verdict.evolution.replacements)} replacements</summary>" in text
    winner = bred.verdict.evolution.path[-1]
    phase = f'<td>{winner.step}</td><td class="long">{winner.member}</td><td class="long">{winner.mutations[0]}</td>'
    assert f'{phase}<td class="long">{winner.donor}</td>\n<td class="long">94 % of 9.5 k weights</td>' in text


def test_a_search_of_another_kind_has_no_such_section(page: str) -> None:
    assert "population" not in page


def test_a_page_is_the_same_every_time_and_whatever_the_users_matplotlib_looks_like(sample: Any, page: str) -> None:
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red"}):
        assert page_of(sample) == page
        assert matplotlib.rcParams["font.size"] == 30


def test_no_name_is_taken_for_html(make: Callable[..., Any]) -> None:
    sample = make(
        neurons=2,
        names=lambda index: f"<script>alert({index})</script> & $x^{{2}}$ --> \"'",
        neuron_names=lambda index: f"<b>n{index}</b>",
    )
    sample.manifest["command"] = "<i>python</i>"
    failed = replace(sample.verdict.standings[-1], error="<img src=x>")
    text = page_of(sample, standings=(*sample.verdict.standings[:-1], failed), reason="it is <u>good</u>")
    assert not {"script", "b", "i", "img", "u"} & set(Page(text).tags)
    for name in ("&lt;script&gt;alert(1)", "&lt;b&gt;n0", "&lt;i&gt;python", "&lt;img src=x&gt;", "&lt;u&gt;good"):
        assert name in text


def test_simulated_data_are_called_that_before_anything_else(sample: Any, page: str) -> None:
    assert "SIMULATED" not in page
    told = report(sample.verdict, sample.entries, sample.manifest, "SIMULATED recordings of 3 neurons.", "this")
    known = page_of(sample, noise_rmse=0.29)
    for text in (told, known):
        assert text.index("SIMULATED DATA") < text.index("1 Verdict</h2>")
    assert "A perfect model would have 0.2900" in known


def test_a_lost_winner_is_warned_of_before_the_verdict(sample: Any, page: str) -> None:
    assert 'role="alert"' not in page
    promotion = replace(sample.verdict.promotion, expected=Interval(0.36, 0.35, 0.37))
    text = page_of(sample, promotion=promotion)
    assert text.index("1 Verdict</h2>") < text.index('role="alert"') < text.index("is the winner")


def test_what_was_run_can_be_run_again_from_the_page(page: str) -> None:
    for text in ("python -m tuner.run -g v4 -n first", "3f9a2c17d0b14ee1", "torch 2.13.0", "learning_rate: 0.001"):
        assert text in page
    assert "add_conv_layer:" in page
    assert "4 repeats of 5 folds" in page


def test_what_it_cost_stands_beside_what_was_run(sample: Any, page: str) -> None:
    spent = Spent((Use("g5.xlarge spot", 3600, 0.45),), "2026-06")
    told = report(sample.verdict, sample.entries, sample.manifest, sample.data, "this", spent)
    assert "about $0.45 (prices of 2026-06): 60 min of g5.xlarge spot" in told[told.index("8 What was run") :]
    assert "prices of" not in page


def test_of_many_variants_and_neurons_only_some_are_drawn_and_the_page_says_so(make: Callable[..., Any]) -> None:
    sample = make(variants=300, neurons=130, images=8, names=lambda index: f"{index}-{'long' * 40}"[:160], step_s=20)
    text = page_of(sample)
    assert "283 more rows" in text
    assert "258 of 298 are not shown" in text
    assert "10 neurons between them not shown" in text
    assert "106 neurons not shown" in text
    assert "more curves of variants with a higher RMSE are not shown" in text
    assert "99 more variants with a higher RMSE not shown" in text
    assert all(f"{index}-long" in text for index in range(1, 299))


def lonely(verdict: Verdict) -> dict[str, Any]:
    """Nothing but a winner."""
    winner = Standing("base", "search", "unfinished", 1, Estimate(0.34, math.nan, 0))
    empty = np.full((0, len(verdict.neurons)), np.nan)
    return {
        "winner": winner,
        "standings": (winner,),
        "baselines": (),
        "effects": (),
        "curves": (),
        "neuron_metrics": {},
        "predicted": empty,
        "measured": empty.astype(np.float32),
        "probability": None,
        "stage": "search",
    }


def unknown(verdict: Verdict) -> dict[str, Any]:
    """Whatever can be NaN or None is."""
    nan = tuple(math.nan for _ in verdict.neurons)
    standings = [
        replace(one, neuron_rmse=nan, search_rmse=math.nan, search_nested_rmse=math.nan, p=math.nan)
        for one in verdict.standings
    ]
    standings[0] = replace(standings[0], rmse=Estimate(0.34, math.nan, 9), difference=NOTHING)
    standings[1] = replace(standings[1], rmse=NOTHING, step=None, parameters=None, seconds=None)
    effects = [
        replace(one, difference=NOTHING, p=1.0, neuron_differences=tuple(NOTHING for _ in nan))
        for one in verdict.effects
    ]
    curves = [replace(one, rmse=tuple(math.nan for _ in one.rmse), se=one.se) for one in verdict.curves]
    return {
        "winner": standings[0],
        "standings": tuple(standings),
        "effects": tuple(effects),
        "curves": tuple(curves),
        "measured": np.full_like(verdict.measured, np.nan),
        "neuron_metrics": {"rmse": nan, "correlation": nan},
        "importances": {"training.learning_rate": 0.0},
    }


def without_control(verdict: Verdict) -> dict[str, Any]:
    """The base config failed."""
    kept = [replace(one, difference=None, p=None) for one in verdict.standings if one.mutations]
    return {"winner": kept[0], "standings": tuple(kept), "probability": None}


def equal(verdict: Verdict) -> dict[str, Any]:
    """No number differs from another, and predictions are constant."""
    same = Estimate(0.34, 0.0, 9)
    standings = tuple(replace(one, rmse=same) for one in verdict.standings if one.rmse)
    effects = tuple(replace(one, difference=Estimate(0.0, 0.0, 9), p=1.0) for one in verdict.effects)
    flat = np.ones_like(verdict.predicted)
    return {
        "winner": standings[0],
        "standings": standings,
        "baselines": (),
        "effects": effects,
        "predicted": flat,
        "measured": flat.astype(np.float32),
        "neuron_metrics": {},
    }


def wild(verdict: Verdict) -> dict[str, Any]:
    """One variant is far from the others."""
    far = Estimate(1e6, 1e5, 2)
    standings = (*verdict.standings[:-2], replace(verdict.standings[-2], rmse=far, difference=far))
    effects = (replace(verdict.effects[0], difference=far), *verdict.effects[1:])
    return {"standings": standings, "effects": effects}


@pytest.mark.parametrize("change", [lonely, unknown, without_control, equal, wild], ids=lambda change: change.__name__)
def test_extremes_are_shown(sample: Any, change: Callable[[Verdict], dict[str, Any]]) -> None:
    Page(page_of(sample, **change(sample.verdict)))


@pytest.mark.parametrize(("variants", "neurons"), [(1, 1), (2, 1), (2, 30)])
def test_few_variants_and_one_neuron_are_shown(make: Callable[..., Any], variants: int, neurons: int) -> None:
    Page(page_of(make(variants=variants, neurons=neurons, finalists=0, images=9), stage="search"))


def test_letters_that_matplotlibs_font_lacks_are_left_to_the_browser(make: Callable[..., Any]) -> None:
    text = page_of(make(variants=2, neurons=1, neuron_names=lambda index: "神経"))
    assert ">神経" in text


def test_a_manifest_that_lacks_things_is_shown_as_far_as_it_goes(sample: Any) -> None:
    Page(report(sample.verdict, sample.entries, {}, sample.data, "this"))


def test_commands_start_without_matplotlib() -> None:
    code = (
        "import sys, tuner.run, tuner.reporting.tables, tuner.reporting.summary; assert 'matplotlib' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
