#!/bin/sh
# What the tests need beside Go and modules.
#
#   deps.sh setup   as root on Debian installs what is missing; then names what
#                   is still missing and what is skipped for that. With CI=true
#                   that is a failure.
#   deps.sh print   prints the commands that would install it
#   deps.sh has X   says by its exit code whether X is there
#
# Python packages go into .cache/python and those of JavaScript into .cache/node,
# never into the system. Debian 12's own are no use: its botocore is of 2022, older
# than every operation of Git sync.
set -eu
cd "$(dirname "$0")/.."

venv=.cache/python
requirements=scripts/requirements.txt
node=.cache/node
lock=package-lock.json
PATH="$PWD/$venv/bin:$PATH"
everything="git sshkeygen compiler postgresql boto3 moto awscli node nodesdk"

has() {
	case $1 in
	git) command -v git ;;
	sshkeygen) command -v ssh-keygen ;;
	compiler) command -v "${CC:-cc}" || command -v gcc || command -v clang ;;
	postgresql)
		[ -n "${TEST_POSTGRES_URL:-}" ] || command -v initdb ||
			[ -n "$(ls /usr/lib/postgresql/*/bin/initdb 2>/dev/null)" ]
		;;
	venv) python3 -c 'import ensurepip, venv' ;;
	boto3) python3 -c 'import boto3, botocore.session as s; s.Session().get_service_model("codeconnections")' ;;
	moto) python3 -c 'import moto.server, moto.cloudformation' ;;
	awscli) aws codeconnections get-resource-sync-status --generate-cli-skeleton ;;
	node) node -e 'process.exit(Number(parseInt(process.versions.node) < 20))' && npm --version ;;
	# What is installed is what the lock file says: another one is another version.
	nodesdk) cmp "scripts/$lock" "$node/$lock" && [ -d "$node/node_modules" ] ;;
	*) echo "deps.sh: nothing is known of $1" >&2 && return 2 ;;
	esac >/dev/null 2>&1
}

# skipped says what does not run without a thing.
skipped() {
	case $1 in
	git) echo "nearly everything: gitwire, provider/git and the scripts of e2e" ;;
	sshkeygen) echo "commits that are signed with a real key" ;;
	compiler) echo "the race detector" ;;
	postgresql) echo "every suite's run on PostgreSQL" ;;
	boto3) echo "boto3 as a client" ;;
	moto) echo "moto as a CloudFormation target" ;;
	awscli) echo "the AWS CLI as a client" ;;
	node | nodesdk) echo "the AWS SDK for JavaScript as a client" ;;
	esac
}

missing() {
	for thing in $everything; do
		has "$thing" || printf '%s ' "$thing"
	done
}

debian() { command -v apt-get >/dev/null 2>&1 && [ -f /etc/debian_version ]; }

# packages gives the Debian packages for what is missing.
packages() {
	for thing in "$@"; do
		case $thing in
		git) echo git ;;
		sshkeygen) echo openssh-client ;;
		compiler) echo gcc libc6-dev ;;
		postgresql) echo postgresql ;;
		boto3 | moto | awscli) has venv || echo python3 python3-venv ;;
		node) echo nodejs npm ;;
		esac
	done | tr ' ' '\n' | sort -u | tr '\n' ' '
}

python_missing() {
	case " $* " in
	*" boto3 "* | *" moto "* | *" awscli "*) return 0 ;;
	*) return 1 ;;
	esac
}

npm_install() {
	mkdir -p "$node" && cp "scripts/package.json" "scripts/$lock" "$node" &&
		npm ci --prefix "$node" --ignore-scripts --no-audit --no-fund --loglevel=error
}

install() {
	names=$(packages "$@")
	if [ -n "$names" ]; then
		echo "apt-get install $names"
		export DEBIAN_FRONTEND=noninteractive
		# A failure shows in what is missing afterwards.
		# shellcheck disable=SC2086
		{ apt-get update -qq && apt-get install -y -qq --no-install-recommends $names; } >/dev/null || true
	fi
	if python_missing "$@"; then
		echo "python3 -m venv $venv && $venv/bin/pip install -r $requirements"
		if ! { python3 -m venv "$venv" && "$venv/bin/pip" install -q -r "$requirements"; }; then
			# A half-made one would hide what the system has.
			rm -rf "$venv"
		fi
	fi
	case " $* " in *" nodesdk "*)
		echo "npm ci --prefix $node"
		npm_install || rm -rf "$node"
		;;
	esac
}

setup() {
	lacking=$(missing)
	if [ -n "$lacking" ] && debian && [ "$(id -u)" -eq 0 ]; then
		# shellcheck disable=SC2086
		install $lacking
		lacking=$(missing)
	fi
	for thing in $lacking; do
		echo "missing: $thing; skipped for that: $(skipped "$thing")"
	done
	if [ -n "$lacking" ]; then
		echo "make deps prints the commands that install it"
		[ "${CI:-}" != true ] || { echo "CI=true: nothing may be skipped" >&2 && return 1; }
	fi
}

print() {
	lacking=$(missing)
	if [ -z "$lacking" ]; then
		echo "nothing is missing"
		return
	fi
	# shellcheck disable=SC2086
	if debian; then
		names=$(packages $lacking)
		[ -z "$names" ] || echo "sudo apt-get install $names"
	else
		echo "# with your system's packages: $lacking"
	fi
	# shellcheck disable=SC2086
	if python_missing $lacking; then
		echo "python3 -m venv $venv && $venv/bin/pip install -r $requirements"
	fi
	case " $lacking" in *" nodesdk "*)
		echo "mkdir -p $node && cp scripts/package.json scripts/$lock $node && npm ci --prefix $node --ignore-scripts"
		;;
	esac
}

"$@"
