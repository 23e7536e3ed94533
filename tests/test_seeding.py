from hypothesis import given, settings
from hypothesis import strategies as st

from tuner.seeding import seed_of

names = st.lists(st.text(max_size=4) | st.integers(), max_size=4).map(tuple)


def test_a_seed_never_changes_between_versions_and_machines() -> None:
    assert seed_of() == 5_460_801_731_388_113_703
    assert seed_of("replicate", 0, 1) == 340_331_315_119_410_200


@settings(deadline=None)
@given(names)
def test_a_seed_fits_every_generator(given_names: tuple[str | int, ...]) -> None:
    assert 0 <= seed_of(*given_names) < 2**63


@settings(deadline=None)
@given(names, names)
def test_other_names_give_another_seed(first: tuple[str | int, ...], second: tuple[str | int, ...]) -> None:
    assert (seed_of(*first) == seed_of(*second)) == (first == second)


def test_types_lengths_and_order_of_names_count() -> None:
    different = [("a", "bc"), ("ab", "c"), ("abc",), ("bc", "a"), (1,), ("1",), (1, 1), ()]
    assert len({seed_of(*given_names) for given_names in different}) == len(different)


def test_every_bit_of_a_seed_is_used() -> None:
    seeds = [seed_of(number) for number in range(200)]
    assert [sum(seed >> bit & 1 for seed in seeds) in range(60, 141) for bit in range(63)] == [True] * 63
