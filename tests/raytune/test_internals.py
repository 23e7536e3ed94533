"""Ray Tune still has what we use of it without its promise."""

import inspect
from typing import Any

import pytest

from tuner.raytune.internals import ATTRIBUTES, FUNCTIONS, METHODS


@pytest.mark.parametrize(("owner", "name"), [(owner, name) for owner, names in METHODS.items() for name in names])
def test_a_method_is_there(owner: type, name: str) -> None:
    assert callable(getattr(owner, name, None))


@pytest.mark.parametrize(("owner", "name"), [(owner, name) for owner, names in ATTRIBUTES.items() for name in names])
def test_an_attribute_is_set(owner: type, name: str) -> None:
    assert f"self.{name}" in inspect.getsource(owner)


@pytest.mark.parametrize(("owner", "name"), [(owner, name) for owner, names in FUNCTIONS.items() for name in names])
def test_a_function_is_there(owner: Any, name: str) -> None:
    assert callable(getattr(owner, name, None))
    assert f" {name}(" in inspect.getsource(owner)
