"""How we stand with each platform: calls that we refused in a row, and what the clock found when it asked.

ChannelTalk stops calling for good after a hundred refusals: a changed token must be noticed long before.
"""

import threading
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

import logs
from store import database
from store.database import Base, Moment, is_sqlite

SUSPICIOUS = 5  # refusals in a row
ELASTICSEARCH = "elasticsearch"  # no channel, but asked like one


class Standing(Base):
    __tablename__ = "standings"

    channel: Mapped[str] = mapped_column(primary_key=True)
    refused: Mapped[int] = mapped_column(default=0)  # in a row
    trouble: Mapped[str] = mapped_column(default="")
    checked_at: Mapped[datetime | None] = mapped_column(Moment)


def get(session: Session, channel: str) -> Standing | None:
    return session.get(Standing, channel, populate_existing=True)


def checked(session: Session, channel: str, trouble: str, now: datetime) -> bool:
    """Note what asking the platform told; True when that is news."""
    row = _row(session, channel)
    news = row.trouble != trouble
    row.trouble, row.checked_at = trouble, now
    return news


def _row(session: Session, channel: str) -> Standing:
    insert = (sqlite if is_sqlite(session) else postgresql).insert(Standing)
    session.execute(insert.values(channel=channel, refused=0, trouble="").on_conflict_do_nothing())
    found = select(Standing).where(Standing.channel == channel).execution_options(populate_existing=True)
    return session.scalars(found.with_for_update()).one()


class Knocks:
    """Of one web process: refusals since the last genuine call. Told to the database at most once a second by
    `tell`, so that a flood of forged calls costs no write each."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._refused: dict[str, int] = {}
        self._genuine: set[str] = set()

    def refused(self, channel: str) -> None:
        with self._lock:
            self._refused[channel] = self._refused.get(channel, 0) + 1

    def genuine(self, channel: str) -> None:
        with self._lock:
            self._refused.pop(channel, None)
            self._genuine.add(channel)

    def tell(self) -> None:
        with self._lock:
            refused, genuine = self._refused, self._genuine
            self._refused, self._genuine = {}, set()
        try:
            for channel in refused.keys() | genuine:
                self._tell(channel, channel in genuine, refused.get(channel, 0))
        except Exception:
            with self._lock:  # what came meanwhile is newer; older refusals count only if nothing genuine came
                for channel in refused.keys() - self._genuine:
                    self._refused[channel] = self._refused.get(channel, 0) + refused[channel]
                self._genuine |= genuine
            raise

    def _tell(self, channel: str, genuine: bool, refused: int) -> None:
        if not refused:
            with database.reading() as session:  # mostly there is nothing to take back
                known = get(session, channel)
                if known is None or not known.refused:
                    return
        with database.writing() as session:
            row = _row(session, channel)
            before, row.refused = row.refused, (0 if genuine else row.refused) + refused
            after = row.refused
        if before < SUSPICIOUS <= after:
            logs.error("hook.refusals", channel=channel, in_a_row=after)
        elif before >= SUSPICIOUS > after:
            logs.say("hook.accepted_again", channel=channel)


def trouble(session: Session, channel: str) -> str:
    """In words; '' = none known."""
    row = get(session, channel)
    if row is None:
        return ""
    refusals = f"{row.refused} calls in a row were refused: the token may have changed"
    return "; ".join(words for words in (refusals if row.refused >= SUSPICIOUS else "", row.trouble) if words)
