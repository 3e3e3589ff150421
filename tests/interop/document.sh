#!/bin/sh
# Runs everything that has a table, and writes all tables to a file: document.sh <interop_peer> <file>
set -e
cd "$(dirname "$0")"
tables=$(mktemp)
trap 'rm -f "$tables"' EXIT
all='--peer ours --peer go --peer rust --peer js'
python3 run.py --ours "$1" $all --markdown "$tables"
python3 kad_net.py --ours "$1" --markdown "$tables"
python3 pubsub_mesh.py --ours "$1" --markdown "$tables"
python3 relay_matrix.py --ours "$1" $all --markdown "$tables"
python3 nat_matrix.py --ours "$1" --peer ours --peer go --peer rust --markdown "$tables"
python3 autonat_matrix.py --ours "$1" $all --markdown "$tables"
cp "$tables" "$2"
