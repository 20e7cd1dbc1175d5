"""What is done to the house, by its name in a plan. All from outside: signals, locks, a full disk."""

import os
import shutil
import signal
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field

from tests.house import eventually
from tests.torture.database import DECIDERS, SENDERS, Away, Postgres
from tests.torture.ground import EVERYDAY
from tests.torture.plan import Injection
from tests.torture.scene import Scene


@dataclass
class Done:
    """One injection, and when it hurt (real time)."""

    injection: Injection
    began: float = 0.0
    ended: float = 0.0
    hit: str = ""
    error: BaseException | None = None
    thread: threading.Thread = field(init=False)


def launch(scene: Scene) -> list[Done]:
    """Each injection waits for its moment in a thread of its own."""
    found = []
    for injection in scene.plan.injections:
        done = Done(injection)
        done.thread = threading.Thread(target=_run, args=(scene, done), name=injection.do, daemon=True)
        done.thread.start()
        found.append(done)
    return found


def _run(scene: Scene, done: Done) -> None:
    chat = scene.wait_for(done.injection.when)
    done.began = time.time()
    try:
        DO[done.injection.do](scene, done, chat)
    except BaseException as error:  # handed to the run, which ends with it
        done.error = error
    finally:
        done.ended = done.ended or time.time()


def _last(seconds: float) -> None:
    """A fault lasts this long, whatever the house does meanwhile."""
    threading.Event().wait(seconds)


# --- processes ---


def _holder(scene: Scene, sql: str, chat: str) -> str:
    """The part that holds a row just now; the first worker when none does any more."""
    try:
        rows = scene.ground.outside.ask(sql.format(event=scene.base_event, delivery=scene.base_delivery, chat=chat))
    except Away:
        rows = []
    parts = [scene.ground.part_of(int(pid)) for (pid,) in rows]
    return next((part for part in parts if part), "worker 1")


def _target(scene: Scene, done: Done, chat: str) -> str:
    named = done.injection.target
    if named in ("sender", "decider"):
        named = _holder(scene, SENDERS if named == "sender" else DECIDERS, chat)
    done.hit = named
    return named


def _kill(scene: Scene, done: Done, names: list[str]) -> None:
    for name in names:
        scene.ground.hit(name, signal.SIGKILL)
    done.ended = time.time()
    _last(done.injection.back)
    for name in names:
        scene.ground.start(name)


def _kill_target(scene: Scene, done: Done, chat: str) -> None:
    _kill(scene, done, [_target(scene, done, chat)])


def _kill_workers(scene: Scene, done: Done, chat: str) -> None:
    _kill(scene, done, ["worker 1", "worker 2"])


def _kill_everything(scene: Scene, done: Done, chat: str) -> None:
    """As when the power goes, save for the disk."""
    _kill(scene, done, list(EVERYDAY))


def _kill_web(scene: Scene, done: Done, chat: str) -> None:
    _kill(scene, done, ["web"])


def _kill_clock(scene: Scene, done: Done, chat: str) -> None:
    _kill(scene, done, ["clock"])


def _term(scene: Scene, done: Done, name: str) -> None:
    scene.ground.stop(name)
    done.ended = time.time()
    _last(done.injection.back)
    scene.ground.start(name)


def _term_worker(scene: Scene, done: Done, chat: str) -> None:
    _term(scene, done, _target(scene, done, chat))


def _term_web(scene: Scene, done: Done, chat: str) -> None:
    _term(scene, done, "web")


def _freeze(scene: Scene, done: Done, name: str) -> None:
    scene.ground.hit(name, signal.SIGSTOP)
    _last(done.injection.seconds)
    scene.ground.hit(name, signal.SIGCONT)


def _freeze_target(scene: Scene, done: Done, chat: str) -> None:
    _freeze(scene, done, _target(scene, done, chat))


def _freeze_clock(scene: Scene, done: Done, chat: str) -> None:
    _freeze(scene, done, "clock")


def _kill_web_child(scene: Scene, done: Done, chat: str) -> None:
    child = scene.ground.web_child(scene.plan.seed)
    with suppress(ProcessLookupError):
        if child:
            os.kill(child, signal.SIGKILL)


def _freeze_web_child(scene: Scene, done: Done, chat: str) -> None:
    child = scene.ground.web_child(scene.plan.seed)
    with suppress(ProcessLookupError):
        if child:
            os.kill(child, signal.SIGSTOP)
            _last(done.injection.seconds)
            os.kill(child, signal.SIGCONT)


def _more(scene: Scene, done: Done, names: list[str]) -> None:
    """They come, work beside the others, and are killed."""
    for name in names:
        scene.ground.start(name)
    _last(done.injection.seconds)
    for name in names:
        scene.ground.hit(name, signal.SIGKILL)


def _third_worker(scene: Scene, done: Done, chat: str) -> None:
    _more(scene, done, ["worker 3"])


def _three_clocks(scene: Scene, done: Done, chat: str) -> None:
    _more(scene, done, ["clock 2", "clock 3"])


# --- Redis ---


def _redis_kill(scene: Scene, done: Done, chat: str) -> None:
    scene.ground.hit("redis", signal.SIGKILL)
    _last(done.injection.back)
    scene.ground.start("redis")


def _redis_lose(scene: Scene, done: Done, chat: str) -> None:
    """It dies and its file with it."""
    scene.ground.hit("redis", signal.SIGKILL)
    shutil.rmtree(scene.ground.house.folder / "appendonlydir", ignore_errors=True)
    _last(done.injection.back)
    scene.ground.start("redis")


def _redis_flush(scene: Scene, done: Done, chat: str) -> None:
    from redis import Redis

    import settings

    with Redis.from_url(settings.load(scene.ground.house.env).redis_url, socket_timeout=5) as redis:
        redis.flushall()


def _redis_freeze(scene: Scene, done: Done, chat: str) -> None:
    _freeze(scene, done, "redis")


# --- database and disk ---


def _db_lock(scene: Scene, done: Done, chat: str) -> None:
    with scene.ground.outside.locked():
        done.began = time.time()
        _last(done.injection.seconds)


def _postgres(scene: Scene) -> Postgres:
    assert isinstance(scene.ground.outside, Postgres)
    return scene.ground.outside


def _db_outage(scene: Scene, done: Done, how: signal.Signals) -> None:
    server = _postgres(scene)
    server.stop(how)
    _last(done.injection.seconds)
    server.start()


def _db_stop(scene: Scene, done: Done, chat: str) -> None:
    _db_outage(scene, done, signal.SIGINT)


def _db_crash(scene: Scene, done: Done, chat: str) -> None:
    _db_outage(scene, done, signal.SIGQUIT)


def _db_terminate(scene: Scene, done: Done, chat: str) -> None:
    _postgres(scene).terminate()


def _disk_full(scene: Scene, done: Done, chat: str) -> None:
    """Neither the database nor the spool can record: hooks are refused, and the platform comes again."""
    with ExitStack() as undo:
        scene.ground.fill_disk()
        undo.callback(scene.ground.free_disk)
        undo.enter_context(scene.ground.outside.locked())
        _last(done.injection.seconds)


# --- time ---


def _jump_forward(scene: Scene, done: Done, chat: str) -> None:
    scene.ground.move_clock(done.injection.seconds)


def _jump_back(scene: Scene, done: Done, chat: str) -> None:
    scene.ground.move_clock(-done.injection.seconds)


DO: dict[str, Callable[[Scene, Done, str], None]] = {
    "kill_worker": _kill_target,
    "kill_sender": _kill_target,
    "kill_workers": _kill_workers,
    "kill_everything": _kill_everything,
    "kill_web": _kill_web,
    "kill_web_child": _kill_web_child,
    "kill_clock": _kill_clock,
    "term_worker": _term_worker,
    "term_web": _term_web,
    "freeze_worker": _freeze_target,
    "freeze_sender": _freeze_target,
    "freeze_web_child": _freeze_web_child,
    "freeze_clock": _freeze_clock,
    "third_worker": _third_worker,
    "three_clocks": _three_clocks,
    "redis_kill": _redis_kill,
    "redis_lose": _redis_lose,
    "redis_flush": _redis_flush,
    "redis_freeze": _redis_freeze,
    "db_lock": _db_lock,
    "db_stop": _db_stop,
    "db_crash": _db_crash,
    "db_terminate": _db_terminate,
    "disk_full": _disk_full,
    "jump_forward": _jump_forward,
    "jump_back": _jump_back,
}


def all_over(doing: list[Done]) -> bool:
    return not any(one.thread.is_alive() for one in doing)


def settle(doing: list[Done]) -> None:
    """Wait until everything that was broken is put right; raises what went wrong with the bench itself."""
    eventually(lambda: all_over(doing), "every injection is over", 60)
    for one in doing:
        if one.error is not None:
            raise one.error
