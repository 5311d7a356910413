"""Chart of accounts, journal entries and the trial balance: what an accountant posts, in cents."""
