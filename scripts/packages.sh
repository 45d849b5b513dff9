#!/bin/sh
# Lists packages for the Makefile.
#
#   packages.sh quick   packages whose tests start no database and no program
#   packages.sh fuzz    "package target" for every fuzz target
set -eu
cd "$(dirname "$0")/.."

quick() {
	go list -f '{{.ImportPath}} {{join .TestImports " "}} {{join .XTestImports " "}}' ./... |
		grep -v -e '/dbtest' -e '/servertest' -e '/e2e ' -e '/bench ' -e '/interop ' | cut -d' ' -f1
}

fuzz() {
	git ls-files --cached --others --exclude-standard '*_test.go' | while read -r file; do
		sed -n "s|^func \(Fuzz[A-Za-z0-9_]*\)(.*|./$(dirname "$file") \1|p" "$file"
	done
}

"$1"
