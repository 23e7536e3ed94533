import numpy as np

from tuner.engine.out_of_fold import OutOfFold
from tuner.selection.nested import curve_of, groups_of, nested_scores

T, R, L, N = 6, 2, 80, 3


def noise_curve(seed: int) -> OutOfFold:
    """Six steps that are equally good: what differs is luck."""
    predictions = np.random.default_rng(seed).standard_normal((T, R, L, N)).astype(np.float32)
    return OutOfFold(np.arange(T) * 4, predictions, np.tile(np.arange(L) % 5, (R, 1)))


def test_the_lowest_of_a_curve_looks_better_than_it_is_and_the_nested_score_does_not() -> None:
    responses = np.zeros((L, N), dtype=np.float32)
    lowest, nested = [], []
    for seed in range(300):
        curve = curve_of(noise_curve(seed), responses)
        assert curve is not None
        lowest.append(curve.rmse.min())
        nested.append(nested_scores(curve, groups_of(L, seed)).rmse)
    assert np.mean(lowest) < 0.985
    assert 0.99 < np.mean(nested) < 1.01  # its standard error is 0.003


def test_an_images_own_responses_do_not_choose_its_step() -> None:
    responses = np.zeros((L, N), dtype=np.float32)
    groups = groups_of(L, 0)
    changed = responses.copy()
    changed[groups == 3] = 5.0
    found = []
    for values in (responses, changed):
        curve = curve_of(noise_curve(1), values)
        assert curve is not None
        found.append(nested_scores(curve, groups).predictions[:, groups == 3])
    assert np.array_equal(*found)


def test_steps_at_which_a_network_had_diverged_are_left_out() -> None:
    curve = noise_curve(2)
    curve.predictions[2, 0, 5] = np.nan
    found = curve_of(curve, np.zeros((L, N), dtype=np.float32))
    assert found is not None
    assert found.out_of_fold.steps.tolist() == [0, 4, 12, 16, 20]
