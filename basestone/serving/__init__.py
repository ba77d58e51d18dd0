"""A model that answers over the network, with people in charge of it. Nothing here imports torch.

What belongs here: whether a run may be served (``gate``), the Open Inference Protocol v2 over REST (``app``) and gRPC
(``grpc``), who is turned away at the door (``turnstile``), the queue in front of the model (``batcher``) and the
process that runs it (``worker``), when an answer is left to people (``safety``), what a filter keeps back (``sieve``),
their queue and its hash-chained log (``log``, ``review``, ``exchange``), whether inputs
are still like those of the audit (``drift``, ``watch``), the stop switch (``stop``), and the drills that show that all
of it works (``drills``). What a model's inputs mean, and which file runs
it, are values that the doors ``lifecycle/serve.py`` and ``lifecycle/drill.py`` pass in.
"""
