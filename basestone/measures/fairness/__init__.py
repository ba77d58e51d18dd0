"""Who is served alike: rates by group, selection by group, and decisions that must not follow a person's identity."""
