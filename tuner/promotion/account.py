"""What a bundle says of its model."""

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tuner.config import dump_config
from tuner.lineage import Lineage, plain_lineage
from tuner.results.files import BUNDLE_README, METRICS, MODEL, ONNX

OTHERS = "other_configs"
OPSET = 18


@dataclass(frozen=True)
class Account:
    """What a bundle says of its model.

    Attributes:
        lineages: Variant to the configs of its networks, one after the other; the last ones for images of one size.
        title: What it is, one line.
        metrics: How good it is, by plain keys.
        statement: The same in sentences, with how it was measured.
        neurons: Their names, in the order of the outputs.
        neuron_metrics: Metric to one value a neuron.
        data: What it was trained on, one sentence.
    """

    lineages: dict[str, Lineage]
    title: str
    metrics: dict[str, Any]
    statement: str
    neurons: tuple[str, ...]
    neuron_metrics: dict[str, tuple[float, ...]]
    data: str


def describe(account: Account, num_networks: int, bundle: Path) -> None:
    """The bundle's folder holds everything but the models themselves."""
    first, *others = account.lineages.items()
    _write_configs(first[1], bundle / "config.yaml")
    for name, lineage in others:
        (bundle / OTHERS).mkdir(exist_ok=True)
        _write_configs(lineage, bundle / OTHERS / f"{name}.yaml")
    (bundle / METRICS).write_text(json.dumps(_without_nan(account.metrics), indent=2) + "\n")
    (bundle / "neurons.csv").write_text(_neuron_table(account))
    (bundle / BUNDLE_README).write_text(_readme(account, num_networks))


def _write_configs(lineage: Lineage, file: Path) -> None:
    """The file holds the last config; a schedule is in a file beside it."""
    file.write_text(dump_config(lineage[-1].config))
    if len(lineage) > 1:
        schedule = yaml.safe_dump(plain_lineage(lineage), sort_keys=False)
        file.with_name(f"{file.stem}-schedule.yaml").write_text(schedule)


def _neuron_table(account: Account) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["neuron", *account.neuron_metrics])
    for index, neuron in enumerate(account.neurons):
        writer.writerow([neuron, *(f"{values[index]:.6g}" for values in account.neuron_metrics.values())])
    return text.getvalue()


def _readme(account: Account, num_networks: int) -> str:
    first, *others = account.lineages
    size, neurons = account.lineages[first][-1].config.model.image_size, len(account.neurons)
    made = f"how the networks of {first} were made" if others else "how each network was made"
    beside = f", `{OTHERS}/` (those of the others)" if others else ""
    if any(len(lineage) > 1 for lineage in account.lineages.values()):
        beside += ", `*-schedule.yaml` (the configs that its networks had on the way, and from which step on)"
    networks = "One network" if num_networks == 1 else f"The mean of {num_networks} networks"
    return f"""# {account.title}

{networks} that predicts the responses of {neurons} neurons (square roots of spike counts) to an image.

## How good it is

{account.statement}

Per neuron: `neurons.csv`. The same as numbers: `metrics.json`.

## Data

{account.data}

## Use

Input: images `[B, {size}, {size}, 3]`, RGB, float32 in 0..1, any B: the centre {size} x {size} pixels of each image.
Output: `[B, {neurons}]`, the neurons in the order of `neurons.csv`.

```python
import torch
model = torch.export.load("{MODEL}").module()
responses = model(images)
```

or, without PyTorch:

```python
import onnxruntime
model = onnxruntime.InferenceSession("{ONNX}")
responses = model.run(None, {{"images": images}})[0]
```

Files: `{MODEL}` (torch.export), `{ONNX}` (opset {OPSET}), `config.yaml` ({made}){beside},
`{METRICS}`, `neurons.csv`.
"""


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    return None if isinstance(value, float) and value != value else value
