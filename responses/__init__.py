"""The words: the language that response modules are written in, and the modules that come with Maru."""
