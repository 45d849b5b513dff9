#!/bin/sh
# Installs what the tests need in addition to Go and modules.
#
#   deps.sh setup   installs what is missing, as root on Debian; then prints what is still missing and
#                   what is skipped because of it. With CI=true that is a failure.
#   deps.sh print   prints the commands that would install it
#   deps.sh has X   exits with 0 if X is installed
#
# Python packages are installed into .cache/python and JavaScript packages into .cache/node, never
# into the system. Debian 12 packages a botocore of 2022, which has no operation of Git sync.
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
	# The lock file is copied at installation: a different one is a different version.
	nodesdk) cmp "scripts/$lock" "$node/$lock" && [ -d "$node/node_modules" ] ;;
	*) echo "deps.sh: unknown dependency $1" >&2 && return 2 ;;
	esac >/dev/null 2>&1
}

# skipped prints what does not run without a dependency.
skipped() {
	case $1 in
	git) echo "most tests: gitwire, provider/git and the scripts of e2e" ;;
	sshkeygen) echo "commits signed with a real key" ;;
	compiler) echo "the race detector" ;;
	postgresql) echo "the tests on PostgreSQL" ;;
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

# packages prints the Debian packages for dependencies.
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
		# A failure shows as a missing dependency afterwards.
		# shellcheck disable=SC2086
		{ apt-get update -qq && apt-get install -y -qq --no-install-recommends $names; } >/dev/null || true
	fi
	if python_missing "$@"; then
		echo "python3 -m venv $venv && $venv/bin/pip install -r $requirements"
		if ! { python3 -m venv "$venv" && "$venv/bin/pip" install -q -r "$requirements"; }; then
			# An incomplete environment would hide the system's packages.
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
	absent=$(missing)
	if [ -n "$absent" ] && debian && [ "$(id -u)" -eq 0 ]; then
		# shellcheck disable=SC2086
		install $absent
		absent=$(missing)
	fi
	for thing in $absent; do
		echo "missing: $thing; skipped because of it: $(skipped "$thing")"
	done
	if [ -n "$absent" ]; then
		echo "make deps prints the commands that install it"
		[ "${CI:-}" != true ] || { echo "CI=true: nothing must be skipped" >&2 && return 1; }
	fi
}

print() {
	absent=$(missing)
	if [ -z "$absent" ]; then
		echo "nothing is missing"
		return
	fi
	# shellcheck disable=SC2086
	if debian; then
		names=$(packages $absent)
		[ -z "$names" ] || echo "sudo apt-get install $names"
	else
		echo "# with your system's package manager: $absent"
	fi
	# shellcheck disable=SC2086
	if python_missing $absent; then
		echo "python3 -m venv $venv && $venv/bin/pip install -r $requirements"
	fi
	case " $absent" in *" nodesdk "*)
		echo "mkdir -p $node && cp scripts/package.json scripts/$lock $node && npm ci --prefix $node --ignore-scripts"
		;;
	esac
}

"$@"
