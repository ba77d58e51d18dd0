"""How a language model replies to what it must not, may and should answer, by a judge that is itself judged.

Replies come as records from the door that asked for them; what is asked belongs to ``data.probes``.
"""
