import time

import pytest
import torch

from tuner.config import Config
from tuner.dataset.load import Dataset
from tuner.dataset.splits import make_splits
from tuner.engine import choice
from tuner.engine.choice import choose, fastest
from tuner.engine.pack import Pack
from tuner.engine.plan import Plan

PLANS = (Plan(10, True), Plan(1, True), Plan(10), Plan(1))


def test_the_fastest_plan_is_chosen() -> None:
    seconds = dict(zip(PLANS, (3.0, 1.0, 4.0, 2.0), strict=True))
    assert fastest(PLANS, seconds.__getitem__, budget_s=60) == PLANS[1]


def test_plans_that_do_not_fit_the_memory_are_passed_over() -> None:
    def seconds(plan: Plan) -> float:
        if plan.together > 1:
            raise torch.OutOfMemoryError
        return 2.0 if plan.recorded else 1.0

    assert fastest(PLANS, seconds, budget_s=60) == Plan(1)
    assert fastest(PLANS[:1], seconds, budget_s=60) == Plan(1)


def test_other_errors_are_not_hidden() -> None:
    def seconds(plan: Plan) -> float:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        fastest(PLANS, seconds, budget_s=60)


def test_no_plan_is_tried_once_the_budget_is_spent_but_one_that_fits() -> None:
    tried = []

    def seconds(plan: Plan) -> float:
        tried.append(plan)
        time.sleep(0.02)
        if len(tried) == 1:
            raise torch.OutOfMemoryError
        return 1.0

    assert fastest(PLANS, seconds, budget_s=0.01) == PLANS[1]
    assert tried == list(PLANS[:2])


def test_a_cpu_trains_one_replicate_after_the_other(config: Config, dataset: Dataset) -> None:
    pack = Pack(config, dataset, make_splits(config.data, 30), seed=1, device=torch.device("cpu"))
    assert [len(stack.members) for stack in pack._stacks] == [1, 1, 1]


def test_the_choice_is_measured_once_for_an_architecture(
    config: Config, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a CPU that passes for a GPU: what is measured is real, the device's name is not."""
    pack = Pack(config, dataset, make_splits(config.data, 30), seed=1, device=torch.device("cpu"))
    states = list(pack.state()["replicates"].values())
    measured = []

    def seconds(common: object, states: object, plan: Plan) -> float:
        measured.append(plan)
        return 1.0 / plan.together

    monkeypatch.setattr(choice, "_remembered", {})
    monkeypatch.setattr(choice, "_seconds", seconds)
    monkeypatch.setattr(choice, "_device_name", lambda device: "some GPU")
    assert choose(pack._common, states).together == 3
    count = len(measured)
    assert choose(pack._common, states).together == 3
    assert len(measured) == count > 1
