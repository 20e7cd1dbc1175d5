"""Who changed what: one row for every change that a person made, written in the transaction of the change."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from store.database import Base, Id, Moment

MOST = 200


class Change(Base):
    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    at: Mapped[datetime] = mapped_column(Moment)
    who: Mapped[str]
    what: Mapped[str]  # module.published, staff.role, …
    subject: Mapped[str]  # module:diet, staff:kim@example.kr, delivery:12
    before: Mapped[Any] = mapped_column(JSON(none_as_null=True), nullable=True)
    after: Mapped[Any] = mapped_column(JSON(none_as_null=True), nullable=True)

    __table_args__ = (Index("ix_audit_subject", "subject", "id"),)


def note(
    session: Session, now: datetime, who: str, what: str, subject: str, before: Any = None, after: Any = None
) -> None:
    session.add(Change(at=now, who=who, what=what, subject=subject, before=before, after=after))


def listed(session: Session, subject: str = "", before_id: int | None = None, most: int = MOST) -> list[Change]:
    """The newest first; of one subject, and older than a row, if so wished."""
    query = select(Change).order_by(Change.id.desc()).limit(most)
    if subject:
        query = query.where(Change.subject == subject)
    if before_id is not None:
        query = query.where(Change.id < before_id)
    return list(session.scalars(query))
