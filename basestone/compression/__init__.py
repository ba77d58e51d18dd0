"""A model made smaller and faster: what is taken out of it, how it is quantized and exported, and what runs it.

Networks come in as modules with example inputs; training them again (``training.fit``) and restoring them is the
door's business. Importing the room is cheap; torch-pruning, NNCF, ONNX Runtime and OpenVINO come with the extra
``compress`` and are imported by the functions that need them, with their telemetry off.
"""
