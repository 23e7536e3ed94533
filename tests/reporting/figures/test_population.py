import math
import re
from dataclasses import replace
from itertools import combinations, pairwise

import numpy as np
import pytest
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath
from sklearn.isotonic import IsotonicRegression

from tests.reporting.conftest import Sample, make_bred, make_population
from tuner.reporting.figures.canvas import WIDTH
from tuner.reporting.figures.population import LABELS, NAMED, population_picture, spaced
from tuner.results.evolution import Evolution

POINTS = 72


def texts_of(svg: str) -> list[tuple[str, float, float]]:
    """Every text of the picture with the place of its lower left end, in points from the upper left."""
    found = re.findall(r'<text [^>]*transform="translate\(([-\d.]+) ([-\d.]+)\)[^>]*>([^<]*)</text>', svg)
    placed = re.findall(r'<text [^>]*x="([-\d.]+)" y="([-\d.]+)"[^>]*>([^<]*)</text>', svg)
    return [(text, float(x), float(y)) for x, y, text in (*found, *placed)]


def svg_of(evolution: Evolution) -> str:
    picture = population_picture(make_bred(evolution).verdict)
    assert picture is not None
    return picture.svg


def test_without_a_population_there_is_no_picture(sample: Sample) -> None:
    assert population_picture(sample.verdict) is None


@pytest.mark.parametrize("size", [(3, 2, 2), (8, 4, 2), (16, 12, 2), (9, 40, 1)])
def test_labels_neither_overlap_nor_leave_the_picture(size: tuple[int, int, int]) -> None:
    evolution = make_population(*size)
    font = FontProperties(family="DejaVu Sans", size=7.5)
    labels = [one for one in texts_of(svg_of(evolution)) if one[0].startswith(("from ", "member", "base"))]
    labels = [one for one in labels if one[0] != "base config"]
    boxes = [(x, x + TextPath((0, 0), text, prop=font).get_extents().x1, y) for text, x, y in labels]
    assert len(boxes) == min(len(evolution.path), LABELS) + len(evolution.members)
    assert all(right < WIDTH * POINTS for _, right, _ in boxes)
    for (left, right, y), (other_left, other_right, other_y) in combinations(boxes, 2):
        assert right < other_left or other_right < left or abs(y - other_y) > 7.5


def test_every_mutation_of_the_winner_is_written_from_its_step() -> None:
    evolution = make_population(8, 6)
    begins = [text.split(": ")[0] for text, _, _ in texts_of(svg_of(evolution)) if text.startswith("from ")]
    assert sorted(begins) == sorted(f"from {phase.step}" for phase in evolution.path)


def test_what_is_not_drawn_is_said() -> None:
    evolution = make_population(40, 25, 1)
    picture = population_picture(make_bred(evolution).verdict)
    assert picture is not None
    assert f"{len(evolution.path) - LABELS} more phases of the winner: see the table." in picture.caption
    assert "member-3" not in [text for text, _, _ in texts_of(picture.svg)]
    assert NAMED < 40


def test_members_that_ended_before_others_are_counted_and_not_named() -> None:
    evolution = make_population(24, 4)
    kept = {*evolution.members[:8], *(one.member for one in evolution.path), *(one.donor for one in evolution.path)}
    short = [
        one if one.member in kept else replace(one, steps=one.steps[:2], rmse=one.rmse[:2])
        for one in evolution.branches
        if one.member in kept or not one.step
    ]
    picture = population_picture(make_bred(replace(evolution, branches=tuple(short))).verdict)
    assert picture is not None
    names = {text for text, _, _ in texts_of(picture.svg)} & {*evolution.members}
    assert names == kept - {""}
    assert f"{24 - len(names)} members ended before others: a population begins with more than" in picture.caption
    assert "ended before" not in population_picture(make_bred(make_population()).verdict).caption


@pytest.mark.parametrize("seed", range(20))
def test_names_are_spaced_as_isotonic_regression_would(seed: int) -> None:
    rng = np.random.default_rng(seed)
    places, gap = list(0.3 + 0.4 * rng.random(12)), 0.04
    found, order = np.array(spaced(places, gap)), np.argsort(places)
    below = gap * np.arange(12)
    expected = IsotonicRegression().fit_transform(np.arange(12), np.array(places)[order] - below)
    np.testing.assert_allclose(found[order], np.clip(expected, 0, 1 - below[-1]) + below)
    assert min(after - before for before, after in pairwise(found[order])) >= gap - 1e-9


def test_names_with_room_stay_where_they_are_and_others_stay_inside() -> None:
    assert spaced([0.9, 0.1, 0.5], 0.1) == pytest.approx([0.9, 0.1, 0.5])
    assert spaced([0.0, 0.0, 0.0], 0.1) == pytest.approx([0.0, 0.1, 0.2])
    assert spaced([1.0, 1.0], 0.1) == pytest.approx([0.9, 1.0])
    assert spaced([], 0.1) == []


def broken(evolution: Evolution) -> Evolution:
    """Everything diverged."""
    branches = [replace(one, rmse=tuple(math.nan for _ in one.rmse)) for one in evolution.branches]
    path = [replace(one, rmse=tuple(math.nan for _ in one.rmse)) for one in evolution.path]
    return Evolution(tuple(branches), tuple(path))


def cut_short(evolution: Evolution) -> Evolution:
    """The winner's last phase was begun and never measured."""
    *before, last = evolution.path
    return replace(evolution, path=(*before, replace(last, steps=(), rmse=())))


def equal(evolution: Evolution) -> Evolution:
    """All are the same."""
    return replace(evolution, branches=tuple(replace(one, rmse=(0.3,) * len(one.steps)) for one in evolution.branches))


@pytest.mark.parametrize("change", [broken, cut_short, equal], ids=lambda change: change.__name__)
def test_extremes_are_drawn(bred: Sample, change: object) -> None:
    assert callable(change)
    assert population_picture(replace(bred.verdict, evolution=change(bred.verdict.evolution))) is not None
