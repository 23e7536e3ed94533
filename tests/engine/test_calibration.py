import pytest
import torch

from tuner.config import Config, Distortions, FlipUpDown
from tuner.dataset.load import Dataset
from tuner.dataset.splits import make_splits
from tuner.engine.calibration import WARM_UP_STEPS, Speed, architecture, measured, speed_of, words
from tuner.engine.pack import Pack
from tuner.settings import replaced


class Clock:
    """Each step of the pack takes a quarter of a second, each evaluation one."""

    def __init__(self, pack: Pack) -> None:
        self.pack, self.evaluations = pack, 0

    def __call__(self) -> float:
        return self.pack.step / 4 + self.evaluations


@pytest.fixture
def pack(config: Config, dataset: Dataset) -> Pack:
    splits = make_splits(config.data, len(dataset.labelled))
    return Pack(config, dataset, splits, seed=0, device=torch.device("cpu"))


def test_the_steps_that_are_counted_were_taken(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, evaluate = Clock(pack), pack.evaluate

    def evaluated() -> object:
        clock.evaluations += 1
        return evaluate()

    before = pack.weights()
    monkeypatch.setattr(pack, "evaluate", evaluated)
    speed = measured(pack, 2.0, clock)
    assert speed == Speed(steps=8, seconds=2.0, evaluation_s=1.0)
    assert pack.step == WARM_UP_STEPS + 8
    assert speed.steps_per_s == 4
    after = pack.weights()
    assert all(not torch.equal(after[name]["logits.bias"], before[name]["logits.bias"]) for name in before)


def test_at_least_one_step_is_measured(pack: Pack) -> None:
    assert measured(pack, 0.01, Clock(pack)).steps == 1


def test_a_trial_is_its_steps_and_its_evaluations() -> None:
    assert Speed(steps=10, seconds=2.0, evaluation_s=0.5).trial_s(100, 4) == 22


def test_a_config_is_measured_in_a_process_of_its_own(config: Config, dataset: Dataset) -> None:
    speed = speed_of(architecture(config), dataset=dataset, threads=1, gpu=0, seconds=0.05)
    assert speed.steps >= 1
    assert speed.seconds >= 0.05


def test_rates_and_seeds_are_no_architecture(config: Config) -> None:
    training = replaced(config.training, {"learning_rate": 0.5, "max_steps": 99, "keep_checkpoint_max": 7})
    dense = replaced(config.model.dense_layers[0], {"dropout_rate": 0.1})
    same = replaced(
        config,
        {
            "training": training,
            "model": replaced(config.model, {"dense_layers": (dense,)}),
            "data": replaced(config.data, {"random_seed": 1}),
        },
    )
    assert architecture(same) == architecture(config)
    assert architecture(config).model != config.model


@pytest.mark.parametrize(
    ("group", "changes"),
    [
        ("training", {"batch_size": 5}),
        ("training", {"precision": "bf16"}),
        ("model", {"image_size": 12}),
        ("model", {"dense_layers": ()}),
        ("data", {"folds": 5}),
        ("data", {"distortions": Distortions(flip_up_down=FlipUpDown())}),
    ],
)
def test_what_changes_the_speed_is_another_architecture(config: Config, group: str, changes: dict[str, object]) -> None:
    other = replaced(config, {group: replaced(getattr(config, group), changes)})
    assert architecture(other) != architecture(config)


def test_an_architecture_is_said_in_short_words(config: Config) -> None:
    assert words(config) == "conv 4 of 3x3, 6 of 3x3; dense 8"
    data = replaced(config.data, {"distortions": Distortions(flip_up_down=FlipUpDown())})
    batch = replaced(config.training, {"batch_size": 5})
    model = replaced(config.model, {"conv_layers": (), "dense_layers": ()})
    assert words(replaced(config, {"data": data, "training": batch, "model": model})) == "batch 5; flip_up_down"
    assert words(replaced(config, {"model": model})) == "no hidden layer"
