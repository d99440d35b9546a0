"""`wastelens fleet`: a simulated city of phones against a real server, and what becomes of a bad release."""
