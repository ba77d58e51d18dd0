"""The one training loop and the one inference loop, and what makes them exact: order, state, checkpoints.

Here belongs what happens between a built model with its data and a trained model: optimizers, schedules, the order of
samples, precision, averaging, stopping, resuming, predicting. What is learned from belongs to ``data``, what is
minimised to ``objectives``, how good the outcome is to ``measures``. The loop knows none of them, only the contracts
of ``core``.
"""
