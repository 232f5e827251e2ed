#!/usr/bin/env bash
# Runs every study at laptop size and writes the tables of docs/results.md. Run it in the folder that
# contains imdb/. If interrupted, run it again to resume.
set -euo pipefail

here=$(dirname "$0")
run() { # NAME STUDY CONFIGURATION [KEY=VALUE...]
  runs+=("runs/$1")
  elastic-core experiment "$2" --config "$here/$3.yaml" --out "runs/$1" --cache runs/models "${@:4}"
}

mkdir -p runs
runs=()
run rebound rebound rebound
run rebound-tree rebound rebound model=tree:6 held_out.prompts=100 held_out.tokens=80
run reversal reversal reversal
run resistance resistance resistance
run scaling-size scaling scaling-size
run scaling-pretraining scaling scaling-pretraining
run algorithms algorithms algorithms
run mitigation mitigation mitigation
run springs springs springs
elastic-core report "${runs[@]}" --out runs/report --format markdown > results.md
