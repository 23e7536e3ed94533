"""From the winner of a search to its bundle."""

import torch
from torch import Tensor

from tuner.config import Config
from tuner.dataset.load import Dataset
from tuner.dataset.splits import make_splits
from tuner.promotion.account import Account
from tuner.promotion.export import export
from tuner.promotion.predict import centre
from tuner.promotion.retrain import retrain, steps_on_all
from tuner.results.experiment import BUNDLE
from tuner.results.folder import Folder
from tuner.results.origin import describe_data
from tuner.results.record import Measurement
from tuner.results.verdict import Verdict

CHECKED_IMAGES = 8


def promote(verdict: Verdict, dataset: Dataset, folder: Folder, *, seeds: int, seed: int) -> None:
    """The experiment's folder holds the bundle: `seeds` networks, retrained on all labelled images.

    Raises:
        TunerError: a network diverged, an exported model answers otherwise, or the storage refuses the bundle.
    """
    num_labelled = len(dataset.labelled)
    num_trained = len(make_splits(verdict.config.data, num_labelled, verdict.record.variant)[0].train)
    steps = steps_on_all(verdict.config, verdict.best.step, num_labelled, num_trained)
    ensemble = retrain(verdict.config, dataset, steps, seeds=seeds, seed=seed)
    account = _account(verdict, dataset, seeds=seeds, steps=steps)
    export(ensemble, account, sample_images(dataset, verdict.config), folder, BUNDLE)


def sample_images(dataset: Dataset, config: Config) -> Tensor:
    """A few images `[B, S, S, 3]` of the data as a model takes them, float32 in 0..1."""
    images = torch.from_numpy(centre(dataset.images[:CHECKED_IMAGES], config.model.image_size).copy())
    return images.float() / 255 if images.dtype == torch.uint8 else images


def neuron_metrics(measurement: Measurement) -> dict[str, tuple[float, ...]]:
    """What `neurons.csv` says of each neuron."""
    return {"rmse": measurement.neuron_rmse, "correlation": measurement.neuron_correlation, "r2": measurement.neuron_r2}


def _account(verdict: Verdict, dataset: Dataset, *, seeds: int, steps: int) -> Account:
    best, control = verdict.best, verdict.control
    metrics = {
        "variant": verdict.record.variant,
        "search_rmse": best.rmse,
        "search_rmse_se": best.rmse_se,
        "search_step": best.step,
        "base_rmse": control.rmse if control else None,
        "mean_predictor_rmse": verdict.mean_predictor_rmse,
        "noise_rmse": dataset.noise_rmse,
        "num_variants": verdict.num_eligible,
        "num_networks": seeds,
        "retrain_steps": steps,
        "simulated": dataset.simulated,
    }
    title = f"Variant {verdict.record.variant}" + (" (simulated data)" if dataset.simulated else "")
    statement = _statement(verdict, dataset, seeds=seeds, steps=steps)
    return Account(
        verdict.config, title, metrics, statement, dataset.neurons, neuron_metrics(best), describe_data(dataset)
    )


def _statement(verdict: Verdict, dataset: Dataset, *, seeds: int, steps: int) -> str:
    best, data = verdict.best, verdict.config.data
    split = f"{data.folds}-fold cross-validation" if data.folds > 1 else f"{data.eval_size} held-out images"
    repeated = f", repeated {data.repeats} times" if data.repeats > 1 else ""
    base = f"{verdict.control.rmse:.4f}" if verdict.control else "no value"
    noise = f" A perfect model would have {dataset.noise_rmse:.4f}." if dataset.noise_rmse is not None else ""
    images, steps_text = len(dataset.labelled), f"{steps} step{'s' * (steps != 1)}"
    return f"""In the search, networks of this config had an RMSE of {best.rmse:.4f} (standard error over images \
{best.rmse_se:.4f}) in {split}{repeated}, pooled over neurons.
The base config had {base}; predicting each neuron's mean has {verdict.mean_predictor_rmse:.4f} there.{noise}

The {best.rmse:.4f} is the lowest value of one learning curve, and of {verdict.num_eligible} variants, on those same
images: expect somewhat more on new ones. The model here is the mean of {seeds} such networks, trained on all
{images} labelled images for {steps_text}; no image was kept aside to measure it."""
