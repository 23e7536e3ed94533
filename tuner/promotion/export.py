"""The bundle: a model that needs neither this package nor Ray."""

import logging
import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import Tensor

from tuner.errors import TunerError
from tuner.folder import Folder
from tuner.promotion.account import OPSET, Account, describe
from tuner.promotion.ensemble import Ensemble
from tuner.results.files import MODEL, ONNX

TOLERANCE = 1e-4
"""Responses are about 1 to 3, and sums of a few thousand fp32 products differ by their order in the sixth digit."""


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
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the exporters and the loader warn of their own internals
            _export_models(ensemble, images_BHWC, bundle)
            _check(ensemble, images_BHWC, bundle)
        describe(account, len(ensemble.nets), bundle)
        parent.put(bundle, name)


def _export_models(ensemble: Ensemble, images_BHWC: Tensor, bundle: Path) -> None:
    batch = torch.export.Dim("batch", min=1, max=2**20)
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
