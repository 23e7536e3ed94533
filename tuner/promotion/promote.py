"""From a verdict to the bundle."""

import torch
from torch import Tensor

from tuner.config import Config
from tuner.dataset.load import Dataset
from tuner.folder import Folder
from tuner.promotion.account import Account
from tuner.promotion.ensemble import Ensemble
from tuner.promotion.export import export
from tuner.promotion.predict import centre
from tuner.promotion.retrain import steps_on_all
from tuner.results.facts import facts
from tuner.results.files import BUNDLE
from tuner.results.origin import describe_data
from tuner.results.record import Measurement
from tuner.results.verdict import Verdict

CHECKED_IMAGES = 8


def promote(verdict: Verdict, ensemble: Ensemble, dataset: Dataset, folder: Folder) -> None:
    """The experiment's folder holds the bundle: the verdict's networks, retrained, and what can be said of them.

    Raises:
        TunerError: an exported model answers otherwise, or the storage refuses the bundle.
    """
    members = verdict.promotion.members
    account = Account(
        lineages={member.variant: member.lineage for member in members},
        title=_title(verdict) + (" (simulated data)" if dataset.simulated else ""),
        metrics={**facts(verdict), "simulated": dataset.simulated},
        statement=_statement(verdict, dataset),
        neurons=dataset.neurons,
        neuron_metrics=verdict.neuron_metrics,
        data=describe_data(dataset),
    )
    export(ensemble, account, sample_images(dataset, members[0].config), folder, BUNDLE)


def sample_images(dataset: Dataset, config: Config) -> Tensor:
    """A few images `[B, S, S, 3]` of the data as a model takes them, float32 in 0..1."""
    images = torch.from_numpy(centre(dataset.images[:CHECKED_IMAGES], config.model.image_size).copy())
    return images.float() / 255 if images.dtype == torch.uint8 else images


def neuron_metrics(measurement: Measurement) -> dict[str, tuple[float, ...]]:
    """What `neurons.csv` says of each neuron."""
    return {"rmse": measurement.neuron_rmse, "correlation": measurement.neuron_correlation, "r2": measurement.neuron_r2}


def _title(verdict: Verdict) -> str:
    members = verdict.promotion.members
    if len(members) > 1:
        return f"The mean of {len(members)} variants"
    configs = len(members[0].lineage)
    return f"Variant {members[0].variant}" + (f", a schedule of {configs} configs" if configs > 1 else "")


def _how_chosen(verdict: Verdict) -> str:
    if len(verdict.promotion.members) > 1:
        return "each variant's step was chosen without the images that it is scored on, but not which variants"
    return f"variant and step were chosen{verdict.among} without the images that they are scored on"


def _statement(verdict: Verdict, dataset: Dataset) -> str:
    promotion, winner = verdict.promotion, verdict.winner
    lost = [
        f"IT LOSES to the baseline {one.name}, which has {one.rmse.value:.4f}." for one in verdict.lost_to if one.rmse
    ]
    others = ", ".join(f"{one.name} {one.rmse.value:.4f}" for one in verdict.baselines if one.rmse)
    control = verdict.control.rmse.value if verdict.control and verdict.control.rmse else None
    base = f" One network of the base config has {control:.4f}." if control is not None else ""
    noise = f" A perfect model would have {verdict.noise_rmse:.4f}." if verdict.noise_rmse is not None else ""
    believed = (
        f"The search had shown {winner.search_rmse:.4f} for it, the lowest of its curve."
        if winner.search_rmse is not None
        else ""
    )
    members = ", ".join(
        f"{member.networks} of {member.variant} for {steps_on_all(member, len(dataset.labelled))} steps"
        for member in promotion.members
    )
    mean = "one network" if promotion.networks == 1 else f"the mean of {promotion.networks} networks"
    paragraphs = [
        *lost,
        f"""Expected RMSE on new images, pooled over neurons: {promotion.expected}. One network alone: {verdict.claim}.
Measured on {verdict.protocol}; {_how_chosen(verdict)}. Those
networks saw a part of the images only: this model, trained on all {len(dataset.labelled)}, may be a little better.
{believed}""",
        f"""{winner.name} was chosen since {verdict.reason}; {verdict.comparison}.{base}
On the same folds: {others}.{noise}""",
        f"The model is {mean}: {members}. No image was kept aside to measure it.",
    ]
    return "\n\n".join(paragraph.rstrip() for paragraph in paragraphs)
