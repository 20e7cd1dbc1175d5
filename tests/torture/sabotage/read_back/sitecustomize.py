"""After an unclear send nobody looks whether the message arrived."""

from tests.torture.sabotage.after_import import after_import, replace

after_import("channels.channeltalk", lambda channel: replace(channel, "can_find", lambda out: False))
