"""A stack of replicates is what each of them would be alone, however the pack is cut into stacks."""

from typing import Any

import numpy as np
import pytest
import torch

from tuner.config import Config
from tuner.dataset.load import Dataset
from tuner.dataset.splits import make_splits
from tuner.engine.adam import Adam
from tuner.engine.pack import Pack
from tuner.engine.plan import Plan
from tuner.engine.stack import Stack
from tuner.errors import TunerError
from tuner.mutation.functions import FUNCTIONS
from tuner.settings import build, plain, replaced

CPU = torch.device("cpu")
STEPS = 4

CONV = {"num_filters": 4, "kernel_size": 3}
MODELS: dict[str, dict[str, Any]] = {
    "linear": {},
    "dense": {"dense_layers": [{"num_units": 5}]},
    "convolution": {"conv_layers": [CONV]},
    "even kernel": {"conv_layers": [CONV, {**CONV, "kernel_size": 4}]},
    "valid": {"conv_layers": [{**CONV, "padding": "valid"}]},
    "no pooling": {"conv_layers": [{**CONV, "pool_size": 1}]},
    "wide pooling": {"conv_layers": [{**CONV, "pool_size": 3}]},
    "batch norm": {"conv_layers": [{**CONV, "batch_norm": True}, {**CONV, "batch_norm": True}]},
    "penalties": {
        "conv_layers": [{**CONV, "l2_regularization": 0.1}],
        "dense_layers": [{"num_units": 5, "l2_regularization": 0.2}],
        "logits_layer": {"l2_regularization": 0.3},
    },
    "dropout on images": {"conv_layers": [{**CONV, "dropout_rate": 0.3}]},
    "dropout everywhere": {
        "conv_layers": [CONV, {**CONV, "dropout_rate": 0.2}],
        "dense_layers": [{"num_units": 6, "dropout_rate": 0.4}, {"num_units": 5, "dropout_rate": 0.1}],
        "logits_layer": {"dropout_rate": 0.4},
    },
}
ALL = {"conv_layers": [{**CONV, "batch_norm": True}, {**CONV, "dropout_rate": 0.2}], "dense_layers": [{"num_units": 6}]}
DISTORTIONS: dict[str, dict[str, Any]] = {
    "flip_left_right": {},
    "flip_up_down": {},
    "rotate_choice": {"angles": [0.0, 90.0]},
    "rotate": {"max_angle": 20.0},
    "brightness": {"max_factor": 0.3},
    "saturation": {"min_value": 0.5, "max_value": 1.5},
}
DATA: dict[str, dict[str, Any]] = {
    **{name: {"data": {"distortions": {name: arguments}}} for name, arguments in DISTORTIONS.items()},
    "all distortions": {"data": {"distortions": DISTORTIONS}},
    "repeats": {"data": {"repeats": 2}},
    "distorted repeats": {"data": {"repeats": 2, "distortions": {"flip_up_down": {}}}},
    "batches": {"training": {"batch_size": 7}},
    "distorted batches": {"data": {"repeats": 2, "distortions": DISTORTIONS}, "training": {"batch_size": 7}},
}


def config_of(model: dict[str, Any], changes: dict[str, dict[str, Any]]) -> Config:
    values: dict[str, Any] = {
        "data": {"folds": 3, "random_seed": 7},
        "model": {"image_size": 16, **model},
        "training": {"learning_rate": 0.01, "precision": "fp32"},
    }
    return build(Config, {key: {**value, **changes.get(key, {})} for key, value in values.items()})


MUTATIONS: dict[str, dict[str, Any]] = {
    "add_conv_layer": {"num_filters": 3, "kernel_size": 3},
    "change_conv_layer": {"layer_id": 0, "kernel_size": 5, "dropout_rate": 0.2},
    "delete_conv_layer": {"layer_id": 0},
    "add_dense_layer": {"num_units": 5},
    "change_dense_layer": {"layer_id": 0, "num_units": 9, "l2_regularization": 0.1},
    "delete_dense_layer": {"layer_id": 0},
    "change_logits_layer": {"dropout_rate": 0.3},
    "set_distortion": {"name": "rotate", "max_angle": 10.0},
    "delete_distortion": {"name": "flip_left_right"},
    "change_model": {"image_size": 15},
    "change_training": {"batch_size": 9},
    "change_data": {"folds": 4},
}


CASES = {name: config_of(model, {}) for name, model in MODELS.items()}
CASES |= {name: config_of(ALL, changes) for name, changes in DATA.items()}
MUTATED = config_of(ALL, {"data": {"distortions": {"flip_left_right": {}}}})
CASES |= {name: FUNCTIONS[name](MUTATED, **arguments) for name, arguments in MUTATIONS.items()}


def pack_of(config: Config, dataset: Dataset, together: int) -> Pack:
    splits = make_splits(config.data, len(dataset.labelled))
    return Pack(config, dataset, splits, seed=5, device=CPU, plan=Plan(together))


def assert_close(one: Pack, other: Pack) -> None:
    """What two packs learned in `STEPS` steps agrees up to the order of their sums, in fp32.

    Loose, since a step of Adam divides a gradient by its own size: the rounding of a gradient near zero is blown up to
    the learning rate, 0.01. `assert_same_gradients` is the tight law.
    """
    np.testing.assert_allclose(one.evaluate(), other.evaluate(), rtol=1e-2, atol=1e-3)


def assert_same_gradients(one: Pack, other: Pack) -> None:
    """After one step, a tenth of the gradient is Adam's first moment.

    Equal to 1e-4 of the largest in its tensor: fp32 has 6e-8, and sums of large numbers of both signs cancel.
    """
    states = zip(one.state()["replicates"].values(), other.state()["replicates"].values(), strict=True)
    for mine, theirs in states:
        for name, moments in mine["moments"].items():
            gradient, expected = moments["exp_avg"], theirs["moments"][name]["exp_avg"]
            torch.testing.assert_close(gradient, expected, rtol=0, atol=1e-4 * expected.abs().max().item())
        for name, value in mine["net"].items():
            if "running" in name:
                torch.testing.assert_close(value, theirs["net"][name], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("together", [2, 3, 6])
@pytest.mark.parametrize("name", CASES)
def test_a_stack_is_its_replicates_trained_alone(name: str, together: int, dataset: Dataset) -> None:
    alone, stacked = pack_of(CASES[name], dataset, 1), pack_of(CASES[name], dataset, together)
    # Before the first step the weights are the same, and the losses differ by rounding alone.
    np.testing.assert_allclose(stacked.train(1), alone.train(1), rtol=1e-5)
    assert_same_gradients(stacked, alone)
    np.testing.assert_allclose(stacked.train(STEPS - 1), alone.train(STEPS - 1), rtol=1e-3)
    assert_close(stacked, alone)


@pytest.mark.parametrize("name", ["dropout everywhere", "batch norm", "distorted repeats"])
def test_a_stack_goes_on_from_what_single_replicates_left(name: str, dataset: Dataset) -> None:
    whole, first = pack_of(CASES[name], dataset, 3), pack_of(CASES[name], dataset, 1)
    whole.train(STEPS)
    first.train(2)
    second = pack_of(CASES[name], dataset, 3)
    second.load_state(first.state())
    second.train(STEPS - 2)
    assert_close(whole, second)


def test_a_restored_stack_trains_as_if_it_had_never_stopped(dataset: Dataset) -> None:
    config = CASES["distorted repeats"]
    whole, first, second = (pack_of(config, dataset, 6) for _ in range(3))
    first.train(2)
    second.load_state(first.state())
    whole.train(4)
    second.train(2)
    np.testing.assert_array_equal(whole.evaluate(), second.evaluate())


@pytest.mark.parametrize("name", ["batch norm", "dropout everywhere"])
def test_a_diverged_replicate_leaves_the_others_of_its_stack_alone(name: str, dataset: Dataset) -> None:
    healthy, ill = pack_of(CASES[name], dataset, 3), pack_of(CASES[name], dataset, 3)
    state = ill.state()
    state["replicates"]["repeat0-fold1"]["net"]["logits.weight"].fill_(torch.inf)
    ill.load_state(state)
    losses, expected = ill.train(3), healthy.train(3)
    assert np.isnan(losses).tolist() == [False, True, False]
    for index in (0, 2):
        assert losses[index] == expected[index]
        np.testing.assert_array_equal(ill.evaluate()[index], healthy.evaluate()[index])
    assert np.isnan(ill.evaluate()[1]).all()


def test_held_out_responses_never_influence_a_stack(dataset: Dataset) -> None:
    from dataclasses import replace

    config = CASES["batch norm"]
    split = make_splits(config.data, len(dataset.labelled))[0]
    responses = dataset.responses.copy()
    responses[split.held_out] += 7
    honest, cheating = pack_of(config, dataset, 3), pack_of(config, replace(dataset, responses=responses), 3)
    assert honest.train(3)[0] == cheating.train(3)[0]
    np.testing.assert_array_equal(honest.evaluate()[0], cheating.evaluate()[0])


@pytest.mark.parametrize("limit", [1, 2, 4])
def test_stacks_that_do_not_fit_the_memory_become_smaller(
    limit: int, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A memory that holds `limit` replicates at a time."""
    config = CASES["distorted repeats"]
    alone, stacked = pack_of(config, dataset, 1), pack_of(config, dataset, 6)
    expected, sizes, train = alone.train(STEPS), set(), Stack.train

    def limited(stack: Stack, step: int) -> torch.Tensor:
        if len(stack.members) > limit:
            raise torch.OutOfMemoryError
        sizes.add(len(stack.members))
        return train(stack, step)

    monkeypatch.setattr(Stack, "train", limited)
    np.testing.assert_allclose(stacked.train(STEPS), expected, rtol=1e-4)
    assert max(sizes) <= limit
    assert_close(stacked, alone)


def test_a_replicate_that_does_not_fit_the_memory_takes_its_images_in_parts(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = CASES["dropout everywhere"]
    alone, narrow = pack_of(config, dataset, 1), pack_of(config, dataset, 3)
    expected, parts, train = alone.train(STEPS), set(), Stack.train

    def limited(stack: Stack, step: int) -> torch.Tensor:
        if len(stack.members) > 1 or stack._micro_batches < 4:
            raise torch.OutOfMemoryError
        parts.add(stack._micro_batches)
        return train(stack, step)

    monkeypatch.setattr(Stack, "train", limited)
    np.testing.assert_allclose(narrow.train(STEPS), expected, rtol=1e-4)
    assert parts == {4}
    assert_close(narrow, alone)


def test_a_step_that_fails_for_memory_at_its_end_leaves_no_trace(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batch normalisation has already moved its running statistics by then, and every leaf has a gradient."""
    alone, stacked = pack_of(CASES["batch norm"], dataset, 1), pack_of(CASES["batch norm"], dataset, 3)
    alone.train(1)
    step, failures = Adam.step, iter([True])

    def failing(adam: Adam) -> None:
        if next(failures, False):
            raise torch.OutOfMemoryError
        step(adam)

    monkeypatch.setattr(Adam, "step", failing)
    stacked.train(1)
    assert [len(stack.members) for stack in stacked._stacks] == [2, 1]
    assert_same_gradients(stacked, alone)


@pytest.mark.parametrize(
    ("name", "part"), [("convolution", "an image"), ("batch norm", "all images of a step, as batch_norm requires,")]
)
def test_a_memory_that_holds_nothing_is_said(
    name: str, part: str, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(stack: Stack, step: int) -> torch.Tensor:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(Stack, "train", never)
    with pytest.raises(TunerError, match=f"the memory of cpu does not hold one network and {part} at a time"):
        pack_of(CASES[name], dataset, 3).train(1)


def test_batches_of_unequal_size_are_not_stacked(dataset: Dataset) -> None:
    config = replaced(CASES["dense"], {"training": replaced(CASES["dense"].training, {"batch_size": 22})})
    config = replaced(config, {"data": replaced(config.data, {"folds": 4})})
    assert sorted({len(split.train) for split in make_splits(config.data, len(dataset.labelled))}) == [22, 23]
    alone, stacked = pack_of(config, dataset, 1), pack_of(config, dataset, 4)
    np.testing.assert_array_equal(stacked.train(3), alone.train(3))


def test_every_mutation_function_has_a_case_and_no_case_is_another() -> None:
    assert MUTATIONS.keys() == FUNCTIONS.keys()
    texts = {str(plain(config)) for config in CASES.values()}
    assert len(texts) == len(CASES)
