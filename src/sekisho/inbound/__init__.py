"""Mail on its way in: warnings about impersonation and phishing, and the answer to "is this mail genuine?".

Who may enter: worker, panel, command line. What it must never do: fetch anything a message names, run or show its
content. `lookalike.examine` is the one judgement of whom a message names and who it is from; `reasons.words` says it
to people.
"""
