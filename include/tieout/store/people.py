"""Who may decide what. Loaded by the deployer's login only; the newest row of a person counts."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on

from tieout.store.schema import person as table
from tieout.store.session import Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A person by the stable id of the identity provider.

    `duties` are of `reader`, `preparer`, `approver`, `controller`, `auditor`, `administrator`; none
    means they left.
    """

    person_id: str
    display_name: str
    duties: tuple[str, ...]


def add(tx: Tx, person: Person) -> bool:
    """Add a person or change their duties; False when nothing changes."""
    if get(tx, person.person_id) == person:
        return False
    tx.execute(
        sa.insert(table).values(
            person_id=person.person_id,
            display_name=person.display_name,
            duties=list(person.duties),
        )
    )
    return True


def get(tx: Tx, person_id: str) -> Person | None:
    """One person with the present duties."""
    found = [one for one in listing(tx) if one.person_id == person_id]
    return found[0] if found else None


def listing(tx: Tx) -> list[Person]:
    """Everybody, by id."""
    statement = (
        sa.select(table.c.person_id, table.c.display_name, table.c.duties)
        .ext(distinct_on(table.c.person_id))
        .order_by(table.c.person_id, table.c.person_seq.desc())
    )
    return [
        Person(person_id=row.person_id, display_name=row.display_name, duties=tuple(row.duties))
        for row in tx.execute(statement)
    ]
