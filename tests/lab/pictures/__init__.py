"""A record as a timeline, as lines, as figures, in text or as SVG; a terminal as SVG."""
