"""Speed that can be shown: each promised figure beside what it is promised against, measured in one run.

Belongs here: rows (one module each in `rows/`, discovered), and the frame that measures and prints them.
Does not belong here: tests; no figure fails anything. Only outputs that are not equal do.

Nothing imports this package. Data are generated with a seed into a folder that is deleted afterwards.
"""
