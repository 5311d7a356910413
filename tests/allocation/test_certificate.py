"""The certificate refuses what does not add up and is stored as plain JSON."""

import json
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from tieout.allocation.certificate import Certificate, PoolCertificate
from tieout.core.errors import ConservationError
from tieout.core.money import to_units

POOL = PoolCertificate(
    pool_id="platform",
    method="proportional",
    driver="token_spend",
    state="allocated",
    amount_in_units=to_units("10"),
    amount_out_units=to_units("10"),
    lines_in=1,
    lines_out=2,
    charge_count=7,
    worst_distance=Fraction(1, 3),
    weights=(("search", Fraction(1)), ("support", Fraction(5, 2))),
)
CERTIFICATE = Certificate(
    pools=(POOL,),
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
    ],
)
def test_a_pool_that_leaks_or_strays_is_refused(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConservationError, match=sentence):
        replace(CERTIFICATE, pools=(replace(POOL, **change),)).check()


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


def test_a_certificate_is_stored_as_texts_and_whole_numbers() -> None:
    value = CERTIFICATE.certificate_json()
    assert json.loads(json.dumps(value)) == value
    assert value["total_in_units"] == "10000000000000"
    assert value["pools"][0]["worst_distance"] == "1/3"
    assert value["pools"][0]["weights"] == {"search": "1/1", "support": "5/2"}
