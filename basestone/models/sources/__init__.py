"""The libraries that architectures and pretrained weights come from, one a file; nothing is downloaded unless asked."""
