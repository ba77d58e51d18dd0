"""The corridor: one door a stage, named by a verb.

A door says in which order things happen and hands values from one room to the next; it computes nothing itself. Doors
import the rooms inside their functions, so that a run in which nothing changed never waits for torch.
"""
