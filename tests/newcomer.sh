#!/usr/bin/env bash
# What a newcomer does: an empty folder, a clone, and what the README says, word for word.
# Usage: newcomer.sh [REPOSITORY]     the repository to clone; by default the one that this script lies in
set -euo pipefail
repository=$(realpath "${1:-$(dirname "$0")/..}")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export VISAGENT_HOME="${VISAGENT_HOME:-$folder/home}"

cd "$folder"
git clone --quiet "$repository" visagent
cd visagent

# A block of the README, between its markers or after its heading.
block() { sed -n "/$1/,/$2/p" README.md | sed -n '/^```/,/^```/p' | sed '1d;/^```/,$d'; }

echo "== 60 seconds: install the embedded profile and ask"
ask=$(block '<!-- ask -->' '<!-- end -->')
test -n "$ask"
time bash -euo pipefail -c "$ask" | tee "$folder/said"
grep -q '\[q' "$folder/said"
test -s answer.png

echo "== In Python"
# The reader's own photo.
cp examples/coffee.png photo.jpg
block '^## In Python' '^## On the command line' > python.py
grep -q 'agent.ask' python.py
.venv/bin/python python.py | tee "$folder/said"
grep -q '\[q' "$folder/said"

echo "== On the command line"
PATH="$PWD/.venv/bin:$PATH"
# What is run next is what the README says.
says() { grep -qF "$1" README.md || { echo "The README does not say: $1"; exit 1; }; }
says 'visagent runs';        visagent runs | tee "$folder/said"
id=$(grep -oE '\b[0-9a-f]{8}\b' "$folder/said" | head -1)
says 'visagent resume ID';   visagent resume "$id" --json > "$folder/answer.json"
grep -q "$id" "$folder/answer.json"
says 'visagent tools list';  visagent tools list > "$folder/said"
grep -q dominant_colors "$folder/said"
says '`show`';               visagent tools show detect
says '`try`';                visagent tools try detect image=examples/cat.png label=cat | grep '"label": "cat"'
says 'visagent models list'; visagent models list > "$folder/said"
grep -q smollm2 "$folder/said"
says '`prepare`';            visagent models prepare
says '`where`';              test "$(visagent models where)" = "$VISAGENT_HOME"
says 'visagent doctor';      visagent doctor
says 'visagent batch';       echo '{"question": "How many cats are there?", "media": ["examples/cat.png"]}' > in.jsonl
visagent batch in.jsonl out.jsonl
visagent batch in.jsonl out.jsonl
test "$(wc -l < out.jsonl)" = 1
grep -q '"answered"' out.jsonl

echo "== Exit codes"
says '1 could not answer';   code=0; visagent ask examples/cat.png "How many zebra crossings are there?" || code=$?
test "$code" = 1
says '2 bad input';          code=0; visagent ask no-such-file.png "What is it?" || code=$?
test "$code" = 2

echo "== Examples"
for example in ask.py stream.py; do (cd examples && ../.venv/bin/python "$example"); done
echo "A newcomer gets what the README promises."
