"""Meeting rooms: /예약 회의실 10:00~11:00, /예약목록, /예약취소. Kept in one SQLite file."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, time

from maru import Ask, Bot, Button, Reply, TimeSpan

ROOMS = ("회의실", "큰회의실", "창가방")
PLACE = os.environ.get("ROOMS_DB", "rooms.sqlite3")

bot = Bot()


@contextmanager
def kept() -> Iterator[sqlite3.Connection]:
    """One change at a time: who asks first gets the room."""
    connection = sqlite3.connect(PLACE, timeout=10, isolation_level=None)
    try:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS bookings (id INTEGER PRIMARY KEY, ask TEXT UNIQUE, room TEXT, day TEXT,"
            " begins TEXT, ends TEXT, who TEXT, name TEXT)"
        )
        connection.execute("BEGIN IMMEDIATE")
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    finally:
        connection.close()


@bot.command("/예약", help="회의실을 예약합니다")
def reserve(ask: Ask, room: str, span: TimeSpan, day: date | None = None) -> str | Reply:
    """Books a room, today unless another day is said."""
    today = ask.asked_at.date()  # theirs: the bot's own host may be elsewhere
    if room not in ROOMS:
        return ask.t(f"‘{room}’ 방은 없어요. {', '.join(ROOMS)} 중에서 골라 주세요.", f"Rooms: {', '.join(ROOMS)}")
    if span.end <= span.begin and span.end != time(0):
        return ask.t("끝나는 시각이 시작보다 빨라요.", "It would end before it begins.")
    on = (day or today).isoformat()
    begins, ends = f"{span.begin:%H:%M}", f"{span.end:%H:%M}" if span.end != time(0) else "24:00"
    with kept() as db:
        # Should this very ask come again after a crash, the booking is there already.
        mine = db.execute("SELECT id FROM bookings WHERE ask = ?", (ask.id,)).fetchone()
        taken = (
            None
            if mine
            else db.execute(
                "SELECT begins, ends, name FROM bookings WHERE room = ? AND day = ? AND begins < ? AND ends > ?",
                (room, on, ends, begins),
            ).fetchone()
        )
        if taken:
            when, name = f"{taken[0]}~{taken[1]}", taken[2]
            said = f"{room}은 {when}에 {f'{name}님이 쓰세요' if name else '이미 찼어요'}."
            return ask.t(said, f"{room} is taken {when}{f' by {name}' if name else ''}.")
        if not mine:
            row = (ask.id, room, on, begins, ends, ask.user.id, ask.user.name)
            words = "INSERT INTO bookings (ask, room, day, begins, ends, who, name) VALUES (?, ?, ?, ?, ?, ?, ?)"
            mine = (db.execute(words, row).lastrowid,)
    cancel = Button(ask.t("취소", "Cancel"), say=f"/예약취소 {mine[0]}")
    return Reply(ask.t(f"{room} {span} 예약했습니다", f"{room} is yours {span}"), buttons=[cancel])


@bot.command("/예약목록", help="오늘의 예약을 보여 드려요")
def bookings(ask: Ask, day: date | None = None) -> str:
    on = day or ask.asked_at.date()
    with kept() as db:
        rows = db.execute(
            "SELECT id, room, begins, ends, name FROM bookings WHERE day = ? ORDER BY room, begins", (on.isoformat(),)
        ).fetchall()
    if not rows:
        return ask.t(f"{on:%m월 %d일}에는 예약이 없어요.", f"Nothing is booked on {on:%m-%d}.")
    return "\n".join(f"{id}. {room} {begins}~{ends} {name}".rstrip() for id, room, begins, ends, name in rows)


@bot.command("/예약취소", help="내 예약을 취소해요")
def cancel(ask: Ask, number: int) -> str:
    with kept() as db:
        row = db.execute("SELECT who, room, begins, ends FROM bookings WHERE id = ?", (number,)).fetchone()
        if row is None:
            return ask.t(f"{number}번 예약은 없어요.", f"There is no booking {number}.")
        if row[0] != ask.user.id:
            return ask.t("다른 분의 예약이에요.", "It is somebody else's.")
        db.execute("DELETE FROM bookings WHERE id = ?", (number,))
    return ask.t(f"{row[1]} {row[2]}~{row[3]} 예약을 취소했어요.", f"{row[1]} {row[2]}~{row[3]} is free again.")


if __name__ == "__main__":
    bot.run()
