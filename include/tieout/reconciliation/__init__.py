"""Own estimate, provider report, billing document, and every difference between them by cause."""
