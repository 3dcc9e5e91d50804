#!/bin/bash
# Run by systemd: starts the service, kills what belongs to it in every way, and prints a line a check.
set -u

property() { systemctl show ftmb-nat -p "$1" --value; }
pids() { pgrep -f "__ftmb ${1:-}"; }

# until_is PATTERN: until the status says so, or for a minute.
until_is() {
    local status
    for _ in $(seq 600); do
        status="$(property ActiveState), $(property StatusText), $(property NRestarts) restarts"
        # shellcheck disable=SC2053
        [[ $status == $1 ]] && break
        sleep 0.1
    done
    echo "$status"
}

# other_than PID WHAT: until there is such a process, and it is another one.
other_than() {
    for _ in $(seq 600); do
        [ -n "$(pids "$2")" ] && [ "$(pids "$2")" != "$1" ] && return
        sleep 0.1
    done
}

systemctl start ftmb-nat
echo "start: $?: $(until_is 'active, protected; epoch 1, 0 takeovers, 0 restarts')"

kill -KILL "$(pids 'member /run/ftmb-nat/groups/nat 0')"
echo "master killed: $(until_is 'active, protected; epoch 2, 1 takeover, 0 restarts')"

gateway=$(pids gateway)
kill -KILL "$gateway"
other_than "$gateway" gateway
echo "gateway killed: $(until_is 'active, protected; epoch 2, 1 takeover, 0 restarts')"

# shellcheck disable=SC2046
kill -KILL $(pids)
echo "all but the parent killed: $(until_is 'active, protected; epoch 3, 2 takeovers, 0 restarts')"

kill -STOP "$(pids gateway)"
echo "gateway hangs: $(until_is 'active, protected; epoch 1, 0 takeovers, 1 restarts')"

kill -KILL "$(property MainPID)"
echo "parent killed: $(until_is 'active, protected; epoch 1, 0 takeovers, 2 restarts')"

systemctl stop ftmb-nat
echo "stop: $?: $(property ActiveState), $(property Result)"
echo "left: $(pids; find /run/ftmb-nat /var/lib/ftmb-nat/ -type f 2>/dev/null)"

sed -i 's/kind = "device"/kind = "devise"/' /etc/ftmb/nat.toml
systemctl start ftmb-nat 2>/dev/null
echo "wrong configuration: $?: $(property Result)"
