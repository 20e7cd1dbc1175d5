"""The torture bench: real processes, faults by seed, a judge that reads only the sandbox's record."""
