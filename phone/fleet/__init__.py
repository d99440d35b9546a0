"""A simulated city of phones against a real server.

Real: every byte travels over HTTP, every signature and digest is verified by the reference client's own functions, the
cohorts, the conditions and what is refused. Simulated: the calendar (a day takes seconds), the residents, the networks'
faults, the wrong clocks, and what loading a model does on a light phone, which has no LiteRT and takes it from the
scenario. Full phones run the reference client whole.
"""
