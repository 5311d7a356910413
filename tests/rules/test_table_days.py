"""On which days a tag or an owner table says something else than the day before."""

from datetime import date

from tieout.rules.tag_map import parse_owners, parse_tag_map, table_changes

TAGS = parse_tag_map(
    "valid_from,valid_to,from_key,from_value,key,value\n"
    ",,env,,environment,\n"
    "2026-10-05,2026-10-15,team,,app,\n",
    name="tag_map",
)
OWNERS = parse_owners(
    "valid_from,valid_to,column,value,owner\n"
    "2026-11-01,,provider,aws,Omar\n"
    ",9999-12-31,provider,gcp,Sofia\n",
    name="owners",
)


def test_a_row_starts_on_its_first_day_and_ends_the_day_after_its_last() -> None:
    assert table_changes(TAGS) == {date(2026, 10, 5), date(2026, 10, 16)}
    assert table_changes((*TAGS, *OWNERS)) - table_changes(TAGS) == {date(2026, 11, 1)}
    assert table_changes(()) == set()
