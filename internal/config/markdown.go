package config

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

// Markdown returns docs/configuration.md: what the settings are and how they are set.
func Markdown() string {
	var page strings.Builder
	page.WriteString(introduction)
	page.WriteString("| setting | default | meaning |\n| --- | --- | --- |\n")

	flags := pflag.NewFlagSet("settings", pflag.ContinueOnError)
	var settings Settings
	settings.bind(flags)
	for _, row := range settings.table() {
		flag := flags.Lookup(row.name)
		_, usage := pflag.UnquoteUsage(flag)
		usage, inWords, _ := strings.Cut(strings.TrimSuffix(usage, ")"), " (default: ")
		meaning := strings.ToUpper(usage[:1]) + usage[1:] + "."
		if row.details != "" {
			meaning += " " + row.details
		}

		fmt.Fprintf(&page, "| `%s` | %s | %s |\n", row.name, cmp.Or(inWords, shownDefault(flag)), meaning)
	}

	return page.String()
}

// shownDefault returns the default of a setting as a cell of the table.
func shownDefault(flag *pflag.Flag) string {
	switch flag.DefValue {
	case "", "[]":
		return ""
	case "false":
		return "no"
	case "true":
		return "yes"
	}
	return "`" + strings.ReplaceAll(strings.Trim(flag.DefValue, "[]"), ",", "`, `") + "`"
}

const introduction = `# Configuration

<!-- Generated from internal/config/table.go by: go test ./internal/config -update -->

` + "`lockstep serve`" + ` reads each setting from the first of these places that has it:

1. the flag: ` + "`--poll-interval 1m`" + `
2. the environment variable, the name in capitals with ` + "`LOCKSTEP_`" + ` before it: ` + "`LOCKSTEP_POLL_INTERVAL=1m`" + `
3. the YAML file that ` + "`--config FILE` or `LOCKSTEP_CONFIG`" + ` names: ` + "`poll-interval: 1m`" + `
4. the default.

` + "`lockstep serve --print-config`" + ` prints the settings in effect, as such a file. Lists are separated by commas; in
the file they may be YAML lists. The seal key itself can be set in the variable ` + "`LOCKSTEP_SEAL_KEY`" + ` only.

## Settings

`
