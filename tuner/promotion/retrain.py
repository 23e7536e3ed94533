"""Configs, trained again on every labelled image."""

from tuner.dataset.load import Dataset
from tuner.dataset.splits import whole
from tuner.engine.pack import Pack
from tuner.engine.process import available_cpus, own_process
from tuner.errors import TunerError
from tuner.model import ConvNet
from tuner.promotion.ensemble import Ensemble, networks_of
from tuner.results.verdict import Member
from tuner.seeding import seed_of


def retrain(members: tuple[Member, ...], dataset: Dataset, *, seed: int) -> Ensemble:
    """The mean of all members' networks, trained on all labelled images for as long as their curves say.

    Raises:
        TunerError: one of them diverged.
    """
    nets = [net for member in members for net in _networks(member, dataset, seed_of(seed, member.variant))]
    return Ensemble(nets).eval()


def steps_on_all(member: Member, num_labelled: int) -> int:
    """Steps on all `num_labelled` images that are as many epochs as the member's were on fewer."""
    size = member.config.training.batch_size
    if size is None or size >= member.trained_images:
        return member.step
    return round(member.step * num_labelled / member.trained_images)


def _networks(member: Member, dataset: Dataset, seed: int) -> list[ConvNet]:
    device, steps = own_process(available_cpus()), steps_on_all(member, len(dataset.labelled))
    pack = Pack(member.config, dataset, whole(len(dataset.labelled), member.networks), seed=seed, device=device)
    pack.train(steps)
    weights = pack.weights()
    finite = all(bool(value.isfinite().all()) for net in weights.values() for value in net.values())
    if pack.diverged or not finite:
        raise TunerError(
            f"a network of {member.variant} diverged while it was retrained for {steps} steps; lower "
            "training.learning_rate"
        )
    return networks_of(member.config, len(dataset.neurons), weights)
