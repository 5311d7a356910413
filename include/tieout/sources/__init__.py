"""The way in: provider reports and billing documents become raw bytes, then plain tables."""
