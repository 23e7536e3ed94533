import os
import re
import subprocess
import sys
from argparse import ArgumentTypeError
from pathlib import Path

import numpy as np
import pytest

from tuner.command import dollars, duration, finalists_number

ROOT = Path(__file__).parents[1]
ARGUMENTS = (
    *("-g", "group", "-n", "name", "--config", "base.yaml", "--mutations", "mutations.yaml"),
    *("--address", "nowhere:1"),  # should something wrong be taken for right, no Ray is started
)
HEAVY = ("torch", "ray", "torchvision", "pandas", "tensorboard")


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The interpreter's result, its modules those of this package; warnings are shown."""
    return subprocess.run(
        [sys.executable, "-B", "-W", "default", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() if path.is_file() else b"" for path in folder.rglob("*")}


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    """A folder with a config, mutations and data, all of them valid."""
    (tmp_path / "base.yaml").write_text(
        "data: {eval_size: 2}\nmodel:\n  image_size: 4\n  conv_layers:\n    - {num_filters: 1, kernel_size: 3}\n"
    )
    (tmp_path / "mutations.yaml").write_text("change_training:\n  - learning_rate: [0.1]\n")
    (tmp_path / "data").mkdir()
    np.save(tmp_path / "data" / "stim.npy", np.zeros((6, 5, 5, 3), np.uint8))
    (tmp_path / "data" / "train.csv").write_text("Id,a\n0,1\n1,2\n2,3\n3,4\n")
    return tmp_path


def refused(folder: Path, module: str, *arguments: str) -> str:
    """The one line that a command says about wrong input, having written nothing."""
    before = everything(folder)
    result = python(folder, "-m", module, *arguments)
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1), result.stderr
    assert everything(folder) == before
    return result.stderr.rstrip("\n")


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)

# file, its text, what is said of it
WRONG_FILES: dict[str, tuple[str, str | bytes, str]] = {
    "misspelt key": (
        "base.yaml",
        "training:\n  learning_rat: 1",
        r"base.yaml:2: training.learning_rat is not a setting; did you mean learning_rate\? .*",
    ),
    "wrong type": (
        "base.yaml",
        "model: {image_size: big}",
        "base.yaml:1: model.image_size must be a valid integer, but got 'big'",
    ),
    "impossible shape": (
        "base.yaml",
        "model:\n  image_size: 4\n  conv_layers:\n    - {num_filters: 1, kernel_size: 5}",
        r"base.yaml:4: model.conv_layers\[0\].kernel_size must be at most 4, the width of its input, but got 5",
    ),
    "alias bomb": ("base.yaml", BOMB, "base.yaml:[0-9]+: the file unfolds to more than 20000 values; .*"),
    "line break in a key": ("base.yaml", '"a\\nb": 1', r"base.yaml:1: a key must be a word, but got 'a\\nb'"),
    "unknown function": (
        "mutations.yaml",
        "change_trainin: []",
        r"mutations.yaml:1: change_trainin is not a mutation function; did you mean change_training\? .*",
    ),
    "mutation that cannot apply": (
        "mutations.yaml",
        "change_conv_layer:\n  - layer_id: [1]\n    kernel_size: [3]",
        (
            "mutations.yaml:2: change_conv_layer-kernel_size=3-layer_id=1 cannot be applied to base: "
            r"model.conv_layers has no layer 1 \(allowed: -1 to 0\)"
        ),
    ),
    "range in a grid search": (
        "mutations.yaml",
        "change_training:\n  - learning_rate: {min: 0.1, max: 1}",
        "mutations.yaml:2: change_training: learning_rate is a range, and a grid search needs a list of values",
    ),
    "mutation that does not fit the data": (
        "mutations.yaml",
        "change_model:\n  - image_size: [5, 6]",
        "mutations.yaml:2: change_model-image_size=6 does not fit the data: model.image_size must be at most 5, .*",
    ),
    "config that does not fit the data": (
        "base.yaml",
        "data:\n  eval_size: 4\nmodel:\n  image_size: 4",
        "base.yaml:2: base does not fit the data: data.eval_size must be below 4, .*",
    ),
    "Id of no image": (
        "data/train.csv",
        "Id,a\n0,1\n6,1\n",
        "data/train.csv:3: Id must be the index of an image in stim.npy, 0 to 5, but got '6'",
    ),
    "not a table": ("data/train.csv", b"\xff\xd8\xff\xe0\0", r"data/train.csv:1: this is not UTF-8 text .*"),
    "not images": ("data/stim.npy", b"PK\x03\x04 and so on", "data/stim.npy is not a .npy file of images: .*"),
}


# what is given beside --search pbt, and what is said of it
WRONG_POPULATIONS = {
    "--population 2": "--population must be 3 to 10000, the base config among them, but got 2",
    "--population 10001": "--population must be 3 to 10000, the base config among them, but got 10001",
    "--quantile 0.9": "--quantile must be above 0 and at most 0.5, but got 0.9",
    "--quantile 0": "--quantile must be above 0 and at most 0.5, but got 0",
    "--structural 2": "--structural must be a probability, 0 to 1, but got 2",
    "--interval 77": "--interval must be a multiple of training.eval_steps, which is 50, but got 77",
    "--interval 1000": (
        "--interval must be below training.max_steps, which is 1000, but is 1000: no member would ever be replaced"
    ),
    "--scheduler asha": "--scheduler does not belong to --search pbt, which is one; leave it out",
    "--samples 10001": "--samples must be at most 10000, but got 10001",
    "--sampler tpe": "--sampler belongs to --search optuna, but got --search pbt",
    "--objective rmse,macs": "--objective rmse,macs belongs to --search optuna, but got --search pbt",
    "--mutations shared.yaml": (
        "shared.yaml:3: change_training: eval_steps is the same for all members of a population, since their networks "
        "pass from one to the other; leave it out, or take another --search"
    ),
    "--mutations own.yaml": (
        "own.yaml:2: own_folds.folded would hold out other images, or evaluate at other steps, than the rest of the "
        "population; leave it out, or take another --search"
    ),
    "--search grid --population 4": "--population belongs to --search pbt, but got --search grid",
    "--search random --interval 50": "--interval belongs to --search pbt, but got --search random",
}


@pytest.mark.parametrize("options", WRONG_POPULATIONS)
def test_a_wrong_population_is_one_sentence_and_exit_code_2(workplace: Path, options: str) -> None:
    (workplace / "shared.yaml").write_text("change_training:\n  - learning_rate: [0.1]\n  - eval_steps: [3]\n")
    (workplace / "own.yaml").write_text("own_folds.folded:\n  - {}\n")
    (workplace / "own_folds.py").write_text(
        "def folded(config):\n"
        "    return config.model_copy(update={'data': config.data.model_copy(update={'folds': 2})})\n"
    )
    said = refused(workplace, "tuner.run", *ARGUMENTS, "--search", "pbt", *options.split())
    assert said == f"error: {WRONG_POPULATIONS[options]}"


@pytest.mark.parametrize("case", WRONG_FILES)
def test_a_wrong_file_is_one_sentence_and_exit_code_2(workplace: Path, case: str) -> None:
    name, text, problem = WRONG_FILES[case]
    (workplace / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    assert re.fullmatch(f"error: {problem}", refused(workplace, "tuner.run", *ARGUMENTS))


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["-g", "../up"], r"error: --group must be at most 100 letters, .*, but got '../up'"),
        (["-n", ".."], r"error: --name must be at most 100 letters, .*, but got '..'"),
        (["-n", "a\nb"], r"error: --name must be at most 100 letters, .*, but got 'a\\nb'"),
        (["--config", "no\nsuch"], r"error: no\\nsuch cannot be read: No such file or directory"),
        (["--data", "base.yaml"], "error: base.yaml holds neither stim.npy nor train.csv; --data takes the folder .*"),
        (["--storage", "base.yaml"], "error: .*/base.yaml is a file; --storage takes the folder .*"),
        (["--storage", "x" * 300], "error: .* cannot be used: .*File name too long"),
        (["--storage", "no://where"], "error: no://where/group/name is not a storage that pyarrow knows: .*"),
        (["--resume"], "error: there is no experiment in .*/ray_results/group/name"),
        (["--depth", "0"], r"tuner run: argument --depth: must be a whole number of at least 1, but got '0' \(see .*"),
        (
            ["--samples", "3"],
            "error: --samples does not belong to --search grid, which tries all variants; leave it out",
        ),
        (["--sampler", "gp"], "error: --sampler belongs to --search optuna, but got --search grid"),
        (["--search", "random", "--samples", "0"], "tuner run: argument --samples: must be a whole number .*"),
        (["-n", "NUL.x"], "error: --name cannot be 'NUL.x', which is a device on Windows"),
        (
            ["--seed", "9" * 5000],
            r"tuner run: argument --seed: must be a whole number .*99\.\.\. \(see tuner run --help\)",
        ),
        (["--seed", "-1"], r"tuner run: argument --seed: must be a whole number from 0 to 2\^63 - 1, but got '-1' .*"),
        (["--time-budget", "0m"], r"tuner run: argument --time-budget: must be a time such as .*, but got '0m' .*"),
        (["--max-cost", "0"], r"tuner run: argument --max-cost: must be US dollars such as 5 or 2\.50, but got '0' .*"),
        (
            ["--max-cost", "5"],
            "error: --max-cost needs a cluster that ray up has started, and --address auto on its .*",
        ),
        (["--a\nb"], r"tuner run: unrecognized arguments: --a\\nb \(see tuner run --help\)"),
    ],
)
def test_a_wrong_option_is_one_sentence_and_exit_code_2(workplace: Path, arguments: list[str], problem: str) -> None:
    assert re.fullmatch(problem, refused(workplace, "tuner.run", *ARGUMENTS, *arguments))


def test_data_with_one_of_its_files_is_refused(workplace: Path) -> None:
    (workplace / "data" / "train.csv").unlink()
    said = refused(workplace, "tuner.run", *ARGUMENTS)
    assert said == "error: data holds stim.npy but no train.csv; a data set needs both"


def test_an_experiment_that_exists_is_left_alone(workplace: Path) -> None:
    experiment = workplace / "ray_results" / "group" / "name"
    experiment.mkdir(parents=True)
    (experiment / "manifest.yaml").write_text("seed: 1")
    said = refused(workplace, "tuner.run", *ARGUMENTS)
    assert said == f"error: the experiment {experiment} exists; go on with it by --resume, or choose another --name"


@pytest.mark.parametrize(
    ("module", "arguments", "said"),
    [
        ("tuner.train", ("-d", "model", "-c", "missing.yaml"), "error: missing.yaml cannot be read: No such file .*"),
        *(
            (module, (option, "x" * 300), r"error: \[Errno 36\] File name too long: 'x+(/.*)?'")
            for module, option in [("tuner.simulate", "-o"), ("tuner.export", "-d"), ("tuner.predict", "-e")]
        ),
        ("tuner.simulate", ("-o", "data"), "error: data exists and is not an empty folder; choose another"),
        ("tuner", ("rune",), r"tuner: 'rune' is not a command \(known: run, .*\)"),
        ("tuner", ("run", "-g", "group"), r"tuner run: the following arguments are required: -n/--name \(see .*\)"),
    ],
)
def test_the_other_commands_say_it_in_the_same_way(
    workplace: Path, module: str, arguments: tuple[str, ...], said: str
) -> None:
    assert re.fullmatch(said, refused(workplace, module, *arguments))


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("30m", 1800), ("1.5h", 5400), ("0.5", 0.5), ("9h", 32400)]
)
def test_a_duration_is_a_number_with_a_unit(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize(("text", "amount"), [("5", 5), ("$5", 5), ("2.50", 2.5), ("0.01", 0.01), ("9999999", 9999999)])
def test_dollars_are_a_number_with_or_without_their_sign(text: str, amount: float) -> None:
    assert dollars(text) == amount


@pytest.mark.parametrize("text", ["", "$", "0", "$0.00", "-1", "5 dollars", "1e3", "nan", "5$", "1,000", "٣"])
def test_what_are_no_dollars_is_refused(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match=r"must be US dollars such as 5 or 2\.50, but got"):
        dollars(text)


@pytest.mark.parametrize("text", ["", "m", "-1m", "0", "0.0h", "1d", "1 m", "1e3", "inf", "1m30s", "٣m"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match=r"must be a time such as 90s, 30m or 1\.5h, but got"):
        duration(text)


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        (0, ["--help"]),
        (2, [*ARGUMENTS, "--config", "wrong.yaml"]),
        (2, [*ARGUMENTS, "--mutations", "wrong.yaml"]),
        (2, [*ARGUMENTS, "-n", ".."]),
        (2, [*ARGUMENTS, "--data", "nowhere"]),
    ],
    ids=["help", "config", "mutations", "name", "data"],
)
def test_what_needs_no_network_is_said_before_torch_and_ray_are_imported(
    workplace: Path, code: int, arguments: list[str]
) -> None:
    (workplace / "wrong.yaml").write_text("zzz: []")
    result = python(workplace, "-X", "importtime", "-m", "tuner.run", *arguments)
    imported = set(re.findall(r"^import time:.*\| +(\S+)$", result.stderr, re.MULTILINE))
    assert result.returncode == code
    assert "tuner.config" in imported
    assert imported.isdisjoint(HEAVY)


COMMANDS = (
    *("run", "train", "retrain", "report", "export", "predict", "simulate"),
    *("doctor", "submit", "attach", "stop", "fetch"),
)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_ends_with_an_example(workplace: Path, command: str) -> None:
    result = python(workplace, "-m", f"tuner.{command}", "--help")
    assert (result.returncode, result.stderr) == (0, "")
    assert re.search(rf"\nexample: python -m tuner\.{command} --?\w.*\n\Z", result.stdout)


@pytest.mark.parametrize(("text", "number"), [("auto", "auto"), ("0", 0), ("2", 2), ("8", 8)])
def test_finalists_are_a_number_or_auto(text: str, number: int | str) -> None:
    assert finalists_number(text) == number


@pytest.mark.parametrize("text", ["1", "-1", "2.5", "", "all", "9" * 30, "\u0663"])
def test_what_is_no_number_of_finalists_is_refused(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="must be auto, 0 for none, or a whole number of at least 2"):
        finalists_number(text)


@pytest.fixture
def token(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the token of clusters is looked for; it is not there yet."""
    path = tmp_path_factory.mktemp("ray") / "auth_token"
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(path))
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    return path


THERE = ("--address", "http://127.0.0.1:1")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (
            ["submit", *THERE, "--storage", "store"],
            "--storage must be a place that the cluster reaches, .*, but got store",
        ),
        (
            ["submit", *THERE, "--storage", "/usr", "--config", "x.yaml"],
            "x.yaml cannot be read: No such file or directory",
        ),
        (
            ["submit", *THERE, "--storage", "/usr"],
            "the cluster's token, .*auth_token, cannot be read .*; make one: ray get-.*",
        ),
        (["submit"], "cluster.yaml cannot be read: No such file or directory"),
        (["submit", "--storage", "/usr"], "cluster.yaml cannot be read: No such file or directory"),
        (
            ["submit", *THERE, "--storage", "s3://x y/z"],
            "s3://x y/z/group/name is not a storage that pyarrow knows: .*",
        ),
        (
            ["attach"],
            "the cluster's token, .*auth_token, cannot be read .*; make one: ray get-auth-token .*",
        ),
        (["stop"], "the cluster's token, .*auth_token, cannot be read .*"),
        (["fetch"], "cluster.yaml cannot be read: No such file or directory"),
        (["fetch", "--storage", "store"], "there is no experiment in .*/store/group/name"),
    ],
)
def test_what_a_cluster_lacks_is_one_sentence_and_exit_code_2(
    workplace: Path, token: Path, arguments: list[str], problem: str
) -> None:
    command, *others = arguments
    files = ("--config", "base.yaml", "--mutations", "mutations.yaml") if command == "submit" else ()
    said = refused(workplace, f"tuner.{command}", "-g", "group", "-n", "name", *files, *others)
    assert re.fullmatch(f"error: {problem}", said)


@pytest.mark.parametrize("text", [b"", b" \n", b"\xff\xfe", b"a\x00b"])
def test_a_token_that_is_none_is_said_to_be(workplace: Path, token: Path, text: bytes) -> None:
    token.write_bytes(text)
    said = refused(workplace, "tuner.attach", "-g", "group", "-n", "name")
    assert said.startswith(f"error: the cluster's token, {token}, is empty or no text; make one: ")


def test_a_cluster_whose_file_is_not_there_is_one_sentence(workplace: Path, token: Path) -> None:
    token.write_text("secret")
    said = refused(workplace, "tuner.attach", "-g", "group", "-n", "name", "--cluster", "nothere.yaml")
    assert said == "error: nothere.yaml cannot be read: No such file or directory"


def test_a_cluster_that_is_not_there_is_one_sentence(workplace: Path, token: Path) -> None:
    token.write_text("0123456789")
    said = refused(workplace, "tuner.stop", "-g", "group", "-n", "name", "--address", "http://127.0.0.1:1")
    told = "Failed to connect to Ray at address: http://127.0.0.1:1."
    assert said == f"error: there is no Ray cluster at http://127.0.0.1:1 ({told}); start one with ray up"
