#!/usr/bin/env bash
# prepare.sh DOMAIN: the files that compose.yaml reads its secrets from, made once; and .env with the name.
set -euo pipefail
cd "$(dirname "$0")"
[[ "${1:-}" =~ ^([a-z0-9-]+\.)+[a-z]{2,}$ ]] || { echo "prepare.sh: give the public name, as in maru.example.kr" >&2; exit 2; }
umask 077
mkdir -p secrets
made() { [ -e "secrets/$1" ] || head -c 33 /dev/urandom | base64 -w 0 | tr '+/' '-_' >"secrets/$1"; }
made secret_key
made postgres_password
[ -e secrets/database_url ] || printf 'postgresql://maru:%s@postgres:5432/maru' "$(cat secrets/postgres_password)" >secrets/database_url
# Empty: the channel is off. Write the keys of ChannelTalk's desk into them.
touch secrets/channeltalk_access_key secrets/channeltalk_access_secret
# Docker mounts them as they are, and it is the image's user who reads them.
if [ "$(id -u)" = 0 ]; then
  chown 10001:10001 secrets/* && chmod 400 secrets/*
else
  chmod 444 secrets/*
  echo "prepare.sh: run as root it could keep secrets/ from the other users of this machine" >&2
fi
chmod 711 secrets
[ -e .env ] || printf 'MARU_DOMAIN=%s\n' "$1" >.env
echo "prepare.sh: secrets/ and .env are there. Keep secrets/secret_key outside this machine too."
