"""Documents and their labels, from a source to batches of token numbers.

The same way as images go, with a tokenizer between: read once, split by document, look for copies between the splits,
train the tokenizer on the training split alone, keep the tokens. ``dataset`` is the way in; ``splits`` holds what the
loops read: labelled documents, documents with hidden words, and an unbroken stream cut into blocks.
"""
