"""The work behind the doorbell: the only code that joins deciders, words, wire and rows."""
