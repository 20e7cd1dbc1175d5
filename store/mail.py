"""Profiles of mail: the servers and senders that staff keep by name, beside the one of the settings."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from store.database import Base, Id, Moment
from store.sealing import Seal

DEFAULT = "default"  # the profile that the settings are
PURPOSE = "mail profile"


class MailProfile(Base):
    __tablename__ = "mail_profiles"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    host: Mapped[str]
    port: Mapped[int]
    tls: Mapped[str]  # starttls, ssl, none
    address: Mapped[str]
    sender: Mapped[str] = mapped_column(default="")  # the name beside the address
    login: Mapped[str] = mapped_column(default="")  # where it is not the address
    sealed_password: Mapped[str] = mapped_column(default="")
    updated_at: Mapped[datetime] = mapped_column(Moment)
    updated_by: Mapped[str] = mapped_column(default="")

    def shown(self) -> dict[str, Any]:
        """All but the password, as pages and the audit have it."""
        kept = {key: getattr(self, key) for key in ("host", "port", "tls", "address", "sender", "login")}
        return kept | {"password": bool(self.sealed_password)}


def listed(session: Session) -> Sequence[MailProfile]:
    return session.scalars(select(MailProfile).order_by(MailProfile.name)).all()


def find(session: Session, name: str) -> MailProfile | None:
    return session.scalars(select(MailProfile).where(MailProfile.name == name)).first()


def save(
    session: Session, name: str, values: Mapping[str, Any], password: str | None, key: str, now: datetime, who: str
) -> MailProfile:
    """Make it, or change it. `password`: None leaves the one that is kept."""
    profile = find(session, name)
    if profile is None:
        profile = MailProfile(name=name, sealed_password="")
        session.add(profile)
    for field, value in values.items():
        setattr(profile, field, value)
    if password is not None:
        profile.sealed_password = Seal(PURPOSE, key).close(password) if password else ""
    profile.updated_at, profile.updated_by = now, who
    session.flush()
    return profile


def remove(session: Session, name: str) -> bool:
    gone = session.execute(delete(MailProfile).where(MailProfile.name == name))
    return bool(gone.rowcount)  # type: ignore[attr-defined]


def password(profile: MailProfile, key: str) -> str | None:
    """None when it cannot be read: SECRET_KEY is another one than when it was typed in."""
    if not profile.sealed_password:
        return ""
    return Seal(PURPOSE, key).open(profile.sealed_password) or None
