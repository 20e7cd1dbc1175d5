#!/usr/bin/env python3
"""Carry out the Dockerfile without Docker: each stage in a copy of a plain Debian root, RUN by chroot; then start it.

    sudo python3 deploy/container/without_docker.py      (root; Debian's debootstrap; some minutes)

The base's stand-in is Debian's own python3 in a debootstrap root, since the published base cannot be fetched without
a registry. Says how large our part is, whether a second build gives the same bytes, and whether it answers as the
user that the Dockerfile names. Not proved: the published base itself, BuildKit, compose.
"""

import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
DOCKERFILE = ROOT / "deploy" / "container" / "Dockerfile"
PACKAGES = "python3,python3-venv,ca-certificates"
PORT = os.environ.get("PORT", "8139")


def steps() -> list[tuple[str, str]]:
    text = re.sub(r"^\s*#.*\n", "", DOCKERFILE.read_text(), flags=re.M).replace("\\\n", " ")
    return [
        (word, rest.strip()) for word, _, rest in (line.partition(" ") for line in text.splitlines() if line.strip())
    ]


def base(folder: Path) -> Path:
    kept = Path(tempfile.gettempdir()) / "maru-image-base"
    if not kept.exists():
        command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(kept)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        for authority in Path("/usr/local/share/ca-certificates").glob("*.crt"):
            shutil.copy(authority, kept / "usr/local/share/ca-certificates")
        subprocess.run(["chroot", str(kept), "update-ca-certificates"], check=True, capture_output=True)
        (kept / "etc/pip.conf").write_text("[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n")
    made = Path(tempfile.mkdtemp(dir=folder))
    subprocess.run(["cp", "-a", f"{kept}/.", str(made)], check=True)
    shutil.copy("/etc/resolv.conf", made / "etc/resolv.conf")
    (made / "dev/null").exists() or os.mknod(made / "dev/null", 0o020666, os.makedev(1, 3))
    return made


def context() -> list[Path]:
    """What the ignore file leaves of this folder, as git knows it."""
    lines = (DOCKERFILE.with_name("Dockerfile.dockerignore")).read_text().splitlines()
    kept = [line[1:] for line in lines if line.startswith("!")]
    left = [line.removeprefix("**/") for line in lines if line.startswith("**/")]
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\n")
    found = [Path(name) for name in names if name and Path(name).parts[0] in kept]
    return [path for path in found if not any(fnmatch(part, one) for part in path.parts for one in left)]


class Stage:
    def __init__(self, folder: Path) -> None:
        self.root, self.env, self.cwd, self.user, self.command = (
            base(folder),
            {"PATH": os.defpath},
            Path("/"),
            "0:0",
            [],
        )
        self.check: list[str] = []

    def path(self, inside: str) -> Path:
        return self.root / str(self.cwd / inside).lstrip("/")

    def run(self, *command: str, user: str = "0:0", **more: object) -> "subprocess.Popen[bytes]":
        words = [
            shutil.which("chroot") or "/usr/sbin/chroot",
            f"--userspec={user}",
            str(self.root),
            "sh",
            "-c",
            'cd "$0" && exec "$@"',
            str(self.cwd),
        ]
        return subprocess.Popen([*words, *command], env={"HOME": "/", **self.env}, **more)  # type: ignore[call-overload]

    def do(self, word: str, rest: str, stages: dict[str, "Stage"]) -> None:
        if word == "ENV":
            self.env |= dict(pair.partition("=")[::2] for pair in shlex.split(rest))
        elif word == "WORKDIR":
            self.cwd = Path(rest)
            self.path(".").mkdir(parents=True, exist_ok=True)
        elif word == "RUN":
            if self.run("sh", "-c", rest).wait():
                raise SystemExit(f"failed: RUN {rest}")
        elif word == "COPY":
            self.copy(rest.split(), stages)
        elif word == "USER":
            self.user = rest
        elif word in ("CMD", "HEALTHCHECK"):
            words = json.loads(re.sub(r".*?(?=\[)", "", rest, count=1))
            self.command, self.check = (words, self.check) if word == "CMD" else (self.command, words)
        elif word not in ("VOLUME", "EXPOSE", "STOPSIGNAL"):
            raise SystemExit(f"{word}: not understood")

    def copy(self, words: list[str], stages: dict[str, "Stage"]) -> None:
        if words[0].startswith("--from="):
            source, target = stages[words[0][7:]].path(words[1]), self.path(words[2])
            target.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cp", "-a", str(source), str(target)], check=True)
            return
        for name in context():
            if words[0] in (".", str(name)):
                target = self.path(words[-1]) / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, target)


def built(folder: Path) -> Stage:
    stages: dict[str, Stage] = {}
    stage = None
    for word, rest in steps():
        if word == "ARG":
            continue
        if word == "FROM":
            stage = Stage(folder)
            stages[rest.split()[-1] if " AS " in rest else "final"] = stage
        elif stage is not None:
            stage.do(word, rest, stages)
    return stages["final"]


def digest(folder: Path) -> str:
    """Of every name, mode, time and byte."""
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        about = path.lstat()
        found.update(f"{path.relative_to(folder)} {about.st_mode:o} {int(about.st_mtime)} ".encode())
        found.update(os.readlink(path).encode() if path.is_symlink() else path.read_bytes() if path.is_file() else b"")
    return found.hexdigest()


def mib(folder: Path) -> float:
    return int(subprocess.check_output(["du", "-sk", str(folder)]).split()[0]) / 1024


def answers(stage: Stage) -> float:
    """Start the image's own command as its own user, until its own health check is content."""
    stage.env |= {"PORT": PORT, "SECRET_KEY": "x" * 32, "WEB_CONCURRENCY": "1"}
    if stage.run("flask", "setup", user=stage.user).wait():
        raise SystemExit("flask setup failed")
    began = time.monotonic()
    web = stage.run(*stage.command, user=stage.user)
    try:
        while stage.run(*stage.check, user=stage.user, stderr=subprocess.DEVNULL).wait():
            if web.poll() is not None or time.monotonic() > began + 60:
                raise SystemExit("it does not answer")
        took = time.monotonic() - began
        with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/readyz", timeout=10) as answer:
            print("readyz:", answer.status, sorted(json.load(answer)["parts"]))
        owner = Path(f"/proc/{web.pid}").stat().st_uid
        print(f"runs as user {owner}: {Path(f'/proc/{web.pid}/cmdline').read_bytes().replace(bytes(1), b' ').decode()}")
        return took
    finally:
        web.terminate()
        web.wait(20)


def main() -> None:
    if os.geteuid():
        raise SystemExit("run it as root")
    folder = Path(tempfile.mkdtemp(prefix="maru-image-"))
    try:
        began = time.monotonic()
        one = built(folder)
        print(f"FIGURE built in {time.monotonic() - began:.0f} s")
        ours = one.root / "srv/maru"
        packages, beneath = mib(ours / ".venv"), mib(one.root) - mib(ours)
        print(f"FIGURE our layer {mib(ours):.0f} MiB (packages {packages:.0f}), the base's stand-in {beneath:.0f}")
        print(f"FIGURE a second build gives the same bytes: {digest(ours) == digest(built(folder).root / 'srv/maru')}")
        print(f"FIGURE answering {answers(one):.1f} s after its start")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
