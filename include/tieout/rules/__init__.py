"""The rule language: read rule and register files, give every attribute tuple its dimensions."""
