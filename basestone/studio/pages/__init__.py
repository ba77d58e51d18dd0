"""The pages, one a file: each puts parts into the frame and keeps them as the files say."""
