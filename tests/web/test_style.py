"""The style sheet and scripts: contrast of every colour, small size, nothing from elsewhere."""

import re

import pytest

from tieout.web.assets import assets

SHEET = assets()["tieout.css"].content.decode()
PAIR = re.compile(r"--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)")
COLOURS = {name: (light, dark) for name, light, dark in PAIR.findall(SHEET)}
TEXTS = ("text", "quiet", "link", "up", "down", "total", "warn", "block", "good")


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1])
@pytest.mark.parametrize("ground", ["ground", "raised"])
def test_every_colour_of_text_can_be_read_on_every_ground(ground: str, theme: int) -> None:
    found = {name: contrast(COLOURS[name][theme], COLOURS[ground][theme]) for name in TEXTS}
    assert {name: ratio for name, ratio in found.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("theme", [0, 1])
def test_borders_of_fields_can_be_seen(theme: int) -> None:
    assert contrast(COLOURS["strong-line"][theme], COLOURS["ground"][theme]) >= 3


def test_nothing_is_loaded_from_elsewhere_and_scripts_stay_small() -> None:
    for name, asset in assets().items():
        text = asset.content.decode().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?:|//[a-z]+\.[a-z]|@import|url\(|eval\(", text), name
        assert not name.endswith(".js") or len(asset.content) < 10_240
        assert re.fullmatch(r"/static/[a-z-]+\.[0-9a-f]{10}\.(css|js|svg)", asset.address)
