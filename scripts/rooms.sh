#!/bin/sh
# Lists rooms for the Makefile: rooms.sh serverless|fuzz
set -eu
cd "$(dirname "$0")/.."

# serverless lists the packages whose tests start no database and no program.
serverless() {
	go list -f '{{.ImportPath}} {{join .TestImports " "}} {{join .XTestImports " "}}' ./... |
		grep -v -e '/dbtest' -e '/e2e ' -e '/bench ' -e '/interop ' | cut -d' ' -f1
}

# fuzz lists "room target" for every fuzz target.
fuzz() {
	git ls-files --cached --others --exclude-standard '*_test.go' | while read -r file; do
		sed -n "s|^func \(Fuzz[A-Za-z0-9_]*\)(.*|./$(dirname "$file") \1|p" "$file"
	done
}

"$1"
