"""The page in a browser: runs, their curves and verdicts, a form for a new run, a place to try a finished model.

Here belongs what shows a run folder to a person or turns a click into a call of a door. Nothing is computed here: what
a number is belongs to ``measures``, what it means to ``standard``, how it is worded to ``reporting``. Runs are
processes of their own, so that neither a page nor the server that shows it can take one down.
"""
