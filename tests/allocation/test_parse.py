"""The allocation file and the finding of methods."""

import pytest

from tieout.allocation.base import known_methods, load
from tieout.allocation.parse import Pool, parse_pools
from tieout.core.errors import RuleFileError, UnknownPluginError

POOLS = """
pools:
  - id: shared-platform
    description: Gateway and vector store
    owner: maria
    method: proportional
    driver: token_spend
    targets: [support, search]
    zero_driver: hold
  - {id: sandbox, owner: li, method: proportional, driver: token_spend, zero_driver: fail}
"""


def test_pools_are_read_in_file_order() -> None:
    shared, sandbox = parse_pools(POOLS, name="pools.yaml")
    assert shared == Pool(
        pool_id="shared-platform",
        description="Gateway and vector store",
        owner="maria",
        method="proportional",
        driver="token_spend",
        targets=("support", "search"),
        zero_driver="hold",
    )
    assert (sandbox.targets, sandbox.zero_driver, sandbox.description) == (None, "fail", "")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("method: proportional\n", "method: even\n"), "line 6: expected one of proportional"),
        (("zero_driver: hold\n", "zero_driver: even\n"), "line 9: expected one of hold, fail"),
        (("    zero_driver: hold\n", ""), "add zero_driver"),
        (("id: sandbox", "id: shared-platform"), "line 10: pool 'shared-platform' is already in"),
        (("[support, search]", "[support, support]"), "target 'support' is already in line 8"),
        (("[support, search]", "[]"), "the list is empty"),
        (("owner: maria", "rounding: up"), "unknown key 'rounding'"),
    ],
)
def test_a_broken_pool_is_refused(change: tuple[str, str], sentence: str) -> None:
    with pytest.raises(RuleFileError, match=sentence):
        parse_pools(POOLS.replace(*change, 1), name="pools.yaml")


def test_a_method_is_found_by_its_file_name() -> None:
    assert "proportional" in known_methods()
    assert load("proportional").shares(10, {"a": 1, "b": 3}) == {"a": 3, "b": 7}


@pytest.mark.parametrize("name", ["even", "", "../proportional", "os"])
def test_an_unknown_method_is_answered_with_the_known_ones(name: str) -> None:
    with pytest.raises(UnknownPluginError, match="known: proportional"):
        load(name)
