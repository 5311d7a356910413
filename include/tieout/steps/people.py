"""People: who exists and which duties they hold; loaded by the deployer's login only."""

from tieout.core.errors import SettingError
from tieout.rules import fields
from tieout.rules.yaml_text import Node, read_yaml
from tieout.store import audit, people
from tieout.store.session import Store

DUTIES = ("reader", "preparer", "approver", "controller", "auditor", "administrator")


def load(owner_database_url: str, text: str, *, name: str) -> int:
    """Add or change people; returns how many were new or changed.

    Raises:
        RuleFileError: the file breaks its language.
        SettingError: no owner's database URL was given.
    """
    if not owner_database_url:
        raise SettingError(
            "Loading people needs the deployer's database login: set TIEOUT_OWNER_DATABASE_URL."
        )
    found = _parse(text, name)
    with Store(owner_database_url) as store, store.transaction() as tx:
        changed = [one for one in found if people.add(tx, one)]
        if changed:
            duties = {one.person_id: list(one.duties) for one in changed}
            audit.record(tx, "people_loaded", name, {"people": duties})
    return len(changed)


def _parse(text: str, name: str) -> list[people.Person]:
    root = fields.fields(read_yaml(text, name=name), required=["people"])
    return [_person(node) for node in fields.members(root["people"])]


def _person(node: Node) -> people.Person:
    entry = fields.fields(node, required=["person_id", "display_name", "duties"])
    duties = entry["duties"].content
    nodes = duties if isinstance(duties, list) else fields.members(entry["duties"])
    return people.Person(
        person_id=fields.identifier_of(entry["person_id"]),
        display_name=fields.text_of(entry["display_name"]),
        duties=tuple(fields.one_of(duty, DUTIES) for duty in nodes),
    )
