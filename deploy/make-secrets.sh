#!/bin/sh
# Makes the secrets of compose.yaml, in secrets/ beside this file. What is there already stays.
# The directory is its owner's alone. The files in it must be readable for the users of the containers: by their groups when root runs
# this, else by everybody who is in the directory, of which Corridor warns at its start.
set -eu
cd "$(dirname "$0")"
umask 077
mkdir -p secrets
cd secrets

random() {
  head -c 24 /dev/urandom | od -An -v -tx1 | tr -d ' \n'
}
# keep NAME GROUP TEXT
keep() {
  [ -e "$1" ] && return
  printf '%s\n' "$3" > "$1.new"
  if chgrp "$2" "$1.new" 2> /dev/null; then chmod 0440 "$1.new"; else chmod 0444 "$1.new"; fi
  mv "$1.new" "$1"
}

keep postgres_password 999 "$(random)"
keep database_url 10001 "postgresql://corridor:$(cat postgres_password)@postgres:5432/corridor"
keep redis_config 999 "requirepass $(random)"
keep redis_url 10001 "redis://:$(sed -n 's/^requirepass //p' redis_config)@redis:6379"
echo "The secrets are in $(pwd)."
