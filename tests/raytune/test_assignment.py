import json

import pytest

from tuner.config import Config
from tuner.lineage import Phase, single
from tuner.mutation.functions import FUNCTIONS
from tuner.raytune.assignment import Assignment, name_of


def test_an_assignment_is_plain_json_and_back(config: Config) -> None:
    wider = FUNCTIONS["change_conv_layer"](config, layer_id=0, num_filters=7)
    lineage = (*single(config), Phase(4, wider, ("change_conv_layer",), "member-1"))
    for told in (Assignment("a", 3, single(config)), Assignment("b", 2**62, lineage, fitness_seed=5, to_the_end=True)):
        plain = json.loads(json.dumps(told.plain()))
        assert Assignment.of({**plain, "more": "of Ray's"}) == told
        assert name_of(plain) == told.name
        assert told.config == told.lineage[-1].config


def test_what_is_no_lineage_is_no_assignment(config: Config) -> None:
    plain = Assignment("a", 3, (Phase(2, config),)).plain()
    with pytest.raises(ValueError, match=r"^a lineage begins at step 0 and goes on from there$"):
        Assignment.of(plain)
