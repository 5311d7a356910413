"""The demo deployment: `make run`, `make up` and what they need."""
