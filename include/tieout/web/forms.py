"""What every form of a page carries, and the one place where a decision by form is let in.

Owns the form token (HMAC over the person and the time it was made, good for half a day) and that
the same form sent twice decides once. Where the request comes from is the gate's business, who may
decide the database's.
"""

import secrets
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from tieout.core.errors import SegregationError
from tieout.web.signing import Signer

TOKEN_LASTS: Final = timedelta(hours=12)
_PURPOSE: Final = "form"
_KEPT: Final = 2_000

Reason = Annotated[str, Field(min_length=1, max_length=2000, pattern=r"\S")]
Typed = Annotated[str, Field(min_length=1, max_length=120)]  # what confirms a decision


class PageForm(BaseModel):
    """The hidden fields of every form; a form of a page adds its own."""

    model_config = ConfigDict(extra="forbid")

    form_token: str = Field(max_length=2000)
    form_key: str = Field(pattern=r"^[0-9a-f]{32}$")


class Forms:
    """Tokens for forms, and the keys of those that were sent already."""

    def __init__(self, signer: Signer, now: Callable[[], datetime]) -> None:
        self._signer = signer
        self._now = now
        self._done: OrderedDict[tuple[str, str], str] = OrderedDict()

    def token(self, person: str) -> str:
        """A token for a form of this person."""
        return self._signer.sign(_PURPOSE, [person, int(self._now().timestamp())])

    def new_key(self) -> str:
        """What tells one filled-in form from the next."""
        return secrets.token_hex(16)

    def check(self, form: PageForm, person: str) -> None:
        """Let a form in.

        Raises:
            SegregationError: the token is another person's, too old, or none of ours.
        """
        found = self._signer.read(_PURPOSE, form.form_token)
        if found is None or found[0] != person or not self._is_fresh(found[1]):
            raise SegregationError(
                "This form is not from a page that was shown to you in the last "
                f"{TOKEN_LASTS // timedelta(hours=1)} hours: open the page again and send it from "
                "there."
            )

    def once(self, form: PageForm, person: str, decide: Callable[[], str]) -> str:
        """Run the decision unless this very form was sent before; gives where to go on."""
        key = (person, form.form_key)
        if key not in self._done:
            self._done[key] = decide()
            while len(self._done) > _KEPT:
                self._done.popitem(last=False)
        return self._done[key]

    def _is_fresh(self, made: object) -> bool:
        if not isinstance(made, int):
            return False
        age = self._now() - datetime.fromtimestamp(made, tz=UTC)
        return timedelta(0) - timedelta(minutes=1) <= age <= TOKEN_LASTS
