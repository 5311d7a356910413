"""The initiative register."""

import pytest

from tieout.core.errors import RuleFileError
from tieout.rules.register import Initiative, parse_initiatives

REGISTER = """
initiatives:
  - id: support-assistant
    name: Support assistant
    owner: maria
    cost_center: CC-410
    pl_category: Cost of revenue
    product_line: Support
    stage: production
  - {id: tools, name: Internal tools, owner: li, cost_center: CC-900, pl_category: G&A}
"""


def test_the_register_is_read_in_file_order() -> None:
    first, second = parse_initiatives(REGISTER, name="initiatives.yaml")
    assert first == Initiative(
        initiative_id="support-assistant",
        name="Support assistant",
        owner="maria",
        cost_center="CC-410",
        pl_category="Cost of revenue",
        product_line="Support",
        stage="production",
    )
    assert (second.product_line, second.stage) == (None, None)
    columns = ("cost_center", "pl_category", "product_line")
    assert [second.column(name) for name in columns] == ["CC-900", "G&A", None]


def test_an_initiative_stands_in_the_register_once() -> None:
    line = "  - {id: a, name: A, owner: o, cost_center: c, pl_category: p}\n"
    with pytest.raises(RuleFileError, match="line 3: initiative 'a' is already in line 2"):
        parse_initiatives("initiatives:\n" + line * 2, name="f")


def test_an_initiative_cannot_pose_as_a_pool() -> None:
    line = '  - {id: "pool:x", name: A, owner: o, cost_center: c, pl_category: p}\n'
    with pytest.raises(RuleFileError, match="'pool:x' is not an id"):
        parse_initiatives("initiatives:\n" + line, name="f")
