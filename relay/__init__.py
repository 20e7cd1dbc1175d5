"""The relay: holds the sockets of bots and of the web chat, and nothing else. What was said is rows."""
