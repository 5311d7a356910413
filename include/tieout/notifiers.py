"""Telling people through Airflow's notifiers: mail and a web hook, as configured.

Owns how a sentence is sent; what is to be told is the step `alerts`' business.
"""

import os
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from airflow.providers.smtp.notifications.smtp import SmtpNotifier
from airflow.sdk import BaseNotifier

from tieout.orchestration import Summaries, connection, names

if TYPE_CHECKING:
    from tieout.steps.alerts import Alert


def tell(alerts: Sequence["Alert"]) -> Summaries:
    """Send what is to be told to all who are configured; fails when one is not reached."""
    sentences = [f"{one.kind} {one.period}: {one.sentence}" for one in alerts]
    for notifier in notifiers(sentences) if sentences else []:
        notifier.notify({})
    return [{"kind": one.kind, "period": one.period} for one in alerts]


def notifiers(sentences: Sequence[str]) -> list[BaseNotifier]:
    """Mail and web hook, as configured; no sentence is a template or markup."""
    found: list[BaseNotifier] = []
    if people := names("TIEOUT_ALERT_EMAILS", ""):
        lines = "".join(f"<li>{escape(one)}</li>" for one in sentences)
        letter = SmtpNotifier(
            to=people,
            subject=f"tieout: {len(sentences)} to look at",
            html_content=f"<ul>{lines}</ul>",
            smtp_conn_id="tieout_smtp",
        )
        found.append(letter)
    if os.environ.get("TIEOUT_ALERT_WEBHOOK") == "1":
        found.append(WebhookNotifier("\n".join(sentences)))
    return found


class WebhookNotifier(BaseNotifier):
    """Says a text at the address in the password of the connection `tieout_webhook`."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def notify(self, context: Any) -> None:
        """Post once, with the repeats of every source; the text does not depend on the task."""
        del context
        from tieout.sources.webhook import say

        say(connection("webhook"), self.text)
