"""What a language model is asked to see how it behaves: banks of requests, and replies that people have labelled.

Requests name risks and hold nothing that is itself harmful. How replies are judged belongs to ``measures.safety``.
"""
