"""What a model tells of the data that it was trained on: who was among them, and what it says of them word for word.

Attacks are measured, not argued about: shadow models, canaries and known text come as records from the door that made
them. Training privately belongs to ``training``.
"""
