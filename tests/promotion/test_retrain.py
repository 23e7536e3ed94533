import pytest
import torch

from tuner.config import Config
from tuner.dataset.load import Dataset
from tuner.dataset.splits import whole
from tuner.engine.pack import Pack
from tuner.errors import TunerError
from tuner.lineage import Phase, single
from tuner.model import ConvNet
from tuner.promotion.retrain import lineage_on_all, retrain, steps_on_all
from tuner.results.promotion import Member
from tuner.seeding import seed_of
from tuner.settings import replaced


def with_training(config: Config, **changes: object) -> Config:
    return replaced(config, {"training": replaced(config.training, changes)})


def member(config: Config, step: int, networks: int = 1, trained: int = 20) -> Member:
    return Member("v", single(config), step, trained, networks)


def test_the_ensemble_is_the_mean_of_networks_trained_on_all_labelled_images(config: Config, dataset: Dataset) -> None:
    model = retrain((member(config, 3, 2),), dataset, seed=4)
    pack = Pack(config, dataset, whole(len(dataset.labelled), 2), seed=seed_of(4, "v"), device=torch.device("cpu"))
    pack.train(3)
    images = torch.from_numpy(dataset.images[:3, 2:18, 2:18]).float() / 255
    nets = [ConvNet(config.model, 4).eval() for _ in pack.splits]
    for net, weights in zip(nets, pack.weights().values(), strict=True):
        net.load_state_dict(weights)
    with torch.no_grad():
        expected = torch.stack([net(images.movedim(-1, 1)) for net in nets]).mean(dim=0)
    with torch.no_grad():
        torch.testing.assert_close(model(images), expected)
    assert not torch.equal(model.nets[0].logits.weight, model.nets[1].logits.weight)


def test_every_labelled_image_counts(config: Config, dataset: Dataset) -> None:
    from dataclasses import replace

    responses = dataset.responses.copy()
    responses[-1, 3] += 1
    one = retrain((member(config, 2),), dataset, seed=4)
    other = retrain((member(config, 2),), replace(dataset, responses=responses), seed=4)
    assert not torch.equal(one.nets[0].logits.weight, other.nets[0].logits.weight)


def test_a_network_that_diverges_is_not_exported(config: Config, dataset: Dataset) -> None:
    with pytest.raises(TunerError, match="a network of v diverged while it was retrained for 5 steps"):
        retrain((member(with_training(config, learning_rate=1e30), 5),), dataset, seed=4)


@pytest.mark.parametrize(
    ("batch_size", "best_step", "labelled", "trained", "steps"),
    [
        (None, 30, 551, 441, 30),  # a step is an epoch, whatever the number of images
        (441, 30, 551, 441, 30),
        (50, 88, 551, 441, 110),  # 88 * 50 / 441 epochs of 551 / 50 steps
        (10, 3, 30, 20, 4),  # 4.5, rounded to even
    ],
)
def test_steps_are_as_many_epochs(
    config: Config, batch_size: int | None, best_step: int, labelled: int, trained: int, steps: int
) -> None:
    config = with_training(config, batch_size=batch_size)
    assert steps_on_all(member(config, best_step, trained=trained), labelled) == steps


def test_each_phase_of_a_schedule_is_as_many_epochs(config: Config) -> None:
    """Steps on all images stay, steps on mini-batches of 10 of 20 images are half as many again on 30."""
    small = with_training(config, batch_size=10)
    lineage = (Phase(0, config), Phase(10, small), Phase(20, config))
    schedule = Member("v", lineage, 26, 20, 1)
    assert [phase.step for phase in lineage_on_all(schedule, 30)] == [0, 10, 25]
    assert steps_on_all(schedule, 30) == 31
    assert [phase.config for phase in lineage_on_all(schedule, 30)] == [config, small, config]
