"""A page of a month that has no figures yet: what it waits for, and the month before.

Owns that page only; whether a month is ready the steps say.
"""

from starlette.responses import Response

from tieout.web.desk import Desk, Page


def not_yet(desk: Desk, name: str, period: str, sentence: str) -> Response:
    """The page `name` of a month that is not ready; `sentence` says what it waits for."""
    earlier = [one.period for one in desk.standing.months if one.period < period]
    before = earlier[-1] if earlier else ""
    return desk.show(
        Page(
            name=name,
            period=period,
            headline=f"{period} has no figures yet.",
            template="waiting.html",
            values={
                "sentence": sentence,
                "before": before,
                "link": desk.link(f"/{name}/{before}") if before else "",
            },
        )
    )
