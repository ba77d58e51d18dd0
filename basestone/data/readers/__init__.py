"""One reader for each kind of source. It opens the user's files and yields rows; it neither decodes nor splits."""
