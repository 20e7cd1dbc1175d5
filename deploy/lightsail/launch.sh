#!/usr/bin/env bash
# Maru on a bare Debian 12 or Ubuntu 24.04: paste this file into Lightsail's "launch script" box, or run it as root.
# Fill in the first three lines. Run it as often as you like: what is there is left alone.
# What it does is told in /var/log/maru-launch.log; the last line says whether it worked.
MARU_DOMAIN="${MARU_DOMAIN:-}"         # maru.example.kr: its DNS entry points here, else there is no certificate
MARU_SOURCE="${MARU_SOURCE:-}"         # where the program comes from: https://… of its git repository
MARU_VERSION="${MARU_VERSION:-main}"   # a tag, branch or commit of it
MARU_COMMIT="${MARU_COMMIT:-}"         # optional: the full commit that MARU_VERSION has to be
MARU_MAIL="${MARU_MAIL:-}"             # optional: whom the certificate authority may write to

set -euo pipefail
umask 022
export DEBIAN_FRONTEND=noninteractive

main() {
  [ "$(id -u)" = 0 ] || stop "run it as root"
  # shellcheck source=/dev/null
  . /etc/os-release
  case "$ID $VERSION_ID" in
    "debian 12" | "debian 13" | "ubuntu 24.04" | "ubuntu 26.04") ;;
    *) stop "made for Debian 12 and Ubuntu 24.04, this is $PRETTY_NAME" ;;
  esac
  if [ -e /etc/maru/machine.env ]; then
    # shellcheck source=/dev/null
    . /etc/maru/machine.env # a second run needs nothing filled in
  fi
  [[ "$MARU_DOMAIN" =~ ^([a-z0-9-]+\.)+[a-z]{2,}$ ]] || stop "MARU_DOMAIN: fill in the machine's public name"
  [ -n "$MARU_SOURCE" ] || stop "MARU_SOURCE: fill in the address of the repository"
  packages
  swap
  user_and_folders
  settings
  if [ ! -e /opt/maru/current ]; then first_release; fi
  machine
  say "ready: https://$MARU_DOMAIN/"
  if [ -e /var/lib/maru/first-password ]; then
    say "first admin: admin@maru.local, password in /var/lib/maru/first-password (delete it once you have it)"
  fi
}

packages() {
  say "packages of the system"
  for attempt in 1 2 3 4 5; do # at a first boot the mirrors, or another apt, may not be ready yet
    if apt-get -o DPkg::Lock::Timeout=300 update -qq && apt-get -o DPkg::Lock::Timeout=300 install -y -qq \
      --no-install-recommends ca-certificates caddy curl git nftables procps python3 python3-venv redis-server \
      systemd-timesyncd unattended-upgrades >/dev/null; then
      break
    fi
    [ "$attempt" -lt 5 ] || stop "apt does not work"
    sleep 10
  done
  systemctl disable --quiet --now redis-server 2>/dev/null || true # ours is maru-redis, on a socket of its own
}

swap() { # 1 GB of memory is enough at rest; a large sheet or an upgrade passes through here
  local kib
  kib=$(awk '/MemTotal/ { print $2 }' /proc/meminfo)
  if [ "$kib" -lt 2000000 ] && [ -z "$(swapon --show --noheadings)" ] && [ ! -e /swapfile ]; then
    say "one gigabyte of swap"
    (umask 077 && fallocate -l 1G /swapfile && mkswap -q /swapfile)
    if swapon /swapfile; then echo "/swapfile none swap sw 0 0" >>/etc/fstab; else rm /swapfile; fi
  fi
}

user_and_folders() {
  id maru >/dev/null 2>&1 || useradd --system --home-dir /var/lib/maru --shell /usr/sbin/nologin maru
  install -d -m 755 /opt/maru /opt/maru/releases /opt/maru/packages
  install -d -m 755 /etc/maru
  install -d -m 700 -o maru -g maru /var/lib/maru /var/backups/maru
}

settings() {
  if [ ! -e /etc/maru/machine.env ]; then
    write 644 /etc/maru/machine.env <<SETTINGS
# Of this machine: read by launch.sh, maru-upgrade, Caddy, backups and maru-check. No secrets in here.
MARU_DOMAIN=$MARU_DOMAIN
MARU_SOURCE=$MARU_SOURCE
MARU_MAIL=${MARU_MAIL:-admin@$MARU_DOMAIN}
#BACKUP_KEEP_DAYS=14
SETTINGS
  fi
  if [ ! -e /etc/maru/maru.env ]; then
    write 600 /etc/maru/maru.env <<SETTINGS
# Of Maru, read by systemd for every part; all of them: README.md. After a change: systemctl restart maru.target
# SECRET_KEY: kept for ever, also outside this machine. Backups do not hold it, and sealed passwords cannot be read
# without it.
SECRET_KEY=$(head -c 36 /dev/urandom | base64 -w 0)
BASE_URL=https://$MARU_DOMAIN
HOST=127.0.0.1
PORT=8000
RELAY_PORT=8001
TRUSTED_PROXIES=1
WEB_CONCURRENCY=2
REDIS_URL=unix:///run/maru-redis/redis.sock
TIMEZONE=Asia/Seoul

#DATABASE_URL=postgresql://maru:password@host:5432/maru?sslmode=verify-full
#CHANNELTALK_ACCESS_KEY=
#CHANNELTALK_ACCESS_SECRET=
#WEBEX_BOT_TOKEN=
#SENTRY_DSN=
SETTINGS
  fi
}

machine() { # from the release, so that a second run brings them up to date
  say "firewall, updates, log limits, front"
  local from=/opt/maru/current/deploy/lightsail/etc
  nft -c -f "$from/nftables.conf" || stop "nft does not take $from/nftables.conf"
  put "$from/nftables.conf" /etc/nftables.conf
  put "$from/52maru-upgrades" /etc/apt/apt.conf.d/52maru-upgrades
  put "$from/journald.conf" /etc/systemd/journald.conf.d/maru.conf
  put "$from/caddy.conf" /etc/systemd/system/caddy.service.d/maru.conf
  systemctl daemon-reload
  systemctl enable --quiet nftables caddy
  systemctl restart nftables systemd-journald caddy
}

put() { # FROM TO: what somebody changed by hand is kept beside it
  if [ -e "$2" ] && ! cmp -s "$1" "$2"; then cp -p "$2" "$2.before-maru"; fi
  install -D -m 644 "$1" "$2"
}

first_release() {
  say "Maru $MARU_VERSION from its source"
  local first
  first=$(mktemp -d)
  # Only to have maru-upgrade, which fetches and builds the release itself.
  git init -q "$first"
  git -C "$first" fetch -q --depth 1 "$MARU_SOURCE" "$MARU_VERSION" 2>/dev/null \
    || git -C "$first" fetch -q "$MARU_SOURCE" '+refs/*:refs/remotes/from/*' || stop "cannot fetch from $MARU_SOURCE"
  git -C "$first" show "$(git -C "$first" rev-parse -q --verify "$MARU_VERSION^{commit}" || echo FETCH_HEAD):deploy/lightsail/bin/maru-upgrade" \
    >"$first/maru-upgrade"
  MARU_SOURCE=$MARU_SOURCE bash "$first/maru-upgrade" "$MARU_VERSION" "$MARU_COMMIT"
  rm -rf "$first"
}

write() { # MODE FILE: from standard input
  install -D -m "$1" /dev/stdin "$2"
}

say() { echo "maru-launch: $*"; }
stop() {
  echo "maru-launch: $*" >&2
  exit 1
}

main "$@" > >(tee -a /var/log/maru-launch.log) 2>&1
