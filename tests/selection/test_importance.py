import numpy as np
import pytest

from tuner.hyper_parameters import HyperParameters
from tuner.selection.importance import FEWEST, importances

RATES, FILTERS = (0.001, 0.003, 0.01, 0.03), (16, 32, 64, 128)


def grid() -> list[HyperParameters]:
    return [{"rate": rate, "filters": filters, "fixed": 1} for rate in RATES for filters in FILTERS]


def test_the_setting_that_decides_the_rmse_has_nearly_all_of_the_variance() -> None:
    rng = np.random.default_rng(0)
    for name, values in (("rate", RATES), ("filters", FILTERS)):
        rmse = [0.3 + 0.02 * values.index(table[name]) + 0.001 * rng.standard_normal() for table in grid()]
        found = importances(grid(), rmse, 0)
        assert next(iter(found)) == name
        assert found[name] > 0.9
        assert sum(found.values()) == pytest.approx(1)
        assert set(found) == {"rate", "filters"}


def test_a_setting_that_some_variants_lack_counts_too() -> None:
    tables: list[HyperParameters] = [
        {"rate": rate, "text": "x" if index % 2 else "y", **({"layer.2.num_filters": 32} if deep else {})}
        for deep in (False, True)
        for index, rate in enumerate(RATES)
    ]
    found = importances(tables, [0.3 + 0.05 * ("layer.2.num_filters" in table) for table in tables], 0)
    assert next(iter(found)) == "layer.2.num_filters"
    assert set(found) == {"rate", "text", "layer.2.num_filters"}


def test_switches_and_large_seeds_are_no_trouble() -> None:
    tables: list[HyperParameters] = [{"on": index % 2 == 0, "rate": RATES[index // 2]} for index in range(8)]
    found = importances(tables, [0.4 if table["on"] else 0.3 for table in tables], 2**63 - 1)
    assert found["on"] > 0.9


@pytest.mark.parametrize(
    ("tables", "rmse"),
    [
        (grid()[: FEWEST - 1], [0.1 * index for index in range(FEWEST - 1)]),
        ([{"rate": 0.001 * index} for index in range(FEWEST)], [0.1 * index for index in range(FEWEST)]),
        (grid(), [0.3] * 16),
        ([], []),
    ],
    ids=["too few variants", "one setting", "one rmse", "nothing"],
)
def test_what_tells_too_little_has_no_importances(tables: list[HyperParameters], rmse: list[float]) -> None:
    assert importances(tables, rmse, 0) == {}


def test_the_fewest_are_enough_and_the_seed_decides() -> None:
    rmse = [0.3 + 0.01 * index for index in range(FEWEST)]
    assert importances(grid()[:FEWEST], rmse, 3) == importances(grid()[:FEWEST], rmse, 3) != {}
