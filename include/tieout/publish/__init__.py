"""The way out: published tables, evidence, and one file per ERP format under `erp/`."""
