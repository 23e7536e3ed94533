"""The configs in an experiment's folder, held against its data: somebody may have edited one."""

from tuner.dataset.fit import fitted
from tuner.dataset.load import Dataset
from tuner.errors import ConfigError, InputError
from tuner.lineage import FILE as LINEAGE
from tuner.results.experiment import Experiment
from tuner.results.files import CHECKPOINT, CONFIG


def check_configs(experiment: Experiment, dataset: Dataset) -> None:
    """Nothing happens if every variant can be trained on the data.

    Raises:
        InputError: it names the file of one that cannot.
    """
    for entry in experiment.entries():
        for phase in entry.lineage:
            try:
                if fitted(phase.config, dataset, entry.name) != phase.config:
                    raise ConfigError(("model", "num_classes"), f"is missing; it must be {len(dataset.neurons)}")
            except ConfigError as error:
                file = CONFIG if phase.config == entry.config else f"{CHECKPOINT}*/{LINEAGE}"
                where = f"{experiment.folder.uri}/{entry.name}/{file}"
                raise InputError(f"{where} does not fit the data: {error}") from None
