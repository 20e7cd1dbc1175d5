"""Channels: can we trust it, and what does it look like on the wire? One file per platform."""

from types import ModuleType

from channels import alert, channeltalk, email, webchat, webex

__all__ = ["CHANNELS", "alert"]

CHANNELS: dict[str, ModuleType] = {"channeltalk": channeltalk, "email": email, "webchat": webchat, "webex": webex}
