"""The certificate refuses what does not add up and is stored as plain JSON."""

import json
from dataclasses import fields, replace
from fractions import Fraction
from typing import Any

import pytest

from tieout.allocation.certificate import (
    Certificate,
    LevelCertificate,
    PoolCertificate,
    pools_from_json,
)
from tieout.allocation.resolve import Decision
from tieout.audit.canonical import canonical_hash
from tieout.core.errors import ConservationError
from tieout.core.money import to_units

POOL = PoolCertificate(
    pool_id="platform",
    method="proportional",
    driver="token_spend",
    state="allocated",
    level=0,
    amount_in_units=to_units("10"),
    amount_out_units=to_units("10"),
    received_units=0,
    to_initiatives_units=to_units("7"),
    to_pools=(("network", to_units("3")),),
    held_units=0,
    lines_in=1,
    lines_out=2,
    charge_count=7,
    worst_distance=Fraction(1, 3),
    weights=(("search", Fraction(1)), ("support", Fraction(5, 2))),
    policies=(("zero_driver", "hold"),),
    decisions=(
        Decision(policy="driver", outcome="zero", targets=("tools",), reason="no value of seats"),
    ),
)
NETWORK = replace(
    POOL,
    pool_id="network",
    level=1,
    amount_in_units=0,
    amount_out_units=0,
    received_units=to_units("3"),
    to_initiatives_units=to_units("1"),
    to_pools=(),
    held_units=to_units("2"),
    worst_distance=Fraction(2, 5),
    decisions=(),
    gross_units=Fraction(7, 3),
)
CERTIFICATE = Certificate(
    pools=(POOL, NETWORK),
    total_in_units=to_units("10"),
    total_out_units=to_units("10"),
    ledger_in_units=to_units("25"),
    ledger_out_units=to_units("25"),
)


def test_a_certificate_that_adds_up_passes() -> None:
    CERTIFICATE.check()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"amount_out_units": to_units("10") + 1}, "Pool platform: 10.00 went in and 10.0000000"),
        ({"worst_distance": Fraction(1)}, "Pool platform: a share is 1 units of 1e-12 away"),
        ({"held_units": 1}, "Pool platform with what it received: 10.00 went in and 10.000000"),
        ({"to_pools": ()}, "Pool platform with what it received: 10.00 went in and 7.00 came"),
    ],
)
def test_a_pool_that_leaks_or_strays_is_refused(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConservationError, match=sentence):
        replace(CERTIFICATE, pools=(replace(POOL, **change), NETWORK)).check()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"total_out_units": 0}, "The pools together: 10.00 went in and 0.00 came out, -10.00 too"),
        ({"ledger_out_units": 0}, "The ledger: 25.00 went in"),
        ({"pools": ()}, "The pools' own sum: 10.00 went in and 0.00 came out"),
    ],
)
def test_totals_that_differ_are_refused(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConservationError, match=sentence):
        replace(CERTIFICATE, **change).check()


def test_what_a_pool_received_is_what_others_sent() -> None:
    sent = replace(POOL, to_pools=(("ghost", to_units("3")),))
    with pytest.raises(ConservationError, match=r"What pools sent to pool network: 0.00 went in"):
        replace(CERTIFICATE, pools=(sent, NETWORK)).check()


def test_a_level_that_leaks_is_refused() -> None:
    class Leaking(Certificate):
        def levels(self) -> tuple[LevelCertificate, ...]:
            return (replace(super().levels()[0], held_units=1),)

    values = {field.name: getattr(CERTIFICATE, field.name) for field in fields(CERTIFICATE)}
    with pytest.raises(ConservationError, match=r"Level 0: 10.00 went in and 10.000000000001 came"):
        Leaking(**values).check()


def test_each_level_of_the_chain_has_its_sums() -> None:
    first, second = CERTIFICATE.levels()
    assert (first.level, first.pools, first.own_units) == (0, ("platform",), to_units("10"))
    assert (first.to_initiatives_units, first.to_pools_units) == (to_units("7"), to_units("3"))
    assert (second.received_units, second.to_initiatives_units, second.held_units) == (
        to_units("3"),
        to_units("1"),
        to_units("2"),
    )
    assert CERTIFICATE.worst_distance() == Fraction(2, 5)


def test_the_hash_covers_every_value_and_comes_back_from_the_json() -> None:
    value = CERTIFICATE.certificate_json()
    assert value.pop("hash") == CERTIFICATE.content_hash() == canonical_hash(value)
    other = replace(CERTIFICATE, ledger_in_units=0, ledger_out_units=0)
    assert other.content_hash() != CERTIFICATE.content_hash()


def test_a_certificate_is_stored_as_texts_and_whole_numbers() -> None:
    value = CERTIFICATE.certificate_json()
    assert json.loads(json.dumps(value)) == value
    assert value["total_in_units"] == "10000000000000"
    assert value["pools"][0]["worst_distance"] == "1/3"
    assert value["pools"][0]["policies"] == {"zero_driver": "hold"}
    assert value["pools"][0]["decisions"] == [
        {
            "policy": "driver",
            "outcome": "zero",
            "targets": ["tools"],
            "reason": "no value of seats",
        }
    ]
    assert value["pools"][0]["to_pools"] == {"network": "3000000000000"}
    assert (value["pools"][0]["gross_units"], value["pools"][1]["gross_units"]) == (None, "7/3")
    assert [level["held_units"] for level in value["levels"]] == ["0", "2000000000000"]
    assert value["pools"][0]["weights"] == {"search": "1/1", "support": "5/2"}


def test_the_pools_of_a_stored_certificate_are_read_back_as_they_were() -> None:
    stored = json.loads(json.dumps(CERTIFICATE.certificate_json()))
    assert pools_from_json(stored) == {"platform": POOL, "network": NETWORK}
