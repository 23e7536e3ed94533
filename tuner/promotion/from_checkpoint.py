"""A checkpoint as a bundle."""

from pathlib import Path

import torch
from torch import Tensor

from tuner.config import Config
from tuner.engine.checkpoint import Weights
from tuner.folder import Folder
from tuner.lineage import single
from tuner.promotion.account import Account
from tuner.promotion.ensemble import ensemble_of
from tuner.promotion.export import export
from tuner.promotion.promote import neuron_metrics
from tuner.results.origin import Origin
from tuner.results.record import Measurement


def export_weights(
    weights: Weights, config: Config, measurement: Measurement, images_BHWC: Tensor, origin: Origin, target: Path
) -> None:
    """The folder `target` is the bundle of the replicates' mean.

    Args:
        weights: Of every replicate at the measurement's step.
        config: They were trained with.
        measurement: What was found at that step.
        images_BHWC: `[B, S, S, 3]` in 0..1, what the check predicts.
        origin: What they were trained on.
        target: Replaced, once the new one is whole.

    Raises:
        TunerError: as `export`.
    """
    account = Account(
        lineages={"the checkpoint": single(config)},
        title=f"Checkpoint at step {measurement.step}" + (" (simulated data)" if origin.simulated else ""),
        metrics={
            "step": measurement.step,
            "rmse": measurement.rmse,
            "rmse_se": measurement.rmse_se,
            "num_networks": len(weights),
            "simulated": origin.simulated,
        },
        statement=_statement(measurement, len(weights)),
        neurons=measurement.neurons,
        neuron_metrics=neuron_metrics(measurement),
        data=origin.data,
    )
    ensemble = ensemble_of(config, len(measurement.neurons), weights)
    export(ensemble, account, images_BHWC, Folder.at(str(target.parent)), target.name)


def random_images(size: int) -> Tensor:
    """A few images `[B, size, size, 3]` of noise in 0..1, always the same: to check an export with no data at hand."""
    return torch.rand((8, size, size, 3), generator=torch.Generator().manual_seed(0))


def _statement(measurement: Measurement, num_networks: int) -> str:
    each = (
        "its held-out images"
        if num_networks == 1
        else f"the held-out images of each of its {num_networks} networks, alone"
    )
    return (
        f"RMSE {measurement.rmse:.4f} (standard error over images {measurement.rmse_se:.4f}) on {each}, pooled over "
        "neurons. If this step was chosen for its RMSE, expect somewhat more on new images."
    )
