"""A small group of three legal entities, for examples."""

from dataclasses import replace

from tests.ledger.books import CHART_TEXT

from tieout.ledger.chart import parse_chart
from tieout.ledger.entities import parse_entities

ENTITIES_TEXT = """\
entities: nordlicht
default: gmbh
intercompany: {due_from: "1500", due_to: "2500"}
members:
  - id: gmbh
    name: Nordlicht Labs GmbH
    currency: USD
    cost_centers: [CC-210 Engineering]
    intercompany:
      inc: {due_from: "1510", due_to: "2500"}
  - id: inc
    name: Nordlicht Labs Inc.
    currency: USD
    cost_centers: [CC-410 Customer support, CC-310 Search]
  - id: ltd
    name: Nordlicht Labs Ltd
    currency: USD
    cost_centers: [CC-500 Sales]
"""
_MUTUAL = """\
  - {code: "1500", name: Due from affiliates, type: asset}
  - {code: "1510", name: Due from Nordlicht Inc., type: asset}
  - {code: "2500", name: Due to affiliates, type: liability}
"""
GROUP_CHART_TEXT = CHART_TEXT.replace("control:\n", f"{_MUTUAL}control:\n")
ONE_CHART = parse_chart(GROUP_CHART_TEXT, name="chart.yaml")
GROUP = parse_entities(ENTITIES_TEXT, name="entities.yaml").with_accounts(
    {("openai", "org-1"): "gmbh", ("openai", "org-2"): "inc"}
)
GROUP_CHART = replace(ONE_CHART, entities=GROUP)
SUPPORT, SALES, ENGINEERING = "CC-410 Customer support", "CC-500 Sales", "CC-210 Engineering"
