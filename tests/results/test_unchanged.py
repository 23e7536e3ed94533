from typing import Any

import pytest

from tuner.config import Config, ConvLayer
from tuner.errors import InputError
from tuner.results.policy import Policy
from tuner.results.strategy import GRID, Strategy
from tuner.results.unchanged import OPTIONS_MUST_STAY, check_unchanged, other_versions
from tuner.settings import plain

MUTATIONS = {"change_training": [{"learning_rate": [0.1, 0.2]}, {"batch_size": [8]}], "delete_distortion": [{}]}
CURE = ": resume it with the same, or choose another --name"


@pytest.fixture
def then(config: Config) -> dict[str, Any]:
    """The manifest of an experiment."""
    options = {
        **vars(GRID),
        **vars(Policy()),
        "max_concurrent": None,
        "config": "base_configs/x.yaml",
        "mutations": "m.yaml",
        "resume": False,
    }
    return {
        "base": plain(config),
        "mutations": MUTATIONS,
        "depth": 1,
        "seed": 0,
        "data": "/data",
        "fingerprint": "abc",
        "options": options,
        "versions": {"python": "3.11.2", "torch": "2.11.0", "ray": "2.60.0"},
        "command": "tuner run",
        "checkpoint_format": 4,
    }


def refusal(now: dict[str, Any], then: dict[str, Any]) -> str:
    """What is said to have differed."""
    with pytest.raises(
        InputError, match=r"^this experiment began with .*: resume it with the same, or choose"
    ) as found:
        check_unchanged(now, then)
    return str(found.value).removeprefix("this experiment began with ").removesuffix(CURE)


@pytest.mark.parametrize(("old", "said"), [(3, "the format 3"), (None, "another format"), ([1], r"the format \[1\]")])
def test_checkpoints_that_cannot_be_read_are_not_gone_on_from(then: dict[str, Any], old: Any, said: str) -> None:
    with pytest.raises(InputError, match=rf"checkpoints have {said}, and this version reads 4: resume it with the v"):
        check_unchanged(then, {**then, "checkpoint_format": old})


def test_what_does_not_decide_the_results_may_differ(then: dict[str, Any]) -> None:
    options = {
        **then["options"],
        "resume": True,
        "config": "elsewhere.yaml",
        "time_budget": 3,
        "max_cost": 5.0,
        "no_retrain": True,
    }
    check_unchanged({**then, "command": "tuner run --resume", "data": "/moved", "options": options}, then)


@pytest.mark.parametrize(
    ("group", "changes", "said"),
    [
        ("training", {"learning_rate": 0.003}, "training.learning_rate 0.01, not 0.003, in base_configs/x.yaml"),
        ("training", {"batch_size": 20}, "no training.batch_size, which is 20 in base_configs/x.yaml"),
        ("model", {"num_classes": None}, "model.num_classes 4, which is not in base_configs/x.yaml"),
        (
            "model",
            {"conv_layers": (ConvLayer(num_filters=4, kernel_size=3),)},
            "2 values of model.conv_layers, not 1, in base_configs/x.yaml",
        ),
        (
            "model",
            {"conv_layers": [ConvLayer(num_filters=9, kernel_size=3)] * 2},
            (
                "model.conv_layers[0].num_filters 4, not 9, in base_configs/x.yaml; "
                "model.conv_layers[0].dropout_rate 0.1, not 0.0, in base_configs/x.yaml; "
                "model.conv_layers[1].num_filters 6, not 9, in base_configs/x.yaml; "
                "model.conv_layers[1].l2_regularization 0.001, not 0.0, in base_configs/x.yaml"
            ),
        ),
    ],
)
def test_a_changed_config_is_told_setting_by_setting(
    then: dict[str, Any], config: Config, group: str, changes: dict[str, Any], said: str
) -> None:
    kept = {name: value for name, value in plain(getattr(config, group)).items() if changes.get(name, "") is not None}
    given = {name: value for name, value in changes.items() if value is not None}
    if "conv_layers" in given:
        given = {"conv_layers": [plain(layer) for layer in given["conv_layers"]]}
    assert refusal({**then, "base": {**then["base"], group: {**kept, **given}}}, then) == said


@pytest.mark.parametrize(
    ("mutations", "said"),
    [
        (
            {**MUTATIONS, "change_training": [{"learning_rate": [0.1, 0.3]}, {"batch_size": [8]}]},
            "change_training[0].learning_rate[1] 0.2, not 0.3, in m.yaml",
        ),
        (
            {**MUTATIONS, "change_training": [{"learning_rate": [0.1]}, {"batch_size": [8]}]},
            "change_training[0].learning_rate [0.1, 0.2], not [0.1], in m.yaml",
        ),
        (
            {**MUTATIONS, "change_training": [{"learning_rate": {"min": 0.1, "max": 1}}, {"batch_size": [8]}]},
            "change_training[0].learning_rate [0.1, 0.2], not {'min': 0.1, 'max': 1}, in m.yaml",
        ),
        ({**MUTATIONS, "add_dense_layer": [{}]}, "no add_dense_layer, which is [{}] in m.yaml"),
        ({"change_training": MUTATIONS["change_training"]}, "delete_distortion [{}], which is not in m.yaml"),
        (
            {**MUTATIONS, "change_training": MUTATIONS["change_training"][:1]},
            "change_training[1] {'batch_size': [8]}, which is not in m.yaml",
        ),
        (
            {**MUTATIONS, "change_training": MUTATIONS["change_training"][1:]},
            (
                "change_training [{'learning_rate': [0.1, 0.2]}, {'batch_size': [8]}], not "
                "[{'batch_size': [8]}], in m.yaml"
            ),
        ),
    ],
)
def test_changed_mutations_are_told_by_function_grid_and_argument(
    then: dict[str, Any], mutations: dict[str, Any], said: str
) -> None:
    assert refusal({**then, "mutations": mutations}, then) == said


def test_other_data_are_told_by_their_fingerprint(then: dict[str, Any]) -> None:
    assert refusal({**then, "fingerprint": "def"}, then) == "data of fingerprint 'abc', not 'def', in /data"
    moved = {**then, "fingerprint": "def", "data": "/new"}
    assert refusal(moved, then) == "data of fingerprint 'abc' in /data, not 'def', in /new"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ({"samples": 20}, {"samples": 30}, "--samples 20, not 30"),
        ({}, {"max_concurrent": 2}, "no --max-concurrent, which is 2 now"),
        ({"max_concurrent": 2}, {}, "--max-concurrent 2, which is not given now"),
        ({"finalists": 4}, {}, "--finals 4, not auto"),
        ({"rule": "best"}, {"ensemble": "winner"}, "--rule best, not one_se; --ensemble auto, not winner"),
    ],
)
def test_changed_options_are_told_as_they_are_typed(
    then: dict[str, Any], old: dict[str, Any], new: dict[str, Any], said: str
) -> None:
    options = then["options"]
    assert refusal({**then, "options": {**options, **new}}, {**then, "options": {**options, **old}}) == said


@pytest.mark.parametrize("key", ["depth", "seed"])
def test_another_depth_or_seed_is_told(then: dict[str, Any], key: str) -> None:
    assert refusal({**then, key: 7}, then) == f"--{key} {then[key]}, not 7"


@pytest.mark.parametrize("name", OPTIONS_MUST_STAY)
def test_every_option_that_decides_the_results_must_stay(then: dict[str, Any], name: str) -> None:
    assert f"--{name.replace('finalists', 'finals').replace('_', '-')}" in refusal(
        {**then, "options": {**then["options"], name: "another"}}, then
    )


def test_of_many_differences_four_are_told(then: dict[str, Any]) -> None:
    options = vars(Strategy.of({"search": "pbt"}))
    said = refusal({**then, "depth": 2, "seed": 1, "options": {**then["options"], **options}}, then)
    assert said == (
        "--search grid, not pbt; no --samples, which is 23 now; no --population, which is 8 now; "
        "no --quantile, which is 0.25 now; and 3 more"
    )


def test_an_experiment_of_an_earlier_version_was_a_grid(then: dict[str, Any]) -> None:
    known = {key: value for key, value in then["options"].items() if key not in vars(GRID) and key != "max_concurrent"}
    check_unchanged(then, {**then, "options": known})
    now = {**then, "options": {**then["options"], "search": "random", "scheduler": "asha"}}
    assert refusal(now, {**then, "options": known}) == "--search grid, not random; --scheduler none, not asha"


def test_a_key_that_an_earlier_version_did_not_know_has_its_default(then: dict[str, Any]) -> None:
    base = {**then["base"], "training": {**then["base"]["training"]}}
    del base["training"]["exports_to_keep"], base["data"]
    default = {**then, "base": {**then["base"], "data": plain(Config().data)}}
    check_unchanged(default, {**then, "base": base})


def test_a_manifest_without_what_decides_the_results_is_not_resumed(then: dict[str, Any]) -> None:
    little = {"mutations": MUTATIONS, "checkpoint_format": 4}
    assert refusal(then, little).startswith("the file null, not {'data': ")
    assert refusal(then, {**little, "base": then["base"]}).startswith("data of fingerprint null, not 'abc'")
    assert refusal(then, {**then, "seed": None}) == "no --seed, which is 0 now"


def test_another_version_is_told_and_gone_on_with(then: dict[str, Any]) -> None:
    check_unchanged({**then, "versions": {}}, then)
    assert other_versions(then, then) == []
    assert other_versions(then, {}) == []
    now = {**then, "versions": {**then["versions"], "torch": "2.14.0", "new": "1"}}
    end = "results may differ in the last digits"
    assert other_versions(now, then) == [f"began with torch 2.11.0, goes on with torch 2.14.0: {end}"]
    now["versions"]["ray"] = "2.61.0"
    assert other_versions(now, then) == [
        f"began with torch 2.11.0 and ray 2.60.0, goes on with torch 2.14.0 and ray 2.61.0: {end}"
    ]
