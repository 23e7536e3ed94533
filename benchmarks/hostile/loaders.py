"""Every loader of the package, with what writes hostile input for it."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
import yaml

from benchmarks.hostile.arrays import Array, hostile_npy, hostile_npz, whole_npz
from benchmarks.hostile.damage import put
from benchmarks.hostile.models import NEURONS, SIZE, hostile_checkpoint, hostile_onnx, whole_onnx
from benchmarks.hostile.texts import hostile_csv, hostile_json, hostile_yaml
from tuner.config import Config, load_config
from tuner.dataset.load import Dataset, load_dataset, load_images
from tuner.engine.checkpoint import FILE as CHECKPOINT
from tuner.engine.checkpoint import Checkpoint, read_checkpoint
from tuner.engine.out_of_fold import FILE as OUT_OF_FOLD
from tuner.engine.out_of_fold import OutOfFold, read_out_of_fold
from tuner.engine.seal import FILE as SEAL
from tuner.engine.seal import Seal
from tuner.engine.stopping import Patience
from tuner.folder import Folder
from tuner.lineage import FILE as LINEAGE
from tuner.lineage import plain_lineage, read_lineage, single
from tuner.mutation.expand import Expansion, expansion
from tuner.mutation.sample import sampled
from tuner.mutation.space import load_mutations
from tuner.promotion.predict import Bundle, load_bundle, predict
from tuner.results.arrays import BASELINES, PREFIX, RESPONSES, Responses, read_baselines, read_responses
from tuner.results.experiment import Experiment
from tuner.results.model_folder import ModelFolder
from tuner.results.origin import ORIGIN, Origin
from tuner.settings import plain

ROOT = Path(__file__).parents[2]
IMAGES = np.arange(4 * 3 * 3 * 3, dtype=np.uint8).reshape(4, 3, 3, 3)
TABLE = (("Id", "a", "b"), ("1", "0.5", ""), ("3", "2", "1.25"), ("0", "", "3"))
FOLDS = np.array([[0, 1, 0, 1, -1]], dtype=np.int64)
CURVE = np.arange(2 * 1 * 5 * 2, dtype=np.float32).reshape(2, 1, 5, 2)


@dataclass(frozen=True)
class Loader:
    """One way for input to come in.

    Attributes:
        name: Of what is read.
        write: Fills an empty folder.
        read: What the package makes of it.
        kind: Of what that is.
    """

    name: str
    write: Callable[[Path, Random], None]
    read: Callable[[Path], Any]
    kind: type


@cache
def _examples(folder: str) -> tuple[Any, ...]:
    return tuple(yaml.safe_load(path.read_text()) for path in sorted((ROOT / folder).glob("*.yaml")))


@cache
def _config() -> Config:
    return Config.model_validate({"model": {"image_size": SIZE, "num_classes": len(NEURONS)}})


def _configs() -> tuple[Any, ...]:
    return (*_examples("base_configs"), plain(_config()))


def _write_config(folder: Path, rng: Random) -> None:
    put(folder / "config.yaml", hostile_yaml(_configs(), rng), rng)


def _write_mutations(folder: Path, rng: Random) -> None:
    ranges = (
        "{min: 0, max: 1e300}",
        "{min: 1, max: 9, step: 1e-300}",
        "{min: 1, max: 2, log: true}",
        "{min: 3, max: 3}",
    )
    put(folder / "mutations.yaml", hostile_yaml(_examples("mutations"), rng, ranges), rng)


def _read_mutations(folder: Path) -> Expansion:
    base, space = load_config(ROOT / "base_configs" / "default.yaml"), load_mutations(folder / "mutations.yaml")
    sampled(base, space, np.random.default_rng(0), samples=3, depth=2)
    return expansion(base, space)


def _write_table(folder: Path, rng: Random) -> None:
    np.save(folder / "stim.npy", IMAGES)
    put(folder / "train.csv", hostile_csv(TABLE, rng), rng)


def _write_images(folder: Path, rng: Random) -> None:
    images = IMAGES if rng.random() < 0.5 else (IMAGES / 255).astype(rng.choice((np.float16, np.float32, np.float64)))
    put(folder / "stim.npy", hostile_npy(images, rng), rng)
    (folder / "train.csv").write_text("\n".join(",".join(row) for row in TABLE))


def _curve() -> dict[str, Array]:
    return {"steps": np.array([2, 4]), "predictions": CURVE, "folds": FOLDS}


def _write_out_of_fold(folder: Path, rng: Random) -> None:
    (folder / OUT_OF_FOLD).write_bytes(hostile_npz(_curve(), rng))


def _write_lineage(folder: Path, rng: Random) -> None:
    (folder / LINEAGE).write_bytes(hostile_json((_lineage(),), rng))


@cache
def _lineage() -> list[Any]:
    first = plain_lineage(single(_config()))[0]
    return [first, {**first, "step": 2, "mutations": ["change_training-learning_rate=0.1"], "donor": "member-1"}]


def _write_checkpoint(folder: Path, rng: Random) -> None:
    weights = {"repeat0-fold0": {"logits.weight": torch.zeros(2, 3), "logits.bias": torch.zeros(2)}}
    content = {
        "pack": {"step": 4, "replicates": {name: {"net": net, "step": 4} for name, net in weights.items()}},
        "patience": asdict(Patience(3, 0.5, 1)),
        "best_step": 2,
        "best_weights": weights,
    }
    put(folder / CHECKPOINT, hostile_checkpoint(content, rng), rng)
    part = rng.randrange(5)
    put(folder / OUT_OF_FOLD, hostile_npz(_curve(), rng) if part == 0 else whole_npz(_curve()), rng)
    if part == 1:
        put(folder / LINEAGE, hostile_json((_lineage(),), rng), rng)
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file() and path.exists()}
    seal = json.loads(Seal.of(4, files).dump())  # whoever changes a file can also seal it
    put(folder / SEAL, hostile_json((seal,), rng) if part == 2 else json.dumps(seal).encode(), rng)


def _read_checkpoint(folder: Path) -> Checkpoint:
    found = read_checkpoint(folder)
    _ = found.step, found.weights
    return found


def _manifest() -> dict[str, Any]:
    return {
        "command": "tuner run -g g -n n",
        "options": {"group": "g", "name": "n", "rule": "one_se", "seeds": 5},
        "seed": 3,
        "base": plain(_config()),
        "mutations": _examples("mutations")[0],
        "variants": {"base": [], "other": ["a"]},
        "data": "somewhere",
        "fingerprint": "abc",
        "versions": {"tuner": "1"},
    }


def _write_experiment(folder: Path, rng: Random) -> None:
    place = folder / "g" / "n"
    part = rng.randrange(3)
    for name in ("base", "other"):
        (place / name / "checkpoint_000000").mkdir(parents=True)
        (place / name / "config.yaml").write_text(yaml.safe_dump(plain(_config())))
        (place / name / ORIGIN).write_text(Origin("Made up.", False, "abc", 3).dump())
    if part == 0:
        put(place / "manifest.yaml", hostile_yaml((_manifest(),), rng), rng)
    else:
        (place / "manifest.yaml").write_text(yaml.safe_dump(_manifest()))
    if part == 1:
        (place / "other" / "config.yaml").unlink()
        put(place / "other" / "config.yaml", hostile_yaml(_configs(), rng), rng)
    if part == 2:
        put(place / "other" / "result.json", _rows(rng), rng)
        put(place / "other" / "checkpoint_000000" / LINEAGE, hostile_json((_lineage(),), rng), rng)


def _read_experiment(folder: Path) -> tuple[Any, ...]:
    experiment = Experiment.at(str(folder), "g", "n")
    return experiment.records()


def _rows(rng: Random) -> bytes:
    neuron = {metric: dict.fromkeys(NEURONS, 0.5) for metric in ("rmse", "correlation", "r2")}
    row = {
        "step": 2,
        "rmse": 0.5,
        "rmse_se": 0.1,
        "train_rmse": 0.4,
        "neuron": neuron,
        "ending": "",
        "time_total_s": 9.0,
    }
    descent = {"step": 2, "donor": "member-1", "mutations": ["a"], "inherited": "all"}
    found = [hostile_json((row, {**row, "step": 4, "descent": descent}), rng) for _ in range(rng.randint(1, 3))]
    return b"\n".join(found)


def _write_rows(folder: Path, rng: Random) -> None:
    put(folder / "result.json", _rows(rng), rng)


def _responses() -> dict[str, Array]:
    return {
        "responses": np.array([[0.5, np.nan], [1.0, 2.0]], dtype=np.float32),
        "labelled": np.array([1, 3]),
        "noise_rmse": np.array(np.nan),
        "neurons": np.array(NEURONS),
    }


def _write_responses(folder: Path, rng: Random) -> None:
    put(folder / RESPONSES, hostile_npz(_responses(), rng), rng)


def _write_baselines(folder: Path, rng: Random) -> None:
    arrays = {"folds": FOLDS, f"{PREFIX}mean": CURVE[0], f"{PREFIX}ridge": CURVE[1]}
    put(folder / BASELINES, hostile_npz(arrays, rng), rng)


def _write_origin(folder: Path, rng: Random) -> None:
    put(folder / ORIGIN, hostile_json((asdict(Origin("Made up.", False, "abc", 3)),), rng), rng)


def _write_bundle(folder: Path, rng: Random) -> None:
    part = rng.randrange(6)
    put(folder / "model.onnx", hostile_onnx(rng) if part < 3 else whole_onnx(), rng)
    put(folder / "config.yaml", hostile_yaml((plain(_config()),), rng) if part == 3 else _whole_config(), rng)
    table = (("neuron", "rmse"), *((name, "0.5") for name in NEURONS))
    put(folder / "neurons.csv", hostile_csv(table, rng) if part == 4 else _whole_table(table), rng)
    metrics = {"rmse": 0.5, "simulated": False}
    put(folder / "metrics.json", hostile_json((metrics,), rng) if part == 5 else json.dumps(metrics).encode(), rng)


def _whole_config() -> bytes:
    return yaml.safe_dump(plain(_config())).encode()


def _whole_table(rows: tuple[tuple[str, ...], ...]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _read_bundle(folder: Path) -> Bundle:
    bundle = load_bundle(folder)
    predict(bundle, np.zeros((2, SIZE, SIZE, 3), dtype=np.uint8))
    return bundle


LOADERS = (
    Loader("config", _write_config, lambda folder: load_config(folder / "config.yaml"), Config),
    Loader("mutations", _write_mutations, _read_mutations, Expansion),
    Loader("train.csv", _write_table, load_dataset, Dataset),
    Loader("stim.npy", _write_images, lambda folder: load_images(folder / "stim.npy"), np.ndarray),
    Loader("checkpoint", _write_checkpoint, _read_checkpoint, Checkpoint),
    Loader(
        "held-out predictions",
        _write_out_of_fold,
        lambda folder: read_out_of_fold((folder / OUT_OF_FOLD).read_bytes(), OUT_OF_FOLD),
        OutOfFold,
    ),
    Loader(
        "lineage",
        _write_lineage,
        lambda folder: read_lineage((folder / LINEAGE).read_bytes().decode(errors="replace"), LINEAGE),
        tuple,
    ),
    Loader("experiment", _write_experiment, _read_experiment, tuple),
    Loader("result.json", _write_rows, lambda folder: ModelFolder(folder).measurements(), tuple),
    Loader("responses.npz", _write_responses, lambda folder: read_responses(Folder(str(folder))), Responses),
    Loader("baselines.npz", _write_baselines, lambda folder: read_baselines(Folder(str(folder)), (5, 2)), tuple),
    Loader("origin.json", _write_origin, lambda folder: ModelFolder(folder).origin(), Origin),
    Loader("bundle", _write_bundle, _read_bundle, Bundle),
)
