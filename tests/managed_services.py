"""PostgreSQL and Redis of the system as managed services are: on an address of their own, by TLS, with a password."""

import os
import secrets
import shutil
import signal
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

MAX_CONNECTIONS = 400


class Services:
    """PostgreSQL and Redis with certificates of an authority of our own."""

    def __init__(self, folder: Path, address: str) -> None:
        self.folder, self.address, self.password = folder, address, secrets.token_hex(12)
        self.processes: list[subprocess.Popen[bytes]] = []
        folder.chmod(0o755)  # PostgreSQL runs as another user, who has to pass
        self._certify()
        self._postgres()
        command = ["redis-server", "--port", "0", "--tls-port", "6379", "--bind", self.address, "--save", ""]
        command += ["--tls-cert-file", str(folder / "cert.pem"), "--tls-key-file", str(folder / "key.pem")]
        command += ["--tls-ca-cert-file", str(folder / "cert.pem"), "--tls-auth-clients", "no"]
        self.start([*command, "--requirepass", self.password, "--loglevel", "warning"])

    def _certify(self) -> None:
        made = f"subjectAltName=IP:{self.address}"
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=services"]
        command += ["-keyout", "key.pem", "-out", "cert.pem", "-addext", made]
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True)

    def _postgres(self) -> None:
        programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
        home = self.folder / "postgres"
        home.mkdir()
        (home / "password").write_text(self.password)
        for name in ("cert.pem", "key.pem"):
            shutil.copy(self.folder / name, home / name)
        (home / "key.pem").chmod(0o600)
        subprocess.run(["chown", "-R", "postgres", str(home)], check=True)
        as_postgres = ["runuser", "-u", "postgres", "--"]
        words = ["-D", str(home / "data"), "-U", "maru", "--auth=scram-sha-256", f"--pwfile={home / 'password'}"]
        subprocess.run([*as_postgres, str(programs / "initdb"), *words], check=True, capture_output=True)
        with (home / "data" / "pg_hba.conf").open("a") as rules:
            rules.write(f"hostssl all all {self.address}/24 scram-sha-256\n")
        options = {
            "listen_addresses": self.address, "max_connections": MAX_CONNECTIONS, "ssl": "on",
            "ssl_cert_file": home / "cert.pem", "ssl_key_file": home / "key.pem", "unix_socket_directories": home,
        }  # fmt: skip
        given = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        self.start([*as_postgres, str(programs / "postgres"), "-D", str(home / "data"), *given])

    def start(self, command: list[str]) -> None:
        log = (self.folder / "services.log").open("ab")
        self.processes.append(subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True))

    def settings(self) -> dict[str, str]:
        authority = self.folder / "cert.pem"
        place = f"maru:{self.password}@{self.address}:5432/postgres"
        return {
            "DATABASE_URL": f"postgresql://{place}?sslmode=verify-full&sslrootcert={authority}",
            "REDIS_URL": f"rediss://:{self.password}@{self.address}:6379/0?ssl_ca_certs={authority}",
        }

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        import psycopg

        with psycopg.connect(self.settings()["DATABASE_URL"], connect_timeout=3) as connection:
            return list(connection.execute(sql).fetchall())

    def count_connections(self, over: threading.Event) -> int:
        """How many there were of this product at most, until then."""
        import psycopg

        most = 0
        with psycopg.connect(self.settings()["DATABASE_URL"], autocommit=True) as connection:
            while not over.wait(0.2):
                found = connection.execute("SELECT count(*) FROM pg_stat_activity WHERE client_addr IS NOT NULL")
                most = max(most, int(found.fetchall()[0][0]) - 1)
        return most

    def is_up(self) -> bool:
        import psycopg

        try:
            return self.ask("SELECT 1") == [(1,)]
        except psycopg.OperationalError:
            return False

    def close(self) -> None:
        for process in self.processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
