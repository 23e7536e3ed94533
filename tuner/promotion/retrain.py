"""The winner, trained again on every labelled image."""

from tuner.config import Config
from tuner.dataset.load import Dataset
from tuner.dataset.splits import whole
from tuner.engine.pack import Pack
from tuner.engine.process import available_cpus, own_process
from tuner.errors import TunerError
from tuner.promotion.ensemble import Ensemble, ensemble_of


def retrain(config: Config, dataset: Dataset, steps: int, *, seeds: int, seed: int) -> Ensemble:
    """The mean of `seeds` networks that were trained on all labelled images for `steps` steps.

    Raises:
        TunerError: one of them diverged.
    """
    device = own_process(available_cpus())
    pack = Pack(config, dataset, whole(len(dataset.labelled), seeds), seed=seed, device=device)
    pack.train(steps)
    weights = pack.weights()
    finite = all(bool(value.isfinite().all()) for net in weights.values() for value in net.values())
    if pack.diverged or not finite:
        raise TunerError(f"a network diverged while it was retrained for {steps} steps; lower training.learning_rate")
    return ensemble_of(config, len(dataset.neurons), weights)


def steps_on_all(config: Config, best_step: int, num_labelled: int, num_trained: int) -> int:
    """Steps on all `num_labelled` images that are as many epochs as `best_step` steps on `num_trained` of them."""
    size = config.training.batch_size
    if size is None or size >= num_trained:
        return best_step
    return round(best_step * num_labelled / num_trained)
