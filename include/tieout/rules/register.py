"""The initiative register: what money can be spent on, who owns it, where it lands in the books."""

from dataclasses import dataclass

from tieout.rules.fields import fields, identifier_of, members, refuse_repeats, text_of
from tieout.rules.yaml_text import Node, read_yaml

REGISTER_COLUMNS = ("cost_center", "pl_category", "product_line")
POOL_PREFIX = "pool:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Initiative:
    """One initiative; `pl_category` decides its expense account, `owner` answers for it."""

    initiative_id: str
    name: str
    owner: str
    cost_center: str
    pl_category: str
    product_line: str | None = None
    stage: str | None = None

    def column(self, name: str) -> str | None:
        """One of REGISTER_COLUMNS, None when the register leaves it open."""
        values = {
            "cost_center": self.cost_center,
            "pl_category": self.pl_category,
            "product_line": self.product_line,
        }
        return values[name]


def parse_initiatives(text: str, *, name: str) -> tuple[Initiative, ...]:
    """Read the register in file order; `name` is the file's name in errors.

    Raises:
        RuleFileError: broken YAML, unknown or missing keys, an id used twice; with the line.
    """
    root = fields(read_yaml(text, name=name), required=["initiatives"])
    nodes = members(root["initiatives"])
    initiatives = tuple(_initiative(node) for node in nodes)
    refuse_repeats(
        ((one.initiative_id, node) for one, node in zip(initiatives, nodes, strict=True)),
        what="initiative",
    )
    return initiatives


def _initiative(node: Node) -> Initiative:
    content = fields(
        node,
        required=["id", "name", "owner", "cost_center", "pl_category"],
        optional=["product_line", "stage"],
    )
    return Initiative(
        initiative_id=identifier_of(content["id"]),
        name=text_of(content["name"]),
        owner=text_of(content["owner"]),
        cost_center=text_of(content["cost_center"]),
        pl_category=text_of(content["pl_category"]),
        product_line=_optional(content.get("product_line")),
        stage=_optional(content.get("stage")),
    )


def _optional(node: Node | None) -> str | None:
    return None if node is None else text_of(node)
