#!/usr/bin/env bash
# Records namespaces.pcap: real kernels' stacks talking over a veth pair between two network namespaces of this host.
#
#   sudo tests/data/record.sh [FILE]
#
# Needs root, iproute2, ethtool, tcpdump, ping and OpenBSD's nc. Removes the namespaces whatever way it ends.
set -euo pipefail
file=$(realpath -m "${1:-$(dirname "${BASH_SOURCE[0]}")/namespaces.pcap}")
client=ftmb-client-$$ server=ftmb-server-$$
scratch=$(mktemp -d)
children=()

cleanup() {
    for child in "${children[@]}"; do kill "$child" 2>/dev/null || true; done
    ip netns del "$client" 2>/dev/null || true
    ip netns del "$server" 2>/dev/null || true
    rm -rf "$scratch"
}
trap cleanup EXIT

on_client() { ip netns exec "$client" "$@"; }

ip netns add "$client"
ip netns add "$server"
ip -n "$client" link add veth0 address 02:00:00:00:00:01 type veth peer name veth0 address 02:00:00:00:00:02 netns "$server"
for i in 1 2 3 4; do ip -n "$client" addr add "10.1.0.$i/24" dev veth0; done
ip -n "$server" addr add 10.1.0.100/24 dev veth0
for ns in "$client" "$server"; do
    # Frames as they are on a wire: whole checksums, no more than the MTU.
    ip netns exec "$ns" ethtool -K veth0 tx off tso off gso off gro off >/dev/null
    ip -n "$ns" link set lo up
    ip -n "$ns" link set veth0 up
done

# Not by `on_client`: its process is to be the one that is ended.
ip netns exec "$client" tcpdump -i veth0 -U -s 0 -w "$scratch/capture" 2>"$scratch/tcpdump" &
children+=($!)
for _ in $(seq 100); do grep -q listening "$scratch/tcpdump" && break || sleep 0.05; done

# Listeners: three TCP services, of which one only sends, one only receives, one talks; UDP echoes.
head -c 24000 /dev/urandom | base64 -w 76 | head -c 24000 >"$scratch/down"
head -c 9000 "$scratch/down" >"$scratch/up"
# `<&0`: else a command in the background reads from nowhere.
serve() { ip netns exec "$server" nc -l "$@" <&0 & children+=($!); }
for port in 8001 8002 8003; do serve -N 10.1.0.100 "$port" <"$scratch/down" >/dev/null; done
for port in 9001 9002 9003; do serve 10.1.0.100 "$port" </dev/null >/dev/null; done
for port in 5301 5302 5303 5304; do serve -u 10.1.0.100 "$port" <<<"answer from $port" >/dev/null; done
sleep 0.3

# Everything at once, from four addresses.
transfers=()
for i in 1 2 3; do
    on_client timeout 3 nc -s "10.1.0.$i" 10.1.0.100 "800$i" </dev/null >/dev/null & transfers+=($!)
    on_client timeout 3 nc -N -s "10.1.0.$((i + 1))" 10.1.0.100 "900$i" <"$scratch/up" >/dev/null & transfers+=($!)
done
for i in 1 2 3 4; do
    (for n in 1 2 3 4 5 6; do echo "question $n of $i"; sleep 0.03; done) |
        on_client timeout 1 nc -u -s "10.1.0.$i" 10.1.0.100 "530$i" >/dev/null & transfers+=($!)
    on_client ping -q -c 6 -i 0.05 -s $((40 + 300 * i)) -I "10.1.0.$i" 10.1.0.100 >/dev/null & transfers+=($!)
done
# Fragments, a port where nobody listens (TCP: reset, UDP: ICMP error).
on_client ping -q -c 2 -i 0.05 -s 3000 10.1.0.100 >/dev/null & transfers+=($!)
on_client timeout 3 nc -w 1 10.1.0.100 7777 </dev/null >/dev/null 2>&1 & transfers+=($!)
echo "anybody?" | on_client timeout 1 nc -u -w 1 10.1.0.100 7778 >/dev/null 2>&1 & transfers+=($!)
for transfer in "${transfers[@]}"; do wait "$transfer" || true; done

sleep 0.2
kill "${children[0]}"
wait "${children[0]}" || true
mv "$scratch/capture" "$file"
chmod 644 "$file"
tcpdump -nr "$file" 2>/dev/null | wc -l
