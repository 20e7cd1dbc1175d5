"""Settings: from the environment, .env and API_key.json; loud when wrong."""

import json
from pathlib import Path

import pytest

import settings
from settings import Wrong, load


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "eighty"),
        ("PORT", "70000"),
        ("PORT", "0"),
        ("WORKERS", "0"),
        ("TIMEZONE", "Asia/Soul"),
        ("LOCALE", "kr"),
        ("LOG_LEVEL", "loud"),
        ("SANDBOX", "maybe"),
        ("SPOOL", "perhaps"),
        ("RETENTION_DAYS", "-1"),
        ("BASE_URL", "http://maru.example.kr"),
        ("BASE_URL", "https://maru.example.kr/path"),
        ("BASE_URL", "maru.example.kr"),
        ("CHANNELTALK_API_URL", "http://api.channel.io"),
        ("CHANNELTALK_API_URL", "https://api.channel.io/open/v5"),
        ("SNS_BASE_URL", "https://example.com"),
        ("GOOGLE_CERTS_URL", "https://example.com/certs"),
        ("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/account.json"),
        ("GOOGLE_CHAT_AUDIENCE", "maru.example.kr/hooks/google_chat"),
        ("GOOGLE_CHAT_PROJECT_NUMBER", "maru-project"),
        ("SNS_TOPIC_ARNS", "ops-alarms"),
        ("DATABASE_URL", "mysql://localhost/maru"),
        ("REDIS_URL", "http://localhost"),
        ("SENTRY_DSN", "https://sentry.example.com"),
        ("SENTRY_TRACES_SAMPLE_RATE", "2"),
        ("HOME_COMPANY", "우리 회사"),
        ("SMTP_TLS", "yes"),
        ("SMTP_PORT", "smtp"),
        ("SMTP_URL", "smtps://smtp.example.kr"),
        ("SMTP_URL", "smtp.example.kr:587"),
        ("SEND_MAIL", "마루"),
        ("RECEIVE_MAIL", "ops@example.kr, 마루"),
        ("CHANNELTALK_BOT_NAME", "a@b"),
    ],
)
def test_a_wrong_value_is_named_in_one_line(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(Wrong) as wrong:
        load({name: value}, tmp_path)
    assert str(wrong.value).startswith(f"{name}:")
    assert "\n" not in str(wrong.value)


def test_everything_has_a_default(tmp_path: Path) -> None:
    found = load({}, tmp_path)
    assert (found.port, found.locale, str(found.timezone), found.workers) == (8000, "ko", "Asia/Seoul", 2)
    assert found.database_url == f"sqlite:///{tmp_path / 'var' / 'maru.sqlite3'}"
    assert found.embedded_redis


def test_the_environment_wins_over_env_file_and_api_key_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=8100\nCHANNELTALK_ACCESS_KEY=from-env-file\n")
    kept = {"channeltalk": {"access_key": "from-key-file", "access_secret": "s" * 8}}
    (tmp_path / "API_key.json").write_text(json.dumps(kept))
    found = load({"PORT": "8200"}, tmp_path)
    assert found.port == 8200
    assert found.channels["channeltalk"]["access_key"] == "from-env-file"
    assert found.channels["channeltalk"]["access_secret"] == "s" * 8


def test_the_first_version_s_flat_key_file_still_works(tmp_path: Path) -> None:
    (tmp_path / "API_key.json").write_text('{"x-access-key": "key", "x-access-secret": "secret"}')
    talk = load({}, tmp_path).channels["channeltalk"]
    assert (talk["access_key"], talk["access_secret"]) == ("key", "secret")


@pytest.mark.parametrize(
    "content",
    ['{"chaneltalk": {}}', '{"channeltalk": {"acces_key": "x"}}', "[1]", "{", '{"channeltalk": {"access_key": 1.5}}'],
)
def test_a_wrong_key_file_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / "API_key.json").write_text(content)
    with pytest.raises(Wrong, match="API_key.json"):
        load({}, tmp_path)


def test_a_misspelt_key_gets_a_hint(tmp_path: Path) -> None:
    (tmp_path / "API_key.json").write_text('{"chaneltalk": {}}')
    with pytest.raises(Wrong, match="did you mean 'channeltalk'"):
        load({}, tmp_path)


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret-of-the-shop\n")
    given = {"CHANNELTALK_ACCESS_KEY": "k", "CHANNELTALK_ACCESS_SECRET_FILE": str(tmp_path / "secret")}
    assert load(given, tmp_path).channels["channeltalk"]["access_secret"] == "s3cret-of-the-shop"


def test_a_key_without_its_secret_is_told(tmp_path: Path) -> None:
    with pytest.raises(Wrong, match="CHANNELTALK_ACCESS_SECRET"):
        load({"CHANNELTALK_ACCESS_KEY": "k"}, tmp_path)


def test_the_first_version_s_names_are_understood(tmp_path: Path) -> None:
    given = {
        "SERVER_PORT": "9000",
        "REDIS_HOST": "cache",
        "DB_USER": "maru",
        "DB_PASSWROD": "p@ss/word",
        "DB_HOST": "db",
        "DB_NAME": "shop",
    }
    found = load(given, tmp_path)
    assert found.port == 9000
    assert found.redis_url == "redis://cache:6379"
    assert found.database_url == "postgresql+psycopg://maru:p%40ss%2Fword@db:5432/shop"
    assert found.renamed["DB_PASSWROD"] == "DATABASE_URL"


def test_every_secret_is_known_to_be_one(tmp_path: Path) -> None:
    given = {
        "SECRET_KEY": "a-secret-key-of-ours",
        "CHANNELTALK_ACCESS_KEY": "access-key-1",
        "CHANNELTALK_ACCESS_SECRET": "access-secret-1",
        "CHANNELTALK_WEBHOOK_TOKENS": "token-one,token-two",
        "DATABASE_URL": "postgresql://maru:database-password@db/maru",
        "REDIS_URL": "redis://:redis-password@cache:6379",
        "METRICS_TOKEN": "metrics-token-1",
    }
    secrets = set(load(given, tmp_path).secrets())
    wanted = {"a-secret-key-of-ours", "access-key-1", "access-secret-1", "token-one", "token-two"}
    assert wanted | {"database-password", "redis-password", "metrics-token-1"} <= secrets


def test_the_example_has_every_section_and_no_unknown_key(tmp_path: Path) -> None:
    example = json.loads((settings.ROOT / "API_key.json.example").read_text(encoding="utf8"))
    assert set(example) == {channel for channel, keys in settings.CHANNEL_KEYS.items() if keys}
    (tmp_path / "API_key.json").write_text(json.dumps(example))
    load({}, tmp_path)


@pytest.mark.parametrize(
    ("given", "tls", "port"),
    [
        ({}, "starttls", "587"),
        ({"SMTP_TLS": "SSL"}, "ssl", "465"),
        ({"SMTP_TLS": "none"}, "none", "25"),
        ({"SMTP_PORT": "465"}, "ssl", "465"),
        ({"SMTP_PORT": "2525"}, "starttls", "2525"),
    ],
)
def test_how_mail_is_encrypted_and_its_port_follow_from_each_other(
    tmp_path: Path, given: dict[str, str], tls: str, port: str
) -> None:
    found = load({"SMTP_URL": "smtp.example.kr", **given}, tmp_path).channels["email"]
    assert (found["smtp_tls"], found["smtp_port"]) == (tls, port)
