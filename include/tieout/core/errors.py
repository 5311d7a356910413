"""Every failure has its own class; this module owns the hierarchy and no behaviour.

TieoutError
├── UsageError                  the person asked for something that cannot be (exit code 2)
│   ├── PeriodFormatError
│   ├── UnknownPluginError
│   ├── UnknownSubjectError
│   └── SettingError
├── MoneyFormatError            a text that should be an amount is not one
├── RuleFileError               a rule, chart or allocation file breaks the language
├── SourceError                 the world outside did not deliver (exit code 3)
│   ├── ConnectionMissingError
│   ├── SourceUnreachableError  transient: worth a retry
│   ├── SourceRefusedError      credentials or scope
│   ├── SourceAnswerError       it answered, but not with what was asked
│   └── DocumentUnreadableError
├── IntegrityError              stored bytes, hashes or sums disagree: stop at once
│   ├── HashMismatchError
│   ├── ConservationError
│   └── UnbalancedEntryError
└── StateError                  the ledger is not in the state that the step needs
    ├── PeriodClosedError
    ├── NotReadyError
    └── SegregationError
        └── ConfirmationError

A message names the thing, what was expected, what was found (with units) and what to do next.
"""


class TieoutError(Exception):
    """Root of everything that tieout raises on purpose; `str()` is one sentence for a person."""


class UsageError(TieoutError):
    """The request itself is wrong; nothing was done."""


class PeriodFormatError(UsageError):
    """A text that should name an accounting month does not."""


class UnknownPluginError(UsageError):
    """No provider, invoice format, method or export of that name exists."""


class UnknownSubjectError(UsageError):
    """No ledger line, document, run or entry has that id."""


class SettingError(UsageError):
    """A setting of the deployment is missing or cannot be used."""


class MoneyFormatError(TieoutError):
    """A text that should be a decimal amount is not one."""


class RuleFileError(TieoutError):
    """A rule, chart, initiative or allocation file breaks its language; names file and place."""


class SourceError(TieoutError):
    """A provider or a file from outside did not deliver what was asked."""


class ConnectionMissingError(SourceError):
    """No connection of that name is configured."""


class SourceUnreachableError(SourceError):
    """No answer, a time-out, a throttle or a server error: worth a retry."""


class SourceRefusedError(SourceError):
    """The provider refused the credentials or their scope: a retry will not help."""


class SourceAnswerError(SourceError):
    """The provider answered with something else than its contract says."""


class DocumentUnreadableError(SourceError):
    """A file from outside is truncated, too large, or not the document it should be."""


class ToolMissingError(TieoutError):
    """The machine lacks a library that a form of output needs; the figures are not affected."""


class IntegrityError(TieoutError):
    """Stored bytes, hashes or sums disagree; nothing may be published on top of it."""


class HashMismatchError(IntegrityError):
    """A stored file no longer has the content that its name promises."""


class ConservationError(IntegrityError):
    """Parts do not add up to the whole, to the last unit."""


class UnbalancedEntryError(IntegrityError):
    """Debits and credits of a journal entry differ."""


class StateError(TieoutError):
    """The ledger is not in the state that the step needs."""


class PeriodClosedError(StateError):
    """Something tried to enter a period that takes no entries any more."""


class NotReadyError(StateError):
    """An input of the step is not there yet."""


class SegregationError(StateError):
    """One person tried to hold two duties that must be held by two."""


class ConfirmationError(SegregationError):
    """A decision came without the confirmation of exactly that decision by that person."""
