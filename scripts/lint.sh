#!/bin/sh
# Two checks that need more than one command: lint.sh format|vulnerabilities
set -eu
cd "$(dirname "$0")/.."

format() {
	unformatted=$(git ls-files -z --cached --others --exclude-standard '*.go' | xargs -0 gofmt -l)
	if [ -n "$unformatted" ]; then
		printf 'not formatted (make fmt):\n%s\n' "$unformatted" >&2
		return 1
	fi
}

# govulncheck ends with 3 where it has found something; with anything else but 0
# it could not look, of which a database out of reach is the excusable kind.
vulnerabilities() {
	status=0
	output=$(go tool govulncheck ./... 2>&1) || status=$?
	if [ "$status" -ne 0 ] && printf '%s' "$output" | grep -q 'fetching vulnerabilities'; then
		echo "skipped: govulncheck, whose database cannot be reached from here"
		return 0
	fi
	printf '%s\n' "$output"
	return "$status"
}

"$1"
