"""The bundle: a model that needs neither this package nor Ray."""

import csv
import io
import json
import logging
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from torch import Tensor

from tuner.config import Config, dump_config
from tuner.errors import TunerError
from tuner.promotion.ensemble import Ensemble
from tuner.results.folder import Folder

MODEL, ONNX = "model.pt2", "model.onnx"
OPSET = 18
TOLERANCE = 1e-4
"""Responses are about 1 to 3, and sums of a few thousand fp32 products differ by their order in the sixth digit."""


@dataclass(frozen=True)
class Account:
    """What a bundle says of its model.

    Attributes:
        config: Of its networks.
        title: What it is, one line.
        metrics: How good it is, by plain keys.
        statement: The same in sentences, with how it was measured.
        neurons: Their names, in the order of the outputs.
        neuron_metrics: Metric to one value a neuron.
        data: What it was trained on, one sentence.
    """

    config: Config
    title: str
    metrics: dict[str, Any]
    statement: str
    neurons: tuple[str, ...]
    neuron_metrics: dict[str, tuple[float, ...]]
    data: str


def export(ensemble: Ensemble, account: Account, images_BHWC: Tensor, parent: Folder, name: str) -> None:
    """The folder `name` in `parent` is the model's bundle; both exported models were checked against the ensemble.

    Args:
        ensemble: In fp32 on the CPU.
        account: What the bundle says of it.
        images_BHWC: `[B, S, S, 3]` in 0..1, B at least 2: what the check predicts.
        parent: Where the bundle goes.
        name: Of the bundle's folder; what was there is replaced, once the new one is whole.

    Raises:
        TunerError: an exported model answers otherwise, or the storage refuses the bundle.
    """
    with tempfile.TemporaryDirectory() as folder:
        bundle = Path(folder, "bundle")
        bundle.mkdir()
        _export_models(ensemble, images_BHWC, bundle)
        _check(ensemble, images_BHWC, bundle)
        _describe(account, len(ensemble.nets), bundle)
        parent.put(bundle, name)


def _export_models(ensemble: Ensemble, images_BHWC: Tensor, bundle: Path) -> None:
    batch = torch.export.Dim("batch", min=1, max=2**20)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # both exporters warn of their own internals
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        logging.getLogger("onnxscript").setLevel(logging.ERROR)
        program = torch.export.export(ensemble, (images_BHWC[:2],), dynamic_shapes=({0: batch},))
        torch.export.save(program, bundle / MODEL)
        onnx = torch.onnx.export(
            program, input_names=["images"], output_names=["responses"], opset_version=OPSET, verbose=False
        )
        assert onnx is not None
        onnx.save(bundle / ONNX, external_data=False)


def _check(ensemble: Ensemble, images_BHWC: Tensor, bundle: Path) -> None:
    program = torch.export.load(bundle / MODEL).module()
    session = onnxruntime.InferenceSession(bundle / ONNX, providers=["CPUExecutionProvider"])
    for batch in (images_BHWC, images_BHWC[:1]):
        with torch.inference_mode():
            expected = ensemble(batch).numpy()
            answers = {MODEL: program(batch).numpy(), ONNX: session.run(None, {"images": batch.numpy()})[0]}
        for name, answer in answers.items():
            difference = float(np.abs(answer - expected).max())
            if not difference <= TOLERANCE:
                raise TunerError(
                    f"the exported {name} answers otherwise than the trained networks, by up to {difference:.2g}"
                )


def _describe(account: Account, num_networks: int, bundle: Path) -> None:
    (bundle / "config.yaml").write_text(dump_config(account.config))
    (bundle / "metrics.json").write_text(json.dumps(_without_nan(account.metrics), indent=2) + "\n")
    (bundle / "neurons.csv").write_text(_neuron_table(account))
    (bundle / "README.md").write_text(_readme(account, num_networks))


def _neuron_table(account: Account) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["neuron", *account.neuron_metrics])
    for index, neuron in enumerate(account.neurons):
        writer.writerow([neuron, *(f"{values[index]:.6g}" for values in account.neuron_metrics.values())])
    return text.getvalue()


def _readme(account: Account, num_networks: int) -> str:
    size = account.config.model.image_size
    networks = "one network" if num_networks == 1 else f"the mean of {num_networks} networks"
    return f"""# {account.title}

{networks[0].upper()}{networks[1:]} that predicts the responses (square roots of spike counts) of {len(account.neurons)} neurons to an image.

## How good it is

{account.statement}

Per neuron: `neurons.csv`. The same as numbers: `metrics.json`.

## Data

{account.data}

## Use

Input: images `[B, {size}, {size}, 3]`, RGB, float32 in 0..1, any B: the centre {size} x {size} pixels of each image. Output: `[B, {len(account.neurons)}]`,
the neurons in the order of `neurons.csv`.

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

Files: `{MODEL}` (torch.export), `{ONNX}` (opset {OPSET}), `config.yaml` (how each network was made), `metrics.json`, `neurons.csv`.
"""


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    return None if isinstance(value, float) and value != value else value
