"""The laws of a pack."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from tuner.config import Config, ConvLayer
from tuner.dataset.load import Dataset
from tuner.dataset.splits import Split, make_splits
from tuner.engine.draws import rows_of
from tuner.engine.images import mean_response
from tuner.engine.pack import Pack
from tuner.model import ConvNet
from tuner.settings import replaced

CPU = torch.device("cpu")

CHANGES: dict[str, dict[str, dict[str, Any]]] = {
    "plain": {},
    "batches": {"training": {"batch_size": 7}},
    "distorted": {
        "data": {
            "distortions": {
                "flip_left_right": {},
                "rotate": {"max_angle": 20.0},
                "saturation": {"min_value": 0.5, "max_value": 1.5},
            }
        }
    },
    "distorted batches": {
        "data": {"distortions": {"brightness": {"max_factor": 0.3}}},
        "training": {"batch_size": 7},
    },
    "two repeats": {"data": {"repeats": 2, "distortions": {"flip_up_down": {}}}},
    "bf16": {"training": {"precision": "bf16"}},
    "full blocks of channels": {
        "model": {
            "conv_layers": (
                ConvLayer(num_filters=16, kernel_size=4, dropout_rate=0.1),
                ConvLayer(num_filters=32, kernel_size=3),
            )
        }
    },
}


@pytest.fixture(params=CHANGES)
def changed(request: pytest.FixtureRequest, config: Config) -> Config:
    for section, changes in CHANGES[request.param].items():
        config = replaced(config, {section: replaced(getattr(config, section), changes)})
    return config


@pytest.fixture
def norm(config: Config) -> Config:
    layers = tuple(replaced(layer, {"batch_norm": True}) for layer in config.model.conv_layers)
    return replaced(config, {"model": replaced(config.model, {"conv_layers": layers})})


def pack_of(config: Config, dataset: Dataset, splits: tuple[Split, ...] | None = None, seed: int = 5) -> Pack:
    return Pack(config, dataset, splits or make_splits(config.data, len(dataset.labelled)), seed=seed, device=CPU)


def net_of(pack: Pack) -> ConvNet:
    """The pack's first network."""
    weights = next(iter(pack.weights().values()))
    net = ConvNet(pack.config.model, len(weights["logits.bias"]))
    net.load_state_dict(weights)
    return net


def training_data(dataset: Dataset, split: Split) -> tuple[torch.Tensor, torch.Tensor]:
    images = torch.from_numpy(dataset.images[dataset.labelled][split.train][:, 2:18, 2:18]).movedim(-1, 1) / 255
    return images, torch.from_numpy(dataset.responses[split.train])


def poison(pack: Pack, name: str, index: int, value: float) -> None:
    """One weight of one replicate is `value` from now on."""
    state = pack.state()
    list(state["replicates"].values())[index]["net"][name].fill_(value)
    pack.load_state(state)


def diverged(pack: Pack) -> list[bool]:
    return [replicate["diverged"] for replicate in pack.state()["replicates"].values()]


def same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def test_a_pack_is_its_replicates_trained_alone(changed: Config, dataset: Dataset) -> None:
    splits = make_splits(changed.data, len(dataset.labelled))
    together = pack_of(changed, dataset)
    losses, predictions = together.train(3), together.evaluate()
    for index, split in enumerate(splits):
        alone = pack_of(changed, dataset, (split,))
        # Bit for bit: the loop over replicates does for each what it would do for one.
        assert alone.train(3)[0] == losses[index]
        np.testing.assert_array_equal(alone.evaluate()[0], predictions[index])
        ((name, state),) = alone.state()["replicates"].items()
        assert same(state, together.state()["replicates"][name])


def test_a_restored_pack_trains_as_if_it_had_never_stopped(changed: Config, dataset: Dataset) -> None:
    whole, first = pack_of(changed, dataset), pack_of(changed, dataset)
    losses = [whole.train(2), whole.train(3)]
    first.train(2)
    state = first.state()
    for _ in range(2):  # twice from one state: going on must not change it
        second = pack_of(changed, dataset)
        second.load_state(state)
        np.testing.assert_array_equal(second.train(3), losses[1])
        assert same(second.state(), whole.state())


def test_batch_norm_statistics_are_part_of_the_state(norm: Config, dataset: Dataset) -> None:
    whole, first, second = pack_of(norm, dataset), pack_of(norm, dataset), pack_of(norm, dataset)
    whole.train(4)
    first.train(2)
    second.load_state(first.state())
    second.train(2)
    assert same(second.state(), whole.state())
    np.testing.assert_array_equal(second.evaluate(), whole.evaluate())


def test_a_state_is_a_copy(config: Config, dataset: Dataset) -> None:
    pack = pack_of(config, dataset)
    before = pack.state()
    kept = pack_of(config, dataset).state()
    pack.train(1)
    assert same(before, kept)
    assert not same(pack.state(), kept)


def test_the_order_of_replicates_does_not_matter(changed: Config, dataset: Dataset) -> None:
    splits = make_splits(changed.data, len(dataset.labelled))
    one, other = pack_of(changed, dataset, splits), pack_of(changed, dataset, splits[::-1])
    np.testing.assert_array_equal(one.train(3), other.train(3)[::-1])
    np.testing.assert_array_equal(one.evaluate(), other.evaluate()[::-1])
    assert same(one.state(), other.state())


def test_a_diverged_replicate_leaves_others_alone(config: Config, dataset: Dataset) -> None:
    healthy, ill = pack_of(config, dataset), pack_of(config, dataset)
    poison(ill, "logits.weight", 1, torch.inf)
    losses, expected = ill.train(3), healthy.train(3)
    assert np.isnan(losses[1])
    assert ill.diverged
    assert diverged(ill) == [False, True, False]
    for index in (0, 2):
        assert losses[index] == expected[index]
        np.testing.assert_array_equal(ill.evaluate()[index], healthy.evaluate()[index])
    assert np.isnan(ill.evaluate()[1]).all()


def test_a_replicate_whose_last_step_broke_it_is_diverged_too(config: Config, dataset: Dataset) -> None:
    pack = pack_of(config, dataset)
    pack.train(1)
    poison(pack, "logits.bias", 2, torch.nan)
    predictions = pack.evaluate()
    assert diverged(pack) == [False, False, True]
    assert np.isnan(predictions[2]).all()


@pytest.mark.parametrize("distorted", [False, True])
def test_held_out_responses_never_influence_training(config: Config, dataset: Dataset, distorted: bool) -> None:
    if distorted:
        data = replaced(config.data, {"distortions": {"flip_left_right": {}}})
        config = replaced(config, {"data": data})
    split = make_splits(config.data, len(dataset.labelled))[0]
    responses = dataset.responses.copy()
    responses[split.held_out] = np.random.default_rng(1).random(responses[split.held_out].shape) * 9
    honest, cheating = (
        pack_of(config, dataset, (split,)),
        pack_of(config, replace(dataset, responses=responses), (split,)),
    )
    np.testing.assert_array_equal(honest.train(4), cheating.train(4))
    assert same(honest.state(), cheating.state())
    np.testing.assert_array_equal(honest.evaluate(), cheating.evaluate())


def test_training_responses_do_influence_training(config: Config, dataset: Dataset) -> None:
    split = make_splits(config.data, len(dataset.labelled))[0]
    responses = dataset.responses.copy()
    responses[split.train[0], 3] += 1
    one, other = pack_of(config, dataset, (split,)), pack_of(config, replace(dataset, responses=responses), (split,))
    one.train(1)
    other.train(1)
    assert not same(one.state(), other.state())


def test_missing_responses_count_for_nothing(config: Config, dataset: Dataset) -> None:
    split = make_splits(config.data, len(dataset.labelled))[0]
    pack = pack_of(config, dataset, (split,))
    images, responses = training_data(dataset, split)
    with torch.no_grad():
        predicted = net_of(pack).eval()(images)
    known = responses.isfinite()
    assert not known.all()
    wanted = functional.mse_loss(predicted[known], responses[known])
    undropped = replaced(config, {"model": without_dropout(config)})
    loss = pack_of(undropped, dataset, (split,)).train(1)[0]
    assert loss == pytest.approx(float(wanted), rel=1e-6)


def without_dropout(config: Config) -> Any:
    layers = {
        name: tuple(replaced(layer, {"dropout_rate": 0.0}) for layer in getattr(config.model, name))
        for name in ("conv_layers", "dense_layers")
    }
    return replaced(
        config.model, {**layers, "logits_layer": replaced(config.model.logits_layer, {"dropout_rate": 0.0})}
    )


def test_a_step_is_that_of_a_plain_pytorch_loop(config: Config, dataset: Dataset) -> None:
    """The oracle: torch's own Adam with weight decay on the layers that have it, masked mean squared error."""
    config = replaced(config, {"model": without_dropout(config)})
    split = make_splits(config.data, len(dataset.labelled))[0]
    pack, plain = pack_of(config, dataset, (split,)), net_of(pack_of(config, dataset, (split,)))
    decayed = plain.convs[1].weight
    rest = [parameter for parameter in plain.parameters() if parameter is not decayed]
    groups = [{"params": rest}, {"params": [decayed], "weight_decay": 1e-3}]
    optimiser = torch.optim.Adam(groups, lr=config.training.learning_rate)
    images, responses = training_data(dataset, split)
    known = responses.isfinite()
    plain.train()
    for _ in range(3):
        optimiser.zero_grad()
        functional.mse_loss(plain(images)[known], responses[known]).backward()
        optimiser.step()
    pack.train(3)
    for name, value in plain.state_dict().items():
        # Adam divides by the root of tiny squared gradients, which amplifies the rounding of another order of sums.
        torch.testing.assert_close(net_of(pack).state_dict()[name], value, rtol=1e-3, atol=1e-4)


def test_an_epoch_of_batches_sees_every_training_image_once(config: Config, dataset: Dataset) -> None:
    split = make_splits(config.data, len(dataset.labelled))[0]
    assert len(split.train) == 20
    seen = [row for step in range(10) for row in rows_of(split, 6, seed=3, step=step)]
    for epoch in range(3):
        assert sorted(seen[20 * epoch : 20 * epoch + 20]) == sorted(split.train)
    assert seen[:20] != seen[20:40]


def test_other_seeds_are_other_networks(config: Config, dataset: Dataset) -> None:
    assert not same(pack_of(config, dataset, seed=1).state(), pack_of(config, dataset, seed=2).state())
    first, second, *_ = pack_of(config, dataset).weights().values()
    assert not same(first, second)


def test_no_global_generator_is_used(config: Config, dataset: Dataset) -> None:
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    pack = pack_of(config, dataset)
    pack.train(2)
    pack.evaluate()
    assert torch.equal(torch.get_rng_state(), before[0])
    np.testing.assert_array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002


def test_the_first_answer_is_near_the_mean_training_response(config: Config, dataset: Dataset) -> None:
    pack = pack_of(config, dataset)
    split, bias = pack.splits[0], net_of(pack).logits.bias.detach().numpy()
    np.testing.assert_allclose(bias, np.nanmean(dataset.responses[split.train], axis=0), rtol=1e-6)


def test_a_neuron_without_training_responses_starts_at_the_mean_of_the_others() -> None:
    responses = torch.tensor([[1.0, torch.nan], [3.0, torch.nan]])
    assert mean_response(responses).tolist() == [2.0, 2.0]


def test_a_restored_pack_keeps_the_format_of_its_products(
    config: Config, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`auto` may mean something else on the machine that goes on."""
    config = replaced(config, {"training": replaced(config.training, {"precision": "auto"})})
    monkeypatch.setattr("tuner.engine.pack.resolve", lambda precision, device: "bf16")
    whole, first = pack_of(config, dataset), pack_of(config, dataset)
    first.train(2)
    monkeypatch.setattr("tuner.engine.pack.resolve", lambda precision, device: "fp32")
    second, fresh = pack_of(config, dataset), pack_of(config, dataset)
    second.load_state(first.state())
    assert second.precision == "bf16"
    whole.train(4)
    second.train(2)
    fresh.train(4)
    np.testing.assert_array_equal(second.evaluate(), whole.evaluate())
    assert not np.array_equal(fresh.evaluate(), whole.evaluate(), equal_nan=True)
