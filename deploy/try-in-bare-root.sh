#!/usr/bin/env bash
# Proves deploy/lightsail without a cloud: a fresh Debian (debootstrap), booted with its own systemd in its own network
# (systemd-nspawn), in which launch.sh runs as on a new machine; then an upgrade and a rollback while customers write.
# Not part of `make test`: it needs root, Debian's debootstrap, systemd-container, iproute2, nftables, and some minutes.
#
#   sudo deploy/try-in-bare-root.sh                   install HEAD~1, upgrade to HEAD, roll back, take it all down
#   sudo KEEP=1 SUITE=trixie deploy/try-in-bare-root.sh    another Debian; leave it running
#   BEFORE=REV NOW=REV: which commits; QUICK=1: only install, upgrade and roll back
#
# Not proved by it: a certificate from a public authority (the name is maru.localhost), Ubuntu, memory limits (no memory
# controller inside), a reboot of a real machine.
set -euo pipefail
suite=${SUITE:-bookworm} before=${BEFORE:-HEAD~1} now=${NOW:-HEAD}
here=$(cd "$(dirname "$0")/.." && pwd) base=${TMPDIR:-/tmp}/maru-bare-$suite name=maru-bare net=10.78.30
root=$base/root

main() {
  [ "$(id -u)" = 0 ] || { echo "run it as root" >&2; exit 2; }
  trap take_down EXIT
  bare_root
  sources
  network
  boot
  install
  [ -n "${QUICK:-}" ] || look
  upgrade_under_load
  [ -z "${KEEP:-}" ] || { echo "inside: nsenter -a -t $leader"; read -r -p "Return ends it "; }
}

bare_root() {
  mkdir -p "$base"
  if [ ! -e "$base/$suite.tar" ]; then
    step "debootstrap $suite, once"
    rm -rf "$root"
    debootstrap --variant=minbase --include=ca-certificates,systemd,systemd-sysv,dbus,iproute2 "$suite" "$root" >/dev/null
    tar -C "$root" -cf "$base/$suite.tar" .
  fi
  rm -rf "$root" && mkdir -p "$root" && tar -C "$root" -xf "$base/$suite.tar"
  printf '127.0.0.1 localhost maru.localhost\n' >"$root/etc/hosts"
  echo maru-bare >"$root/etc/hostname"
  rm -f "$root/etc/resolv.conf" && cp -L /etc/resolv.conf "$root/etc/resolv.conf"
  if [ "$suite" = bookworm ] || [ "$suite" = trixie ]; then
    for part in "$suite main" "$suite-updates main"; do echo "deb http://deb.debian.org/debian $part"; done >"$root/etc/apt/sources.list"
    echo "deb http://deb.debian.org/debian-security $suite-security main" >>"$root/etc/apt/sources.list"
  fi
  # The authorities that this machine trusts beyond the usual, for those behind a company's proxy.
  cp /usr/local/share/ca-certificates/*.crt "$root/usr/local/share/ca-certificates/" 2>/dev/null || true
  chroot "$root" update-ca-certificates >/dev/null 2>&1
  printf '[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n' >"$root/etc/pip.conf"
}

sources() { # a repository with the two releases, by tag
  git clone -q --bare "$here" "$root/srv/maru.git"
  git -C "$root/srv/maru.git" tag -f before "$(git -C "$here" rev-parse "$before")" >/dev/null
  git -C "$root/srv/maru.git" tag -f now "$(git -C "$here" rev-parse "$now")" >/dev/null
  chown -R root:root "$root/srv/maru.git"
}

network() {
  ip netns add $name
  ip -n $name link set lo up
  ip link add $name type veth peer name eth0 netns $name
  ip addr add $net.1/24 dev $name && ip link set $name up
  ip -n $name addr add $net.2/24 dev eth0 && ip -n $name link set eth0 up
  ip -n $name route add default via $net.1
  forwarded=$(cat /proc/sys/net/ipv4/ip_forward)
  echo 1 >/proc/sys/net/ipv4/ip_forward
  nft "add table ip $name; add chain ip $name post { type nat hook postrouting priority 100; };
       add rule ip $name post ip saddr $net.0/24 masquerade"
}

boot() {
  mkdir -p /run/systemd/nspawn
  mountpoint -q /run/systemd/nspawn || mount -t tmpfs tmpfs /run/systemd/nspawn
  SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 systemd-nspawn -q -D "$root" --boot --register=no --keep-unit --machine=$name \
    --network-namespace-path=/run/netns/$name --capability=CAP_NET_ADMIN --resolv-conf=off --timezone=off </dev/null >"$base/boot.log" 2>&1 &
  nspawn=$!
  for _ in $(seq 300); do
    leader=$(pgrep -P $nspawn || true)
    if [ -n "$leader" ] && inside systemctl is-active -q multi-user.target 2>/dev/null; then return; fi
    sleep 0.1
  done
  cat "$base/boot.log"
  return 1
}

install() {
  step "launch.sh on the bare machine"
  git -C "$here" show "$(git -C "$here" rev-parse "$before"):deploy/lightsail/launch.sh" >"$root/root/launch.sh"
  local began
  began=$(date +%s)
  inside env MARU_DOMAIN=maru.localhost MARU_SOURCE=/srv/maru.git MARU_VERSION=before bash /root/launch.sh
  until inside curl -fsS -o /dev/null --cacert /var/lib/caddy/.local/share/caddy/pki/authorities/local/root.crt \
    https://maru.localhost/healthz 2>/dev/null; do sleep 0.1; done
  echo "FIGURE from bare root to answering over TLS: $(($(date +%s) - began)) s"
  inside bash /root/launch.sh
  echo "FIGURE the second run of launch.sh changed nothing and ended well"
}

look() {
  step "as it runs"
  inside systemctl list-units --plain --no-legend --no-pager 'maru*' caddy.service nftables.service
  inside nft list table inet maru >/dev/null
  inside systemd-analyze security --no-pager 2>/dev/null | grep -E 'maru|caddy' || true
  for pid in $(inside pgrep -u maru); do
    awk -v what="$(inside cat "/proc/$pid/cmdline" | tr '\0' ' ' | sed 's:/[^ ]*/::g' | cut -c 1-60)" \
      '/^Pss:/ { printf "FIGURE memory at rest (PSS) %4d MiB  %s\n", $2 / 1024, what }' <(inside cat "/proc/$pid/smaps_rollup")
  done
  local day
  for day in 1 2 3 4 5; do inside touch -d "2020-01-0$day" "/var/backups/maru/maru-2020010${day}T000000.tar.gz"; done
  inside maru-backup
  [ "$(inside ls /var/backups/maru | wc -l)" = 3 ] # the old ones go, the latest three never
  inside systemctl start maru-restore-drill && inside journalctl -u maru-restore-drill -o cat --no-pager | grep restored
  inside systemctl start maru-check
  inside maru-check || true
  echo "FIGURE disk of one release: $(du -sm "$root/opt/maru/releases/before" | cut -f1) MiB, its packages $(du -sm "$root/opt/maru/packages" | cut -f1) MiB"
  for part in maru-web maru-worker@1 maru-clock maru.target; do
    local began
    began=$(date +%s%N)
    inside systemctl restart $part
    until inside curl -fsS -o /dev/null -m 5 http://127.0.0.1:8000/readyz; do sleep 0.05; done
    echo "FIGURE restart of $part: $((($(date +%s%N) - began) / 1000000)) ms until it is back and /readyz answers"
  done
  local frozen
  frozen=$(inside systemctl show -p MainPID --value maru-clock)
  inside kill -STOP "$frozen"
  for _ in $(seq 900); do
    [ "$(inside systemctl show -p MainPID --value maru-clock)" = "$frozen" ] || break
    sleep 0.1
  done
  [ "$(inside systemctl show -p MainPID --value maru-clock)" != "$frozen" ]
  echo "FIGURE a frozen clock was ended by its watchdog and started again"
}

upgrade_under_load() {
  step "upgrade and rollback while customers write"
  # The stand-in for ChannelTalk stands beside it, with keys that are given to Maru.
  git clone -q "$here" "$root/srv/bench" && git -C "$root/srv/bench" checkout -q "$(git -C "$here" rev-parse "$now")"
  ln -s /opt/maru/current/.venv "$root/srv/bench/.venv"
  inside bash -c 'cd /srv/bench && .venv/bin/python -m tests.upgrade_bench --machine'
}

inside() { nsenter -t "$leader" -m -u -i -n -p env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "$@"; }
step() { echo "--- $*"; }

take_down() {
  local failed=$?
  if [ "$failed" != 0 ] && [ -n "${leader:-}" ]; then
    inside journalctl --no-pager -o short-monotonic -n 60 -u 'maru*' -u caddy -u nftables || true
  fi
  [ -z "${leader:-}" ] || kill -RTMIN+4 "$leader" 2>/dev/null || true # systemd: power off
  [ -z "${nspawn:-}" ] || timeout 30 tail --pid="$nspawn" -f /dev/null || kill -KILL "$leader" 2>/dev/null || true
  nft delete table ip $name 2>/dev/null || true
  [ -z "${forwarded:-}" ] || echo "$forwarded" >/proc/sys/net/ipv4/ip_forward
  ip link del $name 2>/dev/null || true
  ip netns del $name 2>/dev/null || true
}

main "$@"
