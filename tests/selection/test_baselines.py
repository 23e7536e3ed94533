import numpy as np
from sklearn.dummy import DummyRegressor

from tuner.config import DataConfig
from tuner.dataset.load import Dataset
from tuner.dataset.splits import make_splits
from tuner.engine.metrics import pooled_rmse
from tuner.selection.baselines import mean_predictor


def test_each_held_out_image_is_predicted_by_the_mean_of_its_folds_training_responses(dataset: Dataset) -> None:
    splits = make_splits(DataConfig(folds=4, repeats=2), len(dataset.labelled))
    predictions = mean_predictor(dataset.responses, splits)
    for prediction, split in zip(predictions, splits, strict=True):
        assert np.isnan(prediction[split.train]).all()
        for n in range(4):
            known = split.train[np.isfinite(dataset.responses[split.train, n])]
            oracle = DummyRegressor().fit(np.zeros((len(known), 1)), dataset.responses[known, n])
            np.testing.assert_allclose(prediction[split.held_out, n], oracle.predict([[0]])[0], rtol=1e-6)


def test_held_out_responses_do_not_influence_the_mean(dataset: Dataset) -> None:
    splits = make_splits(DataConfig(folds=3), len(dataset.labelled))
    changed = dataset.responses.copy()
    changed[splits[0].held_out] += 5
    one, other = mean_predictor(dataset.responses, splits), mean_predictor(changed, splits)
    np.testing.assert_array_equal(one[0], other[0])
    assert not np.array_equal(one[1], other[1], equal_nan=True)


def test_a_neuron_without_training_responses_is_predicted_by_the_others_mean() -> None:
    responses = np.array([[1, np.nan], [3, np.nan], [5, 4]], dtype=np.float32)
    splits = make_splits(DataConfig(folds=3), 3)
    predictions = mean_predictor(responses, splits)
    fold = next(index for index, split in enumerate(splits) if 2 in split.held_out)
    np.testing.assert_array_equal(predictions[fold, 2], [2, 2])
    assert np.isfinite(pooled_rmse(predictions, responses)[0])
