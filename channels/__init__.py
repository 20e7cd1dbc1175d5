"""Channels: can we trust it, and what does it look like on the wire? One file per platform."""

from types import ModuleType

from channels import alert, channeltalk, email, google_chat, sns, telegram, webchat, webex

__all__ = ["CHANNELS", "alert"]

CHANNELS: dict[str, ModuleType] = {
    "channeltalk": channeltalk,
    "email": email,
    "webex": webex,
    "telegram": telegram,
    "google_chat": google_chat,
    "sns": sns,
    "webchat": webchat,
}
