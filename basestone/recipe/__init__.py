"""What the user wrote, and whether it can be run: YAML in, a validated ``Recipe`` or every fault at once out.

Here belong reading, merging, overriding, explaining and the rules that join two rooms' sections. What one section may
say belongs to its room (its options or its registered functions). Nothing here imports torch.
"""
