"""`wastelens demo`: the whole loop on one machine, with a real server, worker and phones."""
