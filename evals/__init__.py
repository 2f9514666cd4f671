"""The project's own simulated hosting company, its scorer and the simple rules it is compared with.

Nobody's real mail was used: every number of people's and hijackers' behaviour is a constant beside its basis, a paper
or the word "assumed". Nothing here imports the engine; it is run as `sekisho evaluate` like by any operator.
"""
