"""Usage times a dated rate card gives an estimated charge; what has no price becomes a finding."""
