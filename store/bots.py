"""Bots of companies: programs that connect to the relay with a key. What a bot can do it tells when it connects, and
that is kept, so that what is said to it while it is away waits for it. Companies are walls: whoever looks for a bot
names the company."""

import hashlib
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from unicodedata import normalize

from sqlalchemy import Index, delete, exists, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from store import processes
from store.database import Base, Id, Moment, is_sqlite

KEYS_AT_ONCE = 2  # while a key is being changed the old one still opens


class Bot(Base):
    __tablename__ = "bots"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    company: Mapped[str]
    name: Mapped[str]
    listens: Mapped[bool] = mapped_column(default=False)  # hears what is no command, too
    ip: Mapped[str] = mapped_column(default="")
    sdk: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(Moment)
    hello_at: Mapped[datetime | None] = mapped_column(Moment)  # it has told what it can do
    seen_at: Mapped[datetime | None] = mapped_column(Moment)
    revoked_at: Mapped[datetime | None] = mapped_column(Moment)

    __table_args__ = (Index("ux_bots", "company", "name", unique=True),)


class Key(Base):
    __tablename__ = "bot_keys"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    bot_id: Mapped[int] = mapped_column(Id, index=True)
    digest: Mapped[str] = mapped_column(unique=True)  # SHA-256 of the key, which nobody keeps
    ending: Mapped[str] = mapped_column(default="")  # its last letters, to tell two apart
    made_at: Mapped[datetime] = mapped_column(Moment)
    used_at: Mapped[datetime | None] = mapped_column(Moment)
    revoked_at: Mapped[datetime | None] = mapped_column(Moment)


class Command(Base):
    """A company has each command once: the first bot to tell it keeps it."""

    __tablename__ = "bot_commands"

    company: Mapped[str] = mapped_column(primary_key=True)
    folded: Mapped[str] = mapped_column(primary_key=True)
    bot_id: Mapped[int] = mapped_column(Id, index=True)
    name: Mapped[str]
    help: Mapped[str] = mapped_column(default="")
    usage: Mapped[str] = mapped_column(default="")
    guests: Mapped[bool] = mapped_column(default=False)
    since: Mapped[datetime] = mapped_column(Moment)


class Socket(Base):
    """A bot's open connection. It is there as long as its relay's heart beats."""

    __tablename__ = "bot_sockets"

    id: Mapped[str] = mapped_column(primary_key=True)
    bot_id: Mapped[int] = mapped_column(Id, index=True)
    key_id: Mapped[int] = mapped_column(Id)
    relay: Mapped[str]  # the id of its process
    ip: Mapped[str] = mapped_column(default="")
    sdk: Mapped[str] = mapped_column(default="")
    since: Mapped[datetime] = mapped_column(Moment)
    seen_at: Mapped[datetime] = mapped_column(Moment)
    draining: Mapped[bool] = mapped_column(default=False)  # it is given nothing more


def folded(name: str) -> str:
    return "".join(normalize("NFKC", name).split()).casefold().lstrip("/")


# --- bots and their keys ---


def find(session: Session, company: str, name: str) -> Bot | None:
    return session.scalars(select(Bot).where(Bot.company == company, Bot.name == name)).first()


def get(session: Session, id: int) -> Bot | None:
    return session.get(Bot, id)


def hold(session: Session, id: int) -> Bot | None:
    """Locked to the end of the transaction."""
    return session.get(Bot, id, with_for_update=True, populate_existing=True)


def add(session: Session, company: str, name: str, now: datetime) -> str | None:
    """Returns its key, which is shown once; None when there is such a bot already. One that was revoked comes back."""
    bot = find(session, company, name)
    if bot is not None and bot.revoked_at is None:
        return None
    if bot is None:
        bot = Bot(company=company, name=name, created_at=now)
        session.add(bot)
    bot.revoked_at = None
    session.flush()
    return _new_key(session, bot, now)


def _new_key(session: Session, bot: Bot, now: datetime) -> str:
    key = f"mb_{secrets.token_urlsafe(32)}"
    session.add(Key(bot_id=bot.id, digest=digest_of(key), ending=key[-4:], made_at=now))
    session.flush()
    return key


def digest_of(key: str) -> str:
    return hashlib.sha256(key.encode("utf8", "surrogatepass")).hexdigest()


def rotate(session: Session, bot: Bot, now: datetime) -> str:
    """One more key; of those before, only the latest still opens."""
    hold(session, bot.id)
    for old in keys(session, bot)[KEYS_AT_ONCE - 1 :]:
        old.revoked_at = now
    return _new_key(session, bot, now)


def revoke_key(session: Session, bot: Bot, id: int, now: datetime) -> bool:
    valid = update(Key).where(Key.id == id, Key.bot_id == bot.id, Key.revoked_at.is_(None))
    return session.execute(valid.values(revoked_at=now)).rowcount == 1  # type: ignore[attr-defined, no-any-return]


def revoke(session: Session, bot: Bot, now: datetime) -> None:
    """None of its keys opens any more; its commands are free for others."""
    bot.revoked_at = now
    session.execute(update(Key).where(Key.bot_id == bot.id, Key.revoked_at.is_(None)).values(revoked_at=now))
    session.execute(delete(Command).where(Command.bot_id == bot.id))


def keys(session: Session, bot: Bot) -> list[Key]:
    """Those that open, the newest first."""
    valid = select(Key).where(Key.bot_id == bot.id, Key.revoked_at.is_(None))
    return list(session.scalars(valid.order_by(Key.id.desc())))


def by_key(session: Session, key: str) -> tuple[Bot, Key] | None:
    """Looked up by its digest, so no comparison tells how much of a guess was right."""
    query = select(Bot, Key).join(Key, Key.bot_id == Bot.id).where(Key.digest == digest_of(key))
    found = session.execute(query.where(Key.revoked_at.is_(None), Bot.revoked_at.is_(None))).first()
    return (found[0], found[1]) if found else None


def listed(session: Session, company: str | None = None) -> list[Bot]:
    query = select(Bot).order_by(Bot.company, Bot.name)
    return list(session.scalars(query.where(Bot.company == company) if company is not None else query))


def in_use(session: Session, company: str) -> list[Bot]:
    return [bot for bot in listed(session, company) if bot.revoked_at is None]


def any_in_use(session: Session) -> bool:
    return bool(session.scalar(select(exists().where(Bot.revoked_at.is_(None)))))


# --- what they can do ---


@dataclass(frozen=True)
class Told:
    """A command as the bot tells it."""

    name: str
    help: str = ""
    usage: str = ""
    guests: bool = False


def introduce(session: Session, bot: Bot, told: Sequence[Told], listens: bool, now: datetime) -> Mapping[str, str]:
    """Keep what the bot can do. Returns, by their names, the commands that another bot has, and its name. What the bot
    does not tell any more is free."""
    bot.listens, bot.hello_at = listens, now
    wanted = {folded(one.name): one for one in told}
    gone = delete(Command).where(Command.bot_id == bot.id, Command.folded.not_in(wanted))
    session.execute(gone, execution_options={"synchronize_session": False})
    before = {row.folded: row for row in session.scalars(select(Command).where(Command.bot_id == bot.id))}
    rows = []
    for key, one in sorted(wanted.items()):
        facts = {"name": one.name, "help": one.help, "usage": one.usage, "guests": one.guests}
        if key not in before or any(getattr(before[key], name) != value for name, value in facts.items()):
            rows.append({"company": bot.company, "folded": key, "bot_id": bot.id, "since": now, **facts})
    if not rows:
        return {}  # as of a bot that comes back
    insert = (sqlite if is_sqlite(session) else postgresql).insert(Command).values(rows)
    told_anew = {name: insert.excluded[name] for name in ("name", "help", "usage", "guests")}
    mine = insert.on_conflict_do_update(
        index_elements=["company", "folded"], set_=told_anew, where=Command.bot_id == bot.id
    )
    kept = set(session.scalars(mine.returning(Command.folded)))
    taken = [key for key in sorted(wanted) if key not in before and key not in kept]
    owners = _owners_of(session, bot.company, taken) if taken else {}
    return {wanted[key].name: owners.get(key, "") for key in taken}


def _owners_of(session: Session, company: str, names: Sequence[str]) -> dict[str, str]:
    query = select(Command.folded, Bot.name).join(Bot, Bot.id == Command.bot_id)
    found = session.execute(query.where(Command.company == company, Command.folded.in_(names)))
    return {folded: name for folded, name in found}


def command(session: Session, company: str, name: str) -> Command | None:
    return session.get(Command, (company, folded(name)))


def commands(session: Session, company: str, guests_only: bool = False) -> list[Command]:
    query = select(Command).where(Command.company == company).order_by(Command.name)
    return list(session.scalars(query.where(Command.guests) if guests_only else query))


# --- who is here ---


def arrive(session: Session, socket: Socket) -> None:
    session.add(socket)
    seen = {"seen_at": socket.since, "ip": socket.ip, "sdk": socket.sdk}
    session.execute(update(Bot).where(Bot.id == socket.bot_id).values(seen))
    session.execute(update(Key).where(Key.id == socket.key_id).values(used_at=socket.since))
    session.flush()


def seen(session: Session, ids: Sequence[str], at: datetime) -> None:
    """These sockets gave a sign of life."""
    quietly = {"synchronize_session": False}
    session.execute(update(Socket).where(Socket.id.in_(ids)).values(seen_at=at), execution_options=quietly)
    theirs = select(Socket.bot_id).where(Socket.id.in_(ids))
    session.execute(update(Bot).where(Bot.id.in_(theirs)).values(seen_at=at), execution_options=quietly)


def depart(session: Session, ids: Collection[str]) -> None:
    session.execute(delete(Socket).where(Socket.id.in_(ids)))


def drain(session: Session, ids: Collection[str]) -> None:
    session.execute(update(Socket).where(Socket.id.in_(ids)).values(draining=True))


def live() -> Any:
    """The ids of sockets that are open, as a subquery."""
    return select(Socket.id).where(Socket.relay.in_(processes.alive()))


def sockets(session: Session, bot_ids: Collection[int]) -> list[Socket]:
    here = select(Socket).where(Socket.bot_id.in_(bot_ids), Socket.id.in_(live()))
    return list(session.scalars(here.order_by(Socket.since)))


def count_sockets(session: Session, bot_id: int) -> int:
    here = select(func.count()).where(Socket.bot_id == bot_id, Socket.relay.in_(processes.alive()))
    return int(session.scalar(here) or 0)


def count_open(session: Session) -> int:
    """How many bots are here, over all companies."""
    here = select(func.count(Socket.bot_id.distinct())).where(Socket.relay.in_(processes.alive()))
    return int(session.scalar(here) or 0)


def is_here(session: Session, bot_id: int) -> bool:
    here = exists().where(Socket.bot_id == bot_id, ~Socket.draining, Socket.relay.in_(processes.alive()))
    return bool(session.scalar(select(here)))


def present(session: Session, company: str) -> list[tuple[Bot, bool]]:
    """Every bot of the company that is in use, and whether it is here."""
    here = exists().where(Socket.bot_id == Bot.id, Socket.relay.in_(processes.alive()))
    rows = select(Bot, here).where(Bot.company == company, Bot.revoked_at.is_(None)).order_by(Bot.name)
    return [(bot, bool(is_here)) for bot, is_here in session.execute(rows)]


def shut(session: Session, key_ids: Collection[int]) -> set[int]:
    """Which of these keys open no more."""
    gone = select(Key.id).join(Bot, Bot.id == Key.bot_id).where(Key.id.in_(key_ids))
    return set(session.scalars(gone.where((Key.revoked_at.is_not(None)) | (Bot.revoked_at.is_not(None)))))


def forget_lost(session: Session) -> None:
    """Sockets of relays that died long ago; one that was only frozen still has its own."""
    session.execute(delete(Socket).where(Socket.relay.not_in(select(processes.Heartbeat.id))))


def oldest_silence(session: Session) -> datetime | None:
    """Since when the quietest open socket has said nothing."""
    return session.scalar(select(func.min(Socket.seen_at)).where(Socket.relay.in_(processes.alive())))
