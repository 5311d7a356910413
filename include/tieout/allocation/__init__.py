"""Cost pools split over initiatives by a driver, with a certificate that nothing was lost."""
