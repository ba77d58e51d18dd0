"""Personal data in texts: a detector by rules, the trial that measures it, what it finds in a corpus and in outputs.

The detector looks for what has a form of its own: addresses, numbers, plates. Names and places have none and are not
looked for. What it misses is measured on planted texts and reckoned with (``screening``), never taken for nothing.
"""
