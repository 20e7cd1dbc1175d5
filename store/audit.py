"""Who changed what: one row for every change that a person made, written in the transaction of the change."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, select, update
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

    __table_args__ = (
        Index("ix_audit_subject", "subject", "id"),
        Index("ix_audit_who", "who", "id"),
        Index("ix_audit_what", "what", "id"),
    )


def note(
    session: Session, now: datetime, who: str, what: str, subject: str, before: Any = None, after: Any = None
) -> None:
    session.add(Change(at=now, who=who, what=what, subject=subject, before=before, after=after))


def listed(
    session: Session,
    subject: str = "",
    before_id: int | None = None,
    most: int = MOST,
    who: str = "",
    what: str = "",
) -> list[Change]:
    """The newest first; of one subject, person or kind of change, and older than a row, if so wished."""
    query = select(Change).order_by(Change.id.desc()).limit(most)
    for column, wanted in ((Change.subject, subject), (Change.who, who), (Change.what, what)):
        if wanted:
            query = query.where(column == wanted)
    if before_id is not None:
        query = query.where(Change.id < before_id)
    return list(session.scalars(query))


def empty(session: Session, subjects: list[str], left: str) -> None:
    """What was done and by whom stays; to what, and how it was before, goes."""
    gone = update(Change).where(Change.subject.in_(subjects)).values(subject=left, before=None, after=None)
    session.execute(gone, execution_options={"synchronize_session": False})
