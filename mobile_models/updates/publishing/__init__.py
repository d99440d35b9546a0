"""The publisher's side: from what is desired to files that phones can trust."""
