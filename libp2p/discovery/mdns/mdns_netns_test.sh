#!/bin/bash
# Two nodes find each other by multicast DNS in network namespaces of their own: by IPv4, by IPv6, over the loopback
# interface, and over an interface that comes up later. Usage: mdns_netns_test.sh <path to libp2p_mdns_tool>
set -u
tool=$1

if [ "$(id -u)" -ne 0 ]; then
  echo "not run: needs root, to make network namespaces"
  exit 77
fi
if ! command -v ip >/dev/null; then
  echo "not run: needs the command ip (package iproute2)"
  exit 77
fi

left=mdns-l-$$
right=mdns-r-$$
dir=$(mktemp -d)
pids=()

stop_tools() {
  local pid
  for pid in "${pids[@]}"; do
    kill "$pid" 2>/dev/null
    wait "$pid" || { echo "FAILED: the tool did not end cleanly"; failed=1; }
  done
  pids=()
}
remove_namespaces() {
  ip netns del "$left" 2>/dev/null
  ip netns del "$right" 2>/dev/null
}
clean_up() {
  stop_tools
  remove_namespaces
  rm -rf "$dir"
}
trap clean_up EXIT

# Two fresh namespaces, joined by a pair of interfaces that are down and have no addresses.
make_namespaces() {
  remove_namespaces
  ip netns add "$left" && ip netns add "$right" || { echo "FAILED: cannot make namespaces"; exit 1; }
  ip link add veth0 netns "$left" type veth peer name veth0 netns "$right"
}

# start <name> <namespace> [options]: runs the tool with its output in $dir/<name>.
start() {
  local name=$1 namespace=$2
  shift 2
  rm -f "$dir/$name"  # of an earlier scenario
  ip netns exec "$namespace" "$tool" "$@" >"$dir/$name" 2>"$dir/$name.log" &
  pids+=($!)
}

# wait_for <name> <pattern>: until the tool's output has it, half a minute at most.
wait_for() {
  local i
  for ((i = 0; i < 300; i++)); do
    grep -qE "$2" "$dir/$1" 2>/dev/null && return 0
    sleep 0.1
  done
  echo "FAILED: $scenario: no line like '$2' from $1"
  tail -n 20 "$dir/$1" "$dir/$1.log"
  failed=1
  return 1
}

id_of() { wait_for "$1" '^self ' && sed -n 's/^self //p' "$dir/$1"; }

# expect_found <who> <whom> <address pattern>
expect_found() { wait_for "$1" "^peer $(id_of "$2")( .*)? $3( |\$)"; }

failed=0

scenario="IPv4"
make_namespaces
for namespace in "$left" "$right"; do
  ip netns exec "$namespace" sh -c 'echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6'
done
ip -n "$left" addr add 192.0.2.1/24 dev veth0
ip -n "$right" addr add 192.0.2.2/24 dev veth0
ip -n "$left" link set veth0 up
ip -n "$right" link set veth0 up
start a "$left" --port 4001
start b "$right" --port 4002
start other "$right" --port 4003 --service _p2p-other._udp.local
start c "$right" --port 4004
expect_found a b /ip4/192.0.2.2/tcp/4002
expect_found b a /ip4/192.0.2.1/tcp/4001
expect_found c b /ip4/192.0.2.2/tcp/4002  # two processes of one machine
expect_found b c /ip4/192.0.2.2/tcp/4004
expect_found c a /ip4/192.0.2.1/tcp/4001
if grep -q '^peer' "$dir/other"; then
  echo "FAILED: $scenario: found a peer of another service"
  failed=1
fi
stop_tools
echo "$scenario: done"

scenario="IPv6"
make_namespaces
ip -n "$left" addr add 2001:db8::1/64 dev veth0 nodad
ip -n "$right" addr add 2001:db8::2/64 dev veth0 nodad
ip -n "$left" link set veth0 up
ip -n "$right" link set veth0 up
start a "$left" --port 4001
start b "$right" --port 4002
expect_found a b /ip6/2001:db8::2/tcp/4002
expect_found b a /ip6/2001:db8::1/tcp/4001
expect_found a b '/ip6zone/veth0/ip6/fe80:[0-9a-f:]*/tcp/4002'
stop_tools
echo "$scenario: done"

scenario="loopback interface only"
make_namespaces
ip -n "$left" link set lo up
ip -n "$left" link set lo multicast on
ip -n "$left" route add 224.0.0.0/4 dev lo
start a "$left" --port 4001
start b "$left" --port 4002
expect_found a b /ip4/127.0.0.1/tcp/4002
expect_found b a /ip4/127.0.0.1/tcp/4001
stop_tools
echo "$scenario: done"

scenario="interface that comes up later"
make_namespaces
start a "$left" --port 4001
start b "$right" --port 4002
id_of a >/dev/null
id_of b >/dev/null
ip -n "$left" addr add 192.0.2.1/24 dev veth0
ip -n "$right" addr add 192.0.2.2/24 dev veth0
ip -n "$left" link set veth0 up
ip -n "$right" link set veth0 up
expect_found a b /ip4/192.0.2.2/tcp/4002
expect_found b a /ip4/192.0.2.1/tcp/4001
# And one whose address changes.
ip -n "$right" addr add 198.51.100.2/24 dev veth0
ip -n "$left" addr add 198.51.100.1/24 dev veth0
ip -n "$left" addr del 192.0.2.1/24 dev veth0
ip -n "$right" addr del 192.0.2.2/24 dev veth0
expect_found a b /ip4/198.51.100.2/tcp/4002
expect_found b a /ip4/198.51.100.1/tcp/4001
stop_tools
echo "$scenario: done"

exit "$failed"
